import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import RESP
import TestServers
import Testing

@testable import RDBParser
@testable import SlotWorkers

/// An outlet that keeps what it gets.
private final class Store: BigValueOutlet {
    struct State {
        var begun = 0
        var givenUp = 0
        var values: [[UInt8]: Value] = [:]
        var expiries: [[UInt8]: Int64] = [:]
    }

    let state = NIOLockedValueBox(State())
    private let atPage: @Sendable () throws -> Void
    private let limit: Int

    /// - Parameters:
    ///   - limit: Readings in which `atPage` is called.
    ///   - atPage: Called between pages.
    init(limit: Int = .max, atPage: @escaping @Sendable () throws -> Void = {}) {
        self.limit = limit
        self.atPage = atPage
    }

    struct Sink: ValueVisitor {
        let key: [UInt8]
        var collector = Collector()

        mutating func begin(_ kind: ValueKind, count: UInt64?) { collector.begin(kind, count: count) }
        mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
            collector.bytes(piece, of: part, length: length, isLast: isLast)
        }
        mutating func score(_ score: Double) { collector.score(score) }
        mutating func expiry(_ milliseconds: Int64) { collector.expiry(milliseconds) }
        mutating func stream(_ event: borrowing StreamEvent) { collector.stream(event) }
        mutating func module(_ event: ModuleEvent) { collector.module(event) }
        mutating func end() { collector.end() }
    }

    func begin(_ key: BigKey, _ kind: ValueKind, expiry: Int64?) async throws -> Sink? {
        state.withLockedValue { $0.begun += 1 }
        return Sink(key: key.key)
    }

    func waitForRoom(_ sink: inout Sink) async throws {
        if state.withLockedValue({ $0.begun }) <= limit { try atPage() }
    }

    func commit(_ sink: Sink, _ reading: BigValueReader.Reading) async throws {
        state.withLockedValue { state in
            state.values[sink.key] = sink.collector.value
            state.expiries[sink.key] = reading.expiry
        }
    }

    func giveUp(_ sink: Sink) async { state.withLockedValue { $0.givenUp += 1 } }
}

private func transfer(from server: TestServer) -> BigValueTransfer {
    BigValueTransfer(
        open: { database in
            let (link, abilities) = try await pageLink(server, database: database)
            return BigValueReader(link: link, abilities: abilities, limits: .init(bytes: 1, elements: 3))
        }, isEnding: { false })
}

@Suite struct BigValueTransferTests {
    private static let key = BigKey(database: 0, slot: nil, key: Array("l".utf8))

    private static func start() async throws -> (TestServer, TestClient) {
        let server = try await TestServer.start("redis-7.4.1")
        let client = try server.client()
        try client.pipeline((0..<100).map { ["RPUSH", "l", "e\($0)"] })
        return (server, client)
    }

    @Test func `a value that does not change is taken at once, with its expiry`() async throws {
        let (server, client) = try await Self.start()
        try client.require("PEXPIREAT", "l", "9000000000000")
        let store = Store()
        #expect(try await transfer(from: server).copy(Self.key, to: store) == .settled)
        let state = store.state.withLockedValue { $0 }
        #expect(state.values[Self.key.key] == .list((0..<100).map { Array("e\($0)".utf8) }))
        #expect(state.expiries[Self.key.key] == 9_000_000_000_000)
        #expect(state.begun == 1 && state.givenUp == 0)
    }

    @Test func `a value that changes is read again, and taken once it stands still`() async throws {
        let (server, client) = try await Self.start()
        let store = Store(limit: 2) { try client.require("LSET", "l", "0", "\(Int.random(in: 0...Int.max))") }
        #expect(try await transfer(from: server).copy(Self.key, to: store) == .settled)
        let state = store.state.withLockedValue { $0 }
        #expect(state.begun == 3 && state.givenUp == 2)
        #expect(state.values.count == 1)
    }

