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
        #expect(
            try server.client().pipeline([["GET", "none"], ["LPUSH", "l", "a", "b"], ["LRANGE", "l", "0", "-1"]])
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

        // key 3 is in slot 1584 of the first primary, key 0 in slot 13907 of the third
        #expect(try source.client().command(["SET", "3", "x"]) == .ok)
        try cluster.beginMove(slot: 1584, from: source, to: target)
        #expect(try source.client().command(["GET", "other{3}"]).text == "ASK 1584 127.0.0.1:\(target.port)")
        #expect(try cluster.moveKeys(slot: 1584, from: source, to: target) > 0)
        try cluster.finishMove(slot: 1584, to: target)
        #expect(try source.client().command(["GET", "3"]).text == "MOVED 1584 127.0.0.1:\(target.port)")
        #expect(try target.client().command(["GET", "3"]) == .bulk([120]))

        try await cluster.failover(to: cluster.replicas[2])
        #expect(try cluster.replicas[2].client().command(["SET", "0", "x"]) == .ok)
    }

    @Test func `a cluster and a single server filled alike are equal`() async throws {
        let cluster = try await TestCluster.start("valkey-8.0.1")
        let server = try await TestServer.start("redis-7.4.1")
        let now = ["--now", "2000000000000"]
        try await Filler.run(port: cluster.port, .strings, keys: 5000, now)
        try await Filler.run(server, .strings, keys: 5000, database: 3, now)
        let comparison = try await Comparer.run(from: server.port, to: cluster.port, ["--db-map", "3=0"])
        #expect(comparison.isEqual, "\(comparison)")
        try server.client().pipeline([["SELECT", "3"], ["DEL", "key:0000000000000000"], ["SET", "more", "1"]])
        let changed = try await Comparer.run(from: server.port, to: cluster.port, ["--db-map", "3=0"])
        #expect(changed.description.contains("missing: 1"))
        #expect(changed.description.contains("extra: 1"))
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
        await #expect(throws: TestError.self) {
            try await Program.run("/bin/sleep", ["100"], timeout: .milliseconds(50))
        }
    }
}
