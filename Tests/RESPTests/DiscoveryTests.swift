import Foundation
import NIOCore
import RESP
import TestServers
import Testing

@Suite struct DiscoveryTests {
    private func discover(
        _ url: String, addressMap: AddressMap = AddressMap(), patience: TimeAmount = .seconds(10),
        known: [Endpoint] = []
    ) async throws -> Deployment {
        try await Deployment.discover(
            DeploymentURL(url), settings: ConnectionSettings(side: .source), addressMap: addressMap, known: known,
            patience: patience, on: loop)
    }

    private func poll(_ what: String, _ condition: () async throws -> Bool) async throws {
        for _ in 0..<150 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(100))
        }
        Issue.record("\(what) did not come about")
    }

    @Test(arguments: ["redis-7.0.15", "valkey-9.1.2"])
    func `a cluster is found whole from any of its nodes`(name: String) async throws {
        let servers = try await TestCluster.start(name).primaries
        let asked = try await servers[0].connect()
        for server in servers {
            let deployment = try await discover("redis://127.0.0.1:1,\(server.endpoint)")
            guard case .cluster(let map) = deployment.topology else {
                Issue.record("not a cluster")
                return
            }
            #expect(map.primaries.map(\.endpoint) == servers.map(\.endpoint))
            #expect(map.primaries.map(\.slots.description) == ["0-5460", "5461-10921", "10922-16383"])
            #expect(map.uncovered.isEmpty)
            #expect(Set(deployment.facts.keys) == Set(servers.map(\.endpoint)))
            #expect(deployment.facts.values.allSatisfy { $0.isClusterEnabled && $0.databases == 1 })
            #expect(deployment.failures.map(\.code) == [.refused])
        }
        // Every slot that we compute is the one that the server computes.
        for number in 0..<200 {
            let key = "key:\(number){\(number % 7 == 0 ? "" : "tag\(number % 5)")}"
            #expect(
                try await asked.send("CLUSTER", "KEYSLOT", key).integer
                    == Int64(HashSlot(key: Array(key.utf8)).rawValue))
        }
        let map = try AddressMap(parsing: servers.map { "127.0.0.1:\($0.port)=localhost" })
        let mapped = try await discover("redis://\(servers[1].endpoint)", addressMap: map)
        #expect(mapped.primaries == servers.map { .tcp(host: "localhost", port: $0.port) })
    }

    @Test func `a standalone server is found, alone or from its replica, under two names, over a Unix socket`()
        async throws
    {
        var options = ServerOptions(["databases 7"])
        options.unixSocket = true
        let primary = try await TestServer.start("valkey-9.1.2", options)
        let path = try #require(primary.unixSocket)
        let connection = try await primary.connect()
        _ = try await connection.demand("MSET", "a", "1", "b", "2")
        let replica = try await primary.startReplica()
        let follower = try await replica.connect()
        try await poll("the link") {
            try await ServerFacts.fetch(from: follower).role == .replica(of: primary.endpoint, isLinkUp: true)
        }

        for url in [
            "redis://127.0.0.1:\(primary.port)", "redis://127.0.0.1:\(replica.port)",
            "redis://127.0.0.1:\(replica.port),127.0.0.1:1,127.0.0.1:\(primary.port)",
        ] {
            let deployment = try await discover(url)
            #expect(deployment.topology == .standalone(primary: primary.endpoint, replicas: [replica.endpoint]))
            let facts = try #require(deployment.facts[primary.endpoint])
            #expect(facts.product == .valkey && facts.version == ServerVersion(9, 1, 2) && facts.rdbVersion == 80)
            #expect(facts.databases == 7)
            #expect(facts.keyCounts == [0: 2])
            #expect(abs(Date.now.timeIntervalSince1970 - Double(facts.clockMilliseconds ?? 0) / 1000) < 5)
        }
        let twoNames = try await discover("redis://localhost:\(primary.port),127.0.0.1:\(primary.port)")
        #expect(twoNames.primaries == [.tcp(host: "localhost", port: primary.port)])
        #expect(try await discover("unix://\(path)").primaries == [.unix(path: path)])

        // Failover: the primary dies, the replica is promoted, and found among those known.
        let known = try await discover("redis://127.0.0.1:\(primary.port)").endpoints
        primary.kill()
        _ = try await follower.demand("REPLICAOF", "NO", "ONE")
        let after = try await discover("redis://127.0.0.1:\(primary.port)", known: known)
        #expect(after.primaries == [replica.endpoint])
        #expect(after.failures.map(\.endpoint) == [primary.endpoint])
    }

    @Test func `several independent primaries are refused and named`() async throws {
        let servers = [try await TestServer.start("redis-7.0.15"), try await TestServer.start("redis-7.0.15")]
        let error = await #expect(throws: DiscoveryError.self) {
            try await discover("redis://\(servers[0].endpoint),\(servers[1].endpoint)")
        }
        #expect(error?.code == .severalPrimaries)
        for server in servers { #expect(error?.message.contains(server.endpoint.description) == true) }
    }

    @Test func `nobody there is said of each`() async throws {
        let (port, owner) = try await unusedPort()
        defer { _ = owner }
        let error = await #expect(throws: DiscoveryError.self) {
            try await discover("redis://127.0.0.1:\(port),localhost:\(port)")
        }
        #expect(error?.code == .unreachable)
        #expect(error?.causes.map(\.code) == [.refused, .refused])
    }

    @Test func `a server that is loading its data is waited for`() async throws {
        let server = try await TestServer.start("valkey-9.1.2")
        let writer = try await server.connect()
        _ = try await writer.demand("DEBUG", "POPULATE", "20000", "k", "10")
        _ = try await writer.demand("SAVE")
        server.kill()
        // Not by `restart`, which would wait until it has loaded everything.
        let loading = try Program(
            "\(TestFolder.servers)/valkey-9.1.2/valkey-server",
            ["--port", "\(server.port)", "--dir", server.folder, "--save", "", "--key-load-delay", "50"]
                + ["--loading-process-events-interval-bytes", "1024"])
        let other = try await connectSoon(port: server.port)
        #expect(try await other.send("GET", "k").error?.code == "LOADING")
        let deployment = try await discover("redis://\(server.endpoint)")
        #expect(deployment.facts[server.endpoint]?.keyCounts == [0: 20000])
        #expect(loading.isRunning)
    }

    @Test func `Sentinels are asked for the primary`() async throws {
        let primary = try await TestServer.start("valkey-9.1.2")
        _ = try await primary.connect()
        let replica = try await primary.startReplica()
        let folder = try TestFolder.make("sentinel")
        let (port, owner) = try await unusedPort()
        defer { _ = owner }
        try "port \(port)\ndir \(folder)\nsentinel monitor my-name 127.0.0.1 \(primary.port) 1\n"
            .write(toFile: folder + "/sentinel.conf", atomically: true, encoding: .utf8)
        let sentinel = try Program(
            "\(TestFolder.servers)/valkey-9.1.2/valkey-server", [folder + "/sentinel.conf", "--sentinel"])
        let connection = try await connectSoon(port: port)
        let follower = try await replica.connect()
        try await poll("the link") {
            try await ServerFacts.fetch(from: follower).role == .replica(of: primary.endpoint, isLinkUp: true)
        }

        let found = try await discover("redis+sentinel://127.0.0.1:1,127.0.0.1:\(port)/my-name")
        #expect(found.primaries == [primary.endpoint])
        let unknown = await #expect(throws: DiscoveryError.self) {
            try await discover("redis+sentinel://127.0.0.1:\(port)/other")
        }
        #expect(unknown?.code == .unknownName)
        // The Sentinel hears of replicas from the primary, every ten seconds at most.
        try await poll("the replica") {
            try await discover("redis+sentinel://127.0.0.1:\(port)/my-name").endpoints == [
                primary.endpoint, replica.endpoint,
            ]
        }
        await connection.close()
        #expect(sentinel.isRunning)
    }
}
