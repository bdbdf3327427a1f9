import Foundation
import TestServers
import Testing

@Suite struct TestServersTests {
    @Test(arguments: ["redis-6.2.14", "valkey-8.0.1"])
    func `a server answers, is killed, paused and started again on its port`(name: String) async throws {
        let server = try await TestServer.start(name)
        let key: [UInt8] = [0, 255, 13, 10]
        #expect(try server.client().command([Array("SET".utf8), key, []]) == .ok)
        #expect(try server.client().command([Array("GET".utf8), key]) == .bulk([]))
        #expect(try server.client().pipeline([["GET", "none"], ["LPUSH", "l", "a", "b"], ["LRANGE", "l", "0", "-1"]])
            == [.bulk(nil), .integer(2), .array([.bulk([98]), .bulk([97])])])

        server.pause()
        #expect(throws: TestError.self) { try server.client(timeout: .seconds(1)).command(["PING"]) }
        server.resume()
        #expect(try server.client().command(["DBSIZE"]) == .integer(2))

        let port = server.port
        server.kill()
        #expect(throws: TestError.self) { try server.client() }
        try await server.restart()
        #expect(server.port == port)
        #expect(try server.client().command(["DBSIZE"]) == .integer(0))
    }

    @Test func `a server has a password, users, TLS, a Unix socket and a replica`() async throws {
        let certificates = try await TestCertificates.shared()
        var options = ServerOptions(["maxmemory 1gb"])
        options.password = "secret"
        options.users = ["reader on >other ~* +@read"]
        options.unixSocket = true
        options.tls = .init(identity: certificates.server, authority: certificates.authority)
        let server = try await TestServer.start("redis-7.0.15", options)
        #expect(try TestClient(port: server.port).command(["PING"]).isError)
        #expect(throws: TestError.self) { try TestClient(port: server.port, password: "wrong") }
        let reader = try TestClient(port: server.port, username: "reader", password: "other")
        #expect(try reader.command(["SET", "a", "b"]).text?.hasPrefix("NOPERM") == true)
        let socket = try #require(server.unixSocket)
        #expect(try TestClient(unixSocket: socket, password: "secret").command(["SET", "a", "b"]) == .ok)

        let tlsPort = try #require(server.tlsPort)
        func ping(_ authority: TestCertificates.Identity) async throws -> ProgramResult {
            try await Program.run(
                TestFolder.package + "/scripts/fill",
                ["--data", "strings", "--keys", "1", "--port", String(tlsPort), "--tls-ca", authority.certificate]
                    + ["--password-file", try #require(server.passwordFile)])
        }
        #expect(try await ping(certificates.authority).exit == .code(0))
        #expect(try await ping(certificates.untrustedAuthority).errorText.contains("certificate"))

        var replicaOptions = ServerOptions()
        replicaOptions.password = "secret"
        replicaOptions.replicaOf = server.port
        let replica = try await TestServer.start("valkey-8.0.1", replicaOptions)
        try await replica.wait(until: "in sync") { try $0.info("replication")["master_link_status"] == "up" }
        let comparison = try await Comparer.run(from: server, to: replica)
        #expect(comparison.isEqual, "\(comparison)")
        try replica.client().require("REPLICAOF", "NO", "ONE")
        try replica.client().require("SET", "a", "c")
        #expect(try await Comparer.run(from: server, to: replica).description.contains("value: 1"))
    }

    @Test(arguments: ["redis-6.2.14", "valkey-9.1.2"])
    func `a cluster is whole, moves a slot and fails over`(name: String) async throws {
        let cluster = try await TestCluster.start(name, replicas: 1)
        try await Filler.run(port: cluster.port, .demo, keys: 2000)
        let (source, target) = (cluster.primaries[0], cluster.primaries[1])
        let keys = try (0..<3).map { try cluster.primaries[$0].client().command(["DBSIZE"]).integer ?? 0 }
        #expect(keys.reduce(0, +) == 2000)
        #expect(keys.allSatisfy { $0 > 500 })

        // "1" hashes to slot 9842 of the second primary, "0" to 13907 of the third, "{tag}" to 8338, "6" to 4866
        #expect(try source.client().command(["SET", "6", "x"]) == .ok)
        try cluster.beginMove(slot: 4866, from: source, to: target)
        #expect(try source.client().command(["GET", "other{6}"]).text == "ASK 4866 127.0.0.1:\(target.port)")
        #expect(try cluster.moveKeys(slot: 4866, from: source, to: target) > 0)
        try cluster.finishMove(slot: 4866, to: target)
        #expect(try source.client().command(["GET", "6"]).text == "MOVED 4866 127.0.0.1:\(target.port)")
        #expect(try target.client().command(["GET", "6"]) == .bulk([120]))

        try await cluster.failover(to: cluster.replicas[2])
        #expect(try cluster.replicas[2].client().command(["SET", "0", "x"]) == .ok)
    }

    @Test func `a program gives its exit, its output, takes input and signals`() async throws {
        let result = try await Program.run(
            "/bin/sh", ["-c", "cat; echo $GIVEN >&2; exit 3"], environment: ["GIVEN": "value"],
            input: [UInt8](repeating: 65, count: 300_000))
        #expect(result.exit == .code(3))
        #expect(result.output.count == 300_000)
        #expect(result.errorText == "value\n")

        let sleeper = try Program("/bin/sleep", ["100"])
        #expect(sleeper.isRunning)
        sleeper.send(signal: SIGTERM)
        #expect(try await sleeper.wait().exit == .signal(SIGTERM))
        await #expect(throws: TestError.self) { try await Program.run("/bin/sleep", ["100"], timeout: .milliseconds(50)) }
    }
}
