import NIOCore
import Testing

@testable import RESP

@Suite struct ServerFactsTests {
    @Test(arguments: [
        ("redis_version:5.0.6", "redis", "5.0.6", 9), ("redis_version:6.2.14", "redis", "6.2.14", 9),
        ("redis_version:7.0.15", "redis", "7.0.15", 10), ("redis_version:7.2.4", "redis", "7.2.4", 11),
        ("redis_version:7.4.1", "redis", "7.4.1", 12), ("redis_version:8.4.0", "redis", "8.4.0", 12),
        ("redis_version:8.6.3", "redis", "8.6.3", 13), ("redis_version:4.0.14", "redis", "4.0.14", 8),
        ("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1", "valkey", "8.0.1", 11),
        ("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2", "valkey", "9.1.2", 80),
        ("redis_version:7.2.4\r\nredict_version:7.3.1", "redict", "7.3.1", 12),
        ("redis_version:255.255.255", "redis", "255.255.255", 13),
    ])
    func `product, version and RDB version follow from INFO`(
        text: String, product: String, version: String, rdbVersion: Int
    ) throws {
        let facts = try #require(ServerFacts(info: ServerInfo(parsing: text)))
        #expect(facts.product.name == product)
        #expect(facts.version.description == version)
        #expect(facts.rdbVersion == rdbVersion)
    }

    /// Lines of a Valkey 9.1.2, shortened.
    private static let primary = """
        # Server\r
        redis_version:7.2.4\r
        valkey_version:9.1.2\r
        run_id:2f12bb5aaa9906a04f57dae2f8e92a7b7eded6d9\r
        \r
        # Memory\r
        maxmemory_policy:allkeys-lru\r
        # Persistence\r
        loading:0\r
        async_loading:0\r
        # Stats\r
        evicted_keys:17\r
        # Replication\r
        role:master\r
        connected_slaves:2\r
        slave0:ip=10.0.0.2,port=7001,state=online,offset=14,lag=1,type=replica\r
        slave1:ip=::1,port=0,state=online,offset=14,lag=1,type=replica\r
        slave2:ip=::1,port=7003,state=online,offset=14,lag=1,type=replica\r
        master_replid:79d1f2b4c1d7e8e0e7c6f0d3a2b1c0d9e8f7a6b5\r
        master_replid2:0000000000000000000000000000000000000000\r
        master_repl_offset:14\r
        # Cluster\r
        cluster_enabled:0\r
        # Keyspace\r
        db0:keys=2,expires=0,avg_ttl=0\r
        db10:keys=1234567,expires=1,avg_ttl=3\r

        """

    @Test func `the facts of a primary are read`() throws {
        let facts = try #require(
            ServerFacts(
                info: ServerInfo(parsing: Self.primary),
                configuration: .array([.bulk(ByteBuffer(string: "databases")), .bulk(ByteBuffer(string: "16"))]),
                time: .array([.bulk(ByteBuffer(string: "1795247779")), .bulk(ByteBuffer(string: "152553"))])))
        #expect(facts.runID == "2f12bb5aaa9906a04f57dae2f8e92a7b7eded6d9")
        #expect(facts.role == .primary)
        #expect(facts.replicas == [.tcp(host: "10.0.0.2", port: 7001), .tcp(host: "::1", port: 7003)])
        #expect(facts.replicationID == "79d1f2b4c1d7e8e0e7c6f0d3a2b1c0d9e8f7a6b5")
        #expect(facts.previousReplicationID == nil)
        #expect(facts.replicationOffset == 14)
        #expect(facts.maxmemoryPolicy == "allkeys-lru")
        #expect(facts.keyCounts == [0: 2, 10: 1_234_567])
        #expect(facts.evictedKeys == 17)
        #expect(facts.databases == 16)
        #expect(facts.clockMilliseconds == 1_795_247_779_152)
        #expect(!facts.isLoading && !facts.isClusterEnabled)
    }

    @Test func `a replica names its primary and whether it hears from it`() throws {
        let text =
            "redis_version:6.0.16\nrole:slave\nmaster_host:Primary.Example\nmaster_port:6380\nmaster_link_status:down"
        let facts = try #require(ServerFacts(info: ServerInfo(parsing: text)))
        #expect(facts.role == .replica(of: .tcp(host: "primary.example", port: 6380), isLinkUp: false))
    }

    @Test func `what a server does not tell is not known`() throws {
        let refusal = Reply.error(ServerError(code: "NOPERM", message: "no"))
        let facts = try #require(
            ServerFacts(info: ServerInfo(parsing: "redis_version:7.0.0"), configuration: refusal, time: refusal))
        #expect(facts.databases == nil)
        #expect(facts.clockMilliseconds == nil)
        #expect(ServerFacts(info: ServerInfo(parsing: "hello\n:x\nrole:master")) == nil)
    }

    @Test(arguments: [("cluster-databases", 4), ("databases", 1)])
    func `a cluster has one database unless it says otherwise`(name: String, expected: Int) throws {
        let info = ServerInfo(parsing: "valkey_version:9.0.0\ncluster_enabled:1")
        let configuration = Reply.array([.bulk(ByteBuffer(string: name)), .bulk(ByteBuffer(string: "4"))])
        #expect(try #require(ServerFacts(info: info, configuration: configuration)).databases == expected)
    }
}

