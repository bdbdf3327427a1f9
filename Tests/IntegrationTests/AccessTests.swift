import Foundation
import TestServers
import Testing

/// TLS, ACL users, passwords, sockets.
@Suite(.fewAtOnce) struct AccessTests {
    private func server(
        _ name: String, _ certificates: TestCertificates, _ identity: TestCertificates.Identity? = nil,
        asksClients: Bool = false
    ) async throws -> TestServer {
        var options = ServerOptions()
        options.tls = .init(
            identity: identity ?? certificates.server, authority: certificates.authority, asksClients: asksClients)
        return try await TestServer.start(name, options)
    }

    @Test(arguments: ["snapshot", "scan"])
    func `TLS on both sides, each with its certificates`(read: String) async throws {
        let certificates = try await TestCertificates.shared()
        let source = try await server("redis-7.0.15", certificates)
        let target = try await server("valkey-8.0.1", certificates, asksClients: true)
        try await Filler.run(source, .demo, keys: 2000)
        let authority = certificates.authority.certificate
        let outcome = try await Run.run(
            from: try #require(source.tlsURL), to: try #require(target.tlsURL),
            ["--read", read, "--from-tls-ca", authority, "--to-tls-ca", authority]
                + ["--to-tls-cert", certificates.client.certificate, "--to-tls-key", certificates.client.key])
        try expectAllCopied(outcome, keys: try source.keys())
        #expect(!outcome.error.contains("WARNING"), "\(outcome)")
        try await expectEqual(source.port, target.port)
    }

    @Test func `certificates that prove nothing are refused, on each side`() async throws {
        let certificates = try await TestCertificates.shared()
        let plain = try await TestServer.start("redis-7.0.15")
        try plain.client().require("SET", "a", "1")
        let trusted = certificates.authority.certificate
        for (identity, authority, word) in [
            (certificates.server, certificates.untrustedAuthority.certificate, "not trusted"),
            (certificates.otherHost, trusted, "another host"), (certificates.expired, trusted, "not trusted"),
        ] {
            let server = try await server("valkey-8.0.1", certificates, identity)
            let url = try #require(server.tlsURL)
            let asTarget = try await Run.run(from: plain.url, to: url, ["--to-tls-ca", authority])
            expectRefusal(asTarget, 3, word, "target", server.tlsAddress)
            #expect(try server.keys() == 0)
            let asSource = try await Run.run(from: url, to: plain.url, ["--from-tls-ca", authority])
            expectRefusal(asSource, 3, word, "source", server.tlsAddress)

            let insecure = try await Run.run(from: plain.url, to: url, ["--to-tls-insecure"])
            try expectAllCopied(insecure, keys: 1)
            #expect(insecure.error.contains("WARNING: --to-tls-insecure"), "\(insecure)")
        }
        #expect(try plain.keys() == 1)
    }

    @Test func `TLS and plain ports taken for each other are told`() async throws {
        let certificates = try await TestCertificates.shared()
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await server("valkey-8.0.1", certificates, asksClients: true)
        let authority = ["--to-tls-ca", certificates.authority.certificate]
        let port = try #require(target.tlsPort)
        expectRefusal(
            try await Run.run(from: source.url, to: "rediss://127.0.0.1:\(target.port)", authority), 3, "redis://")
        expectRefusal(try await Run.run(from: source.url, to: "redis://127.0.0.1:\(port)"), 3, "rediss://")
        expectRefusal(
            try await Run.run(from: source.url, to: "rediss://127.0.0.1:\(port)", authority), 3, "--to-tls-cert")
        let missing = ["--to-tls-ca", "/nonexistent/ca.pem"]
        expectRefusal(
            try await Run.run(from: source.url, to: "rediss://127.0.0.1:\(port)", missing), 3, "/nonexistent/ca.pem")
    }