    @Test func `a value that never stands still fails`() async throws {
        let (server, client) = try await Self.start()
        let store = Store { try client.require("LSET", "l", "0", "\(Int.random(in: 0...Int.max))") }
        #expect(
            try await transfer(from: server).copy(Self.key, to: store)
                == .failed("changes while it is read: it changed in each of 3 readings"))
        let state = store.state.withLockedValue { $0 }
        #expect(state.values.isEmpty && state.givenUp == 3)
    }

    @Test func `a key that goes meanwhile counts as nothing, one of another type is read as that`() async throws {
        let (server, client) = try await Self.start()
        let store = Store { try client.require("DEL", "l") }
        #expect(try await transfer(from: server).copy(Self.key, to: store) == .gone)
        #expect(store.state.withLockedValue { $0.givenUp } == 1)
        #expect(try await transfer(from: server).copy(Self.key, to: store) == .gone)
        try client.pipeline((0..<100).map { ["RPUSH", "l", "e\($0)"] })
        let changing = Store(limit: 1) { try client.require("SET", "l", "text") }
        #expect(try await transfer(from: server).copy(Self.key, to: changing) == .settled)
        #expect(changing.state.withLockedValue { $0.values } == [Self.key.key: .string(Array("text".utf8))])
    }

    @Test func `a connection that is lost is made again`() async throws {
        let (server, client) = try await Self.start()
        let store = Store(limit: 2) { try client.require("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") }
        #expect(try await transfer(from: server).copy(Self.key, to: store) == .settled)
        #expect(store.state.withLockedValue { $0.begun } == 3)
    }

    @Test func `what may only be dumped, is`() async throws {
        let server = try await TestServer.start(
            "redis-7.4.1", ServerOptions(["user default on nopass ~* +@all -lrange"]))
        let client = try server.client()
        try client.require("RPUSH", "l", "e")
        #expect(try await transfer(from: server).copy(Self.key, to: Store()) == .unreadable)
    }

    @Test(arguments: ["redis-6.2.14", "valkey-9.1.2"], [true, false])
    func `a scan hands big keys over and dumps the others`(name: String, mayAskForMemory: Bool) async throws {
        let user = "user default on nopass ~* +@all" + (mayAskForMemory ? "" : " -memory")
        let server = try await TestServer.start(name, ServerOptions([user]))
        let client = try server.client()
        for database in [0, 3] {
            try client.require("SELECT", "\(database)")
            for start in stride(from: 0, to: 3000, by: 500) {
                try client.pipeline((start..<start + 500).map { ["SET", "k\($0)", "v\($0)"] })
            }
            for number in 0..<20 {
                try client.require("SET", "big\(number)", String(repeating: "x", count: 200_000 + number))
                try client.pipeline((0..<3000).map { ["SADD", "set\(number)", "member-\($0)-\(database)"] })
            }
        }
        let plan = WritePlan(
            filter: KeyFilter(), databaseMap: [:], targetDatabases: 16, onConflict: .replace, isDryRun: true,
            batchBytes: 1 << 20, format: try #require(TargetFormat(version: RDBVersion(family: .valkey, number: 80))),
            onLossy: .error, eviction: .none, setTakesExpiry: true, keysComeOnce: false)
        let table = RoutingTable(epoch: 1, isCluster: false, workers: SlotRange.partition(into: 1)) { _ in
            .tcp(host: "localhost", port: 1)
        }
        let store = Store()
        let writes = WriteContext(
            plan: plan, workers: [], bigValues: nil, pressure: BytePressure(limit: 1 << 20), control: RunControl(),
            layout: NIOLockedValueBox(table), clock: SourceClock(serverTime: SourceClock.local), ledger: nil)
        let context = ReaderContext(
            bigValueBytes: 64 << 10, probesBigValues: true, pressure: writes.pressure, control: writes.control,
            makeTaker: { writes.makeRouter() }, renew: { _ in }, bigValueOutlet: { _ in store })
        let source = ScanSource(
            endpoint: .tcp(host: "127.0.0.1", port: server.port), settings: ConnectionSettings(side: .source),
            databases: [0, 3], slots: nil, isClusterReplica: false, expectedKeys: 6080)
        let reader = ScanReader(
            source, dialect: DumpDialect(tellsExpiryTime: name != "redis-6.2.14", eviction: .none),
            loop: MultiThreadedEventLoopGroup.singleton.next(), context: context)
        try await reader.run()
        let state = reader.state.withLockedValue { $0 }
        #expect(state.isComplete)
        #expect(state.tally.read == 6000 && state.tally.copied == 6000)
        #expect(state.warnings == [])
        let values = store.state.withLockedValue { $0.values }
        #expect(store.state.withLockedValue { $0.begun } == 80)
        #expect(values.count == 40)
        #expect(values[Array("big7".utf8)] == .string([UInt8](repeating: UInt8(ascii: "x"), count: 200_007)))
    }
}
