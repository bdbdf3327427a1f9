import Foundation
import NIOCore
import RESP
import TestServers
import Testing

@Suite struct ConnectionTests {
    private static func passwordFile(_ text: String) throws -> String {
        let path = try TestFolder.make("password") + "/password"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private static func settings(user: String? = nil, password: String? = nil) throws -> ConnectionSettings {
        let source = try password.map { Credentials.PasswordSource.file(path: try passwordFile($0)) } ?? .none
        return ConnectionSettings(side: .source, credentials: Credentials(user: user, password: source))
    }

    @Test(arguments: ["redis-6.0.16", "redis-8.6.3", "valkey-9.1.2"])
    func `commands are answered in order, errors among them`(name: String) async throws {
        let server = try await TestServer.start(name)
        let connection = try await server.connect()
        #expect(try await connection.send("SET", [0xFF, 0x00] as [UInt8], "a\r\nb") == .ok)
        let replies = try await connection.pipeline([
            ["GET", [0xFF, 0x00] as [UInt8]], ["NONSENSE"], ["DBSIZE"], ["GET", "x"],
        ])
        #expect(replies[0].text == "a\r\nb")
        #expect(replies[1].error?.code == "ERR")
        #expect(replies[2] == .integer(1))
        #expect(replies[3].isNull)
        #expect(try await connection.send("CLIENT", "GETNAME").text == "backfill-source")
        #expect(try await connection.pipeline([]).isEmpty)
        await connection.close()
        #expect(await connectionError { _ = try await connection.send("PING") }?.code == .closed)
    }

    @Test func `a large value arrives whole`() async throws {
        let server = try await TestServer.start("valkey-9.1.2")
        let connection = try await server.connect()
        let value = [UInt8](repeating: 0x61, count: 20 << 20)
        #expect(try await connection.send("SET", "k", value) == .ok)
        #expect(try await connection.send("GET", "k").bytes?.readableBytes == value.count)
    }

    @Test(arguments: ["redis-6.0.16", "redis-6.2.14", "valkey-9.1.2"])
    func `a password file opens the door, a wrong one does not`(name: String) async throws {
        let server = try await TestServer.start(name, ServerOptions(password: "s3cret"))
        let connection = try await server.connect(Self.settings(password: "s3cret\n"))
        #expect(try await connection.send("PING").text == "PONG")

        let wrong = await connectionError { _ = try await server.connect(Self.settings(password: "wrong")) }
        #expect(wrong?.code == .authentication)
        #expect(wrong?.message.contains("--from-password-file") == true)
        #expect(wrong?.message.contains("wrong") == true)

        let missing = await connectionError { _ = try await server.connect() }
        #expect(missing?.code == .authentication)
        #expect(missing?.message.contains("wants a password") == true)
    }

    @Test func `a rotated password is taken up at the next connect`() async throws {
        let server = try await TestServer.start("valkey-9.1.2", ServerOptions(password: "one"))
        let settings = try Self.settings(password: "one")
        let connection = try await server.connect(settings)
        #expect(try await connection.send("CONFIG", "SET", "requirepass", "two") == .ok)
        guard case .file(let path) = settings.credentials.password else { return }
        try "two\r\n".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try await server.connect(settings).send("PING").text == "PONG")
    }

    @Test func `a password may come from the environment`() async throws {
        setenv("RESP_TESTS_PASSWORD", "s3cret", 1)
        let server = try await TestServer.start("valkey-9.1.2", ServerOptions(password: "s3cret"))
        let credentials = Credentials(password: .environment(variable: "RESP_TESTS_PASSWORD"))
        let connection = try await server.connect(ConnectionSettings(side: .source, credentials: credentials))
        #expect(try await connection.send("PING").text == "PONG")
    }

    @Test func `a password that nobody asked for is refused with a hint`() async throws {
        for name in ["redis-6.0.16", "valkey-9.1.2"] {
            let server = try await TestServer.start(name)
            let error = await connectionError { _ = try await server.connect(Self.settings(password: "x")) }
            #expect(error?.code == .authentication)
            #expect(error?.message.contains("no password set") == true)
        }
    }

    @Test func `an unreadable password file is named`() async throws {
        var settings = ConnectionSettings(side: .target)
        settings.credentials.password = .file(path: "/nonexistent/password")
        let error = await connectionError {
            _ = try await Connection.open(.tcp(host: "127.0.0.1", port: 1), settings: settings, on: loop)
        }
        #expect(error?.code == .unusableFile)
        #expect(error?.message == "The password file /nonexistent/password does not exist.")
    }

    @Test func `an ACL user logs in, and a command it lacks is named`() async throws {
        let server = try await TestServer.start(
            "valkey-9.1.2",
            ServerOptions(["user ann on >pw ~* +get +client", "user free on nopass ~* +@all"]))
        let connection = try await server.connect(Self.settings(user: "ann", password: "pw"))
        #expect(try await connection.send("GET", "k").isNull)
        let error = await connectionError { _ = try await connection.demand("CLUSTER", "SLOTS") }
        #expect(error?.code == .noPermission)
        #expect(error?.message.contains("+cluster|slots") == true)
        #expect(error?.message.contains("'ann'") == true)
        let wrong = await connectionError { _ = try await server.connect(Self.settings(user: "ann", password: "no")) }
        #expect(wrong?.message.contains("refuses user 'ann'") == true)
        _ = try await server.connect(Self.settings(user: "free"))
    }