    @Test func `a cluster by TLS`() async throws {
        let certificates = try await TestCertificates.shared()
        var options = ServerOptions(["tls-cluster no"])
        options.tls = .init(identity: certificates.server, authority: certificates.authority)
        let target = try await TestCluster.start("valkey-8.0.1", options)
        let source = try await TestServer.start("redis-7.0.15")
        try await Filler.run(source, .demo, keys: 2000)
        let outcome = try await Run.run(
            from: source.url, to: try #require(target.primaries[0].tlsURL),
            ["--to-tls-ca", certificates.authority.certificate])
        try expectAllCopied(outcome, keys: try source.keys())
        try await expectEqual(source.port, target.port)
    }

    @Test(arguments: ["snapshot", "scan"])
    func `passwords come from files, which may end in a newline, and from the environment`(read: String) async throws {
        var options = ServerOptions()
        options.password = "source-secret"
        let source = try await TestServer.start("redis-7.0.15", options)
        options.password = "target-secret"
        let target = try await TestServer.start("valkey-8.0.1", options)
        try await Filler.run(source, .demo, keys: 2000)
        let keys = try Int(source.client().require("DBSIZE").integer ?? 0)
        let file = source.folder + "/with-newline"
        try Data("source-secret\n".utf8).write(to: URL(fileURLWithPath: file))
        for (arguments, environment) in [
            (["--from-password-file", file, "--to-password-file", try #require(target.passwordFile)], [:]),
            ([], ["BACKFILL_FROM_PASSWORD": "source-secret", "BACKFILL_TO_PASSWORD": "target-secret"]),
            // A file goes before the environment.
            (
                ["--from-password-file", file],
                ["BACKFILL_FROM_PASSWORD": "x", "BACKFILL_TO_PASSWORD": "target-secret"]
            ),
        ] {
            let outcome = try await Run.run(
                from: source.url, to: target.url, ["--read", read] + arguments, environment: environment)
            try expectAllCopied(outcome, keys: keys)
            let comparison = try await Comparer.run(from: source, to: target)
            #expect(comparison.isEqual, "\(comparison)")
        }
    }

    @Test func `users with no more than they need`() async throws {
        var options = ServerOptions()
        options.users = [
            "replica on >one resetkeys -@all +psync +replconf +info +ping +role +time +client +cluster +config|get +hello",
            "scanner on >one ~* -@all +scan +dump +pexpiretime +pttl +type +multi +exec +info +ping +role +time +client"
                + " +cluster +select +function|list +readonly +object",
        ]
        let source = try await TestServer.start("redis-7.0.15", options)
        options.users = [
            "writer on >two ~* -@all +set +mset +restore +select +multi +exec +discard +info +ping +role +time +client"
                + " +cluster +function|load +config|get +asking"
        ]
        let target = try await TestServer.start("valkey-8.0.1", options)
        try await Filler.run(source, .demo, keys: 2000)
        let environment = ["BACKFILL_FROM_PASSWORD": "one", "BACKFILL_TO_PASSWORD": "two"]
        for (user, read) in [("replica", "snapshot"), ("scanner", "scan")] {
            try target.flush()
            try target.client().require("FUNCTION", "FLUSH")
            let outcome = try await Run.run(
                from: "redis://\(user)@127.0.0.1:\(source.port)", to: "redis://writer@127.0.0.1:\(target.port)",
                ["--read", read], environment: environment)
            try expectAllCopied(outcome, keys: try source.keys())
            try await expectEqual(source.port, target.port)
        }
    }

    @Test(arguments: ["snapshot", "scan"])
    func `Unix sockets`(read: String) async throws {
        var options = ServerOptions()
        options.unixSocket = true
        let source = try await TestServer.start("redis-7.0.15", options)
        let target = try await TestServer.start("valkey-8.0.1", options)
        try await Filler.run(source, .demo, keys: 2000)
        let outcome = try await Run.run(
            from: try #require(source.unixURL), to: try #require(target.unixURL), ["--read", read])
        try expectAllCopied(outcome, keys: try source.keys())
        try await expectEqual(source.port, target.port)
    }
}

extension TestServer {
    /// Where it listens for TLS, as a message names it.
    var tlsAddress: String { "127.0.0.1:\(tlsPort ?? 0)" }
    /// Where it listens, as a message names it.
    var address: String { "127.0.0.1:\(port)" }
}
