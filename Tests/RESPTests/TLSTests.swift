import Foundation
import NIOCore
import RESP
import Testing

@Suite struct TLSTests {
    private let certificates: Certificates

    init() throws { certificates = try Certificates() }

    private func server(_ certificate: String, authClients: String = "no") throws -> LocalServer {
        let port = try LocalServer.freePort()
        return try LocalServer(
            "valkey-8.0.1", port: port, certificates.options(certificate, port: port, authClients: authClients))
    }

    private func connect(
        _ server: LocalServer, host: String = "localhost", _ tls: TLSSettings?, timeout: TimeAmount = .seconds(5)
    ) async throws -> Connection {
        let settings = ConnectionSettings(side: .target, tls: tls, connectTimeout: timeout)
        let endpoint = Endpoint.tcp(host: host, port: server.port)
        for _ in 0..<100 {
            do throws(ConnectionError) {
                return try await Connection.open(endpoint, settings: settings, on: loop)
            } catch {
                guard error.code == .refused else { throw error }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        return try await Connection.open(endpoint, settings: settings, on: loop)
    }

    private var trusting: TLSSettings { TLSSettings(authorityFile: certificates.path("ca.crt")) }

    @Test func `a certificate of the named authority is trusted, for a host name and for an address`() async throws {
        let named = try server("local")
        #expect(try await connect(named, trusting).send("PING").text == "PONG")
        let address = try server("address")
        #expect(try await connect(address, host: "127.0.0.1", trusting).send("PING").text == "PONG")
    }

    @Test func `an untrusted certificate is refused, unless asked to be insecure`() async throws {
        let server = try server("local")
        for tls in [TLSSettings(), TLSSettings(authorityFile: certificates.path("stranger.crt"))] {
            let error = await connectionError { _ = try await connect(server, tls) }
            #expect(error?.code == .tls)
            #expect(error?.message.contains("not trusted") == true)
            #expect(error?.message.contains("--to-tls-ca") == true)
        }
        #expect(try await connect(server, TLSSettings(isInsecure: true)).send("PING").text == "PONG")
    }

    @Test(arguments: [("other", "localhost"), ("local", "127.0.0.1")])
    func `a certificate for another host is refused`(certificate: String, host: String) async throws {
        let server = try server(certificate)
        let error = await connectionError { _ = try await connect(server, host: host, trusting) }
        #expect(error?.code == .tls)
        #expect(error?.message.contains("another host") == true)
    }

    @Test func `a server may want a certificate from us`() async throws {
        let server = try server("local", authClients: "yes")
        let error = await connectionError { _ = try await connect(server, trusting) }
        #expect(error?.code == .tls)
        #expect(error?.message.contains("--to-tls-cert") == true)
        var tls = trusting
        tls.certificateFile = certificates.path("other.crt")
        tls.keyFile = certificates.path("other.key")
        #expect(try await connect(server, tls).send("PING").text == "PONG")
    }

    @Test func `files that hold no certificate or no key are named`() async throws {
        let server = try server("local")
        let wrong = TLSSettings(authorityFile: certificates.path("ca.key"))
        #expect(
            await connectionError { _ = try await connect(server, wrong) }?.message.contains("ca.key holds no cert")
                == true)
        var half = trusting
        half.certificateFile = certificates.path("other.crt")
        #expect(await connectionError { _ = try await connect(server, half) }?.code == .unusableFile)
    }

    @Test func `plain text to a TLS port and TLS to a plain port are told apart`() async throws {
        let server = try server("local")
        _ = try await connect(server, trusting)
        let plain = await connectionError { _ = try await connect(server, nil) }
        #expect(plain?.message.contains("rediss://") == true, "\(plain?.message ?? "")")
        let other = try LocalServer("valkey-8.0.1")
        _ = try await other.connect()
        let tls = await connectionError { _ = try await connect(other, trusting, timeout: .milliseconds(500)) }
        #expect(tls?.message.contains("redis://") == true)
    }

    @Test func `TLS stays on a channel that is handed over`() async throws {
        let server = try server("local")
        let connection = try await connect(server, trusting)
        let (channel, leftover) = try await connection.handOver()
        #expect(leftover.readableBytes == 0)
        let promise = loop.makePromise(of: ByteBuffer.self)
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(FirstRead(promise))
        }.get()
        try await channel.setOption(.autoRead, value: true).get()
        try await channel.writeAndFlush(CommandEncoder.encode("PING")).get()
        #expect(String(buffer: try await promise.futureResult.get()) == "+PONG\r\n")
        // The server ends TLS without saying so.
        try? await channel.close()
    }
}

private final class FirstRead: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let promise: EventLoopPromise<ByteBuffer>

    init(_ promise: EventLoopPromise<ByteBuffer>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { promise.succeed(unwrapInboundIn(data)) }
}