    @Test func `a Unix socket is as good as a port`() async throws {
        var options = ServerOptions()
        options.unixSocket = true
        let server = try await TestServer.start("redis-7.0.15", options)
        let path = try #require(server.unixSocket)
        let connection = try await Connection.open(
            .unix(path: path), settings: ConnectionSettings(side: .source), on: loop)
        #expect(try await connection.send("PING").text == "PONG")
        let missing = await connectionError {
            _ = try await Connection.open(
                .unix(path: path + "x"), settings: ConnectionSettings(side: .source), on: loop)
        }
        #expect(missing?.code == .refused)
        #expect(missing?.message.contains("no socket at") == true)
    }

    @Test func `nobody there and no such host are told apart`() async throws {
        let (port, owner) = try await unusedPort()
        defer { _ = owner }
        let settings = ConnectionSettings(side: .target, connectTimeout: .seconds(5))
        let refused = await connectionError {
            _ = try await Connection.open(.tcp(host: "localhost", port: port), settings: settings, on: loop)
        }
        #expect(refused?.code == .refused)
        #expect(refused?.message.hasPrefix("The target at localhost:\(port) refuses connections") == true)
        let unknown = await connectionError {
            _ = try await Connection.open(.tcp(host: "no-such-host.invalid", port: 1), settings: settings, on: loop)
        }
        #expect(unknown?.code == .resolve)
    }

    @Test func `a server that hangs is noticed within the time-out`() async throws {
        let server = try await TestServer.start("valkey-9.1.2")
        let settings = ConnectionSettings(side: .source, replyTimeout: .milliseconds(300))
        let connection = try await server.connect(settings)
        server.pause()
        let start = ContinuousClock.now
        let error = await connectionError { _ = try await connection.send("PING") }
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("300 ms") == true)
        #expect(await connectionError { _ = try await server.connect(settings) }?.code == .timedOut)
        #expect(ContinuousClock.now - start < .seconds(3))
        try await connection.closed.get()
    }

    @Test func `a server that dies fails what is awaited`() async throws {
        let server = try await TestServer.start("valkey-9.1.2")
        let connection = try await server.connect()
        async let reply = connectionError { _ = try await connection.send("BLPOP", "k", "0") }
        try await Task.sleep(for: .milliseconds(100))
        server.kill()
        #expect(await reply?.code == .closed)
    }

    @Test func `no more clients than the server takes`() async throws {
        let server = try await TestServer.start("valkey-9.1.2", ServerOptions(["maxclients 1"]))
        let first = try await connectSoon(port: server.port)
        let error = await connectionError {
            _ = try await Connection.open(server.endpoint, settings: ConnectionSettings(side: .source), on: loop)
        }
        #expect(error?.code == .refused || error?.code == .closed)
        await first.close()
    }

    @Test func `a channel is handed over with what came behind the last reply`() async throws {
        let server = try await TestServer.start("valkey-9.1.2")
        let connection = try await server.connect()
        #expect(try await connection.send("SET", "k", "v") == .ok)
        let reply = try await connection.send("PSYNC", "?", "-1")
        #expect(reply.text?.hasPrefix("FULLRESYNC") == true)
        try await Task.sleep(for: .milliseconds(300))
        let (channel, leftover) = try await connection.handOver()
        let promise = loop.makePromise(of: ByteBuffer.self)
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(Collector(expecting: 5, bytes: leftover, done: promise))
        }.get()
        try await channel.setOption(.autoRead, value: true).get()
        let bytes = try await promise.futureResult.get()
        // Bare line feeds while the snapshot is made, then its length or marker.
        #expect(String(buffer: bytes).drop { $0 == "\n" }.hasPrefix("$"))
        #expect(await connectionError { _ = try await connection.send("PING") } != nil)
        try await channel.close()
    }

    @Test func `a connection in use is not handed over`() async throws {
        let server = try await TestServer.start("valkey-9.1.2")
        let connection = try await server.connect()
        async let reply = connection.send("BLPOP", "k", "0.5")
        try await Task.sleep(for: .milliseconds(100))
        #expect(await connectionError { _ = try await connection.handOver() }?.code == .protocolViolation)
        #expect(try await reply.isNull)
    }
}

/// Takes bytes over from a control connection until there are enough of them besides line feeds.
private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let done: EventLoopPromise<ByteBuffer>
    private let expected: Int
    private var bytes: ByteBuffer

    init(expecting expected: Int, bytes: ByteBuffer, done: EventLoopPromise<ByteBuffer>) {
        self.expected = expected
        self.bytes = bytes
        self.done = done
    }

    func handlerAdded(context: ChannelHandlerContext) { check() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var chunk = unwrapInboundIn(data)
        bytes.writeBuffer(&chunk)
        check()
    }

    private func check() {
        if bytes.readableBytesView.count(where: { $0 != UInt8(ascii: "\n") }) >= expected { done.succeed(bytes) }
    }
}