@Suite struct StandaloneSurveyTests {
    private static func facts(
        run: String, data: String, before: String = "0", primary: Int? = nil, replicas: [Int] = []
    ) throws -> ServerFacts {
        var lines = ["redis_version:7.0.0", "run_id:\(run)", "master_replid:\(data)", "master_replid2:\(before)"]
        lines += primary.map { ["role:slave", "master_host:h", "master_port:\($0)"] } ?? ["role:master"]
        lines += replicas.enumerated().map { "slave\($0):ip=h,port=\($1),state=online" }
        return try #require(ServerFacts(info: ServerInfo(parsing: lines.joined(separator: "\n"))))
    }

    private static func endpoint(_ port: Int) -> Endpoint { .tcp(host: "h", port: port) }

    /// Plays servers by their ports; a port without facts cannot be reached.
    private func outcome(_ candidates: [Int], _ servers: [Int: ServerFacts]) -> String {
        var survey = StandaloneSurvey(candidates: candidates.map(Self.endpoint), addressMap: AddressMap())
        while true {
            switch survey.next() {
            case .found(let primary, let replicas): return "\(primary) \(replicas)"
            case .refused(let error): return error.code.description
            case .visit(let endpoint):
                if let facts = endpoint.port.flatMap({ servers[$0] }) {
                    survey.visited(endpoint, facts)
                } else {
                    survey.failed(ConnectionError(.refused, endpoint, "\(endpoint) is down."))
                }
            }
        }
    }

    @Test func `a replica leads to its primary`() throws {
        let servers = try [
            1: Self.facts(run: "a", data: "x", replicas: [2]), 2: Self.facts(run: "b", data: "x", primary: 1),
        ]
        #expect(outcome([2], servers) == "h:1 [h:2]")
        #expect(outcome([1], servers) == "h:1 [h:2]")
        #expect(outcome([2, 1], servers) == "h:1 [h:2]")
    }

    @Test func `a server under two names is one`() throws {
        let facts = try Self.facts(run: "a", data: "x")
        #expect(outcome([1, 2], [1: facts, 2: facts]) == "h:1 []")
    }

    @Test func `several independent primaries are refused`() throws {
        let servers = try [1: Self.facts(run: "a", data: "x"), 2: Self.facts(run: "b", data: "y")]
        #expect(outcome([1, 2], servers) == "severalPrimaries")
    }

    @Test func `a replica of another deployment is refused`() throws {
        let servers = try [1: Self.facts(run: "a", data: "x"), 3: Self.facts(run: "c", data: "z", primary: 4)]
        #expect(outcome([1, 3], servers) == "severalPrimaries")
    }

    @Test func `after a failover the promoted one is found, and the other replica still belongs to it`() throws {
        let servers = try [
            2: Self.facts(run: "b", data: "y", before: "x"), 3: Self.facts(run: "c", data: "x", primary: 1),
        ]
        #expect(outcome([1, 2, 3], servers) == "h:2 [h:3]")
    }

    @Test func `replicas without a primary are no deployment`() throws {
        #expect(outcome([2], [2: try Self.facts(run: "b", data: "x", primary: 1)]) == "noPrimary")
        #expect(outcome([1, 2], [:]) == "unreachable")
    }

    @Test func `a chain of replicas is followed to its head, a ring of them ends`() throws {
        let chain = try [
            1: Self.facts(run: "a", data: "x"), 2: Self.facts(run: "b", data: "x", primary: 1),
            3: Self.facts(run: "c", data: "x", primary: 2),
        ]
        #expect(outcome([3], chain) == "h:1 [h:3, h:2]")
        let ring = try [2: Self.facts(run: "b", data: "x", primary: 3), 3: Self.facts(run: "c", data: "x", primary: 2)]
        #expect(outcome([2], ring) == "noPrimary")
    }
}
