import Foundation
import NIOCore
import RESP
import TestServers
import Testing

@Suite struct TLSTests {
    private func server(
        _ identity: any KeyPath<TestCertificates, TestCertificates.Identity> & Sendable = \.server,
        asksClients: Bool = false
    ) async throws -> TestServer {
        let certificates = try await TestCertificates.shared()
        var options = ServerOptions()
        options.tls = .init(
            identity: certificates[keyPath: identity], authority: certificates.authority, asksClients: asksClients)
        return try await TestServer.start("valkey-8.0.1", options)
    }

    private func connect(
        _ server: TestServer, host: String = "localhost", _ tls: TLSSettings?
    ) async throws -> Connection {
        try await Connection.open(
            .tcp(host: host, port: try #require(server.tlsPort)), settings: ConnectionSettings(side: .target, tls: tls),
            on: loop)
    }

    private func trusting() async throws -> TLSSettings {
        TLSSettings(authorityFile: try await TestCertificates.shared().authority.certificate)
    }

    @Test func `a certificate of the named authority is trusted, for a host name and for an address`() async throws {
        let server = try await server()
        for host in ["localhost", "127.0.0.1"] {
            #expect(try await connect(server, host: host, trusting()).send("PING").text == "PONG")
        }
    }

    @Test func `an untrusted certificate is refused, unless asked to be insecure`() async throws {
        let server = try await server()
        let stranger = try await TestCertificates.shared().untrustedAuthority.certificate
        for tls in [TLSSettings(), TLSSettings(authorityFile: stranger)] {
            let error = await connectionError { _ = try await connect(server, tls) }
            #expect(error?.code == .tls)
            #expect(error?.message.contains("not trusted") == true)
            #expect(error?.message.contains("--to-tls-ca") == true)
        }
        #expect(try await connect(server, TLSSettings(isInsecure: true)).send("PING").text == "PONG")
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func `a certificate for another host is refused`(host: String) async throws {
        let server = try await server(\.otherHost)
        let error = await connectionError { _ = try await connect(server, host: host, trusting()) }
        #expect(error?.code == .tls)
        #expect(error?.message.contains("another host") == true)
    }

    @Test func `an expired certificate is refused`() async throws {
        let server = try await server(\.expired)
        let error = await connectionError { _ = try await connect(server, trusting()) }
        #expect(error?.code == .tls)
        #expect(error?.message.contains("time of validity") == true, "\(error?.message ?? "")")
    }

    @Test func `a server may want a certificate from us`() async throws {
        let server = try await server(asksClients: true)
        let error = await connectionError { _ = try await connect(server, trusting()) }
        #expect(error?.code == .tls)
        #expect(error?.message.contains("--to-tls-cert") == true)
        let client = try await TestCertificates.shared().client
        var tls = try await trusting()
        tls.certificateFile = client.certificate
        tls.keyFile = client.key
        #expect(try await connect(server, tls).send("PING").text == "PONG")
    }

    @Test func `files that hold no certificate or no key are named`() async throws {
        let server = try await server()
        let certificates = try await TestCertificates.shared()
        let wrong = TLSSettings(authorityFile: certificates.authority.key)
        #expect(
            await connectionError { _ = try await connect(server, wrong) }?.message.contains(
                "authority.key holds no cert")
                == true)
        var half = try await trusting()
        half.certificateFile = certificates.client.certificate
        #expect(await connectionError { _ = try await connect(server, half) }?.code == .unusableFile)
    }

    @Test func `plain text to a TLS port and TLS to a plain port are told apart`() async throws {
        let server = try await server()
        let plain = await connectionError { _ = try await connect(server, nil) }
        #expect(plain?.message.contains("rediss://") == true, "\(plain?.message ?? "")")
        let settings = try await ConnectionSettings(
            side: .target, tls: trusting(), connectTimeout: .milliseconds(500))
        let tls = await connectionError { _ = try await server.connect(settings) }
        #expect(tls?.message.contains("redis://") == true)
    }

    @Test func `TLS stays on a channel that is handed over`() async throws {
        let server = try await server()
        let connection = try await connect(server, trusting())
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
