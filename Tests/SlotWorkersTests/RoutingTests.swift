import NIOCore
import RDBParser
import RESP
import Testing

@testable import SlotWorkers

struct RoutingTableTests {
    private static let primaries = (0..<4).map { Endpoint.tcp(host: "10.0.0.\($0)", port: 6379) }

    private static func table(workers: Int, isCluster: Bool = true, primaryOf: (HashSlot) -> Endpoint) -> RoutingTable {
        RoutingTable(epoch: 1, isCluster: isCluster, workers: SlotRange.partition(into: workers), primaryOf: primaryOf)
    }

    private static func slot(_ number: Int) throws -> HashSlot { try #require(HashSlot(number)) }

    @Test(arguments: [1, 2, 3, 5, 16, 256, 16384])
    func `every slot goes to the worker of its range and to its primary`(workers: Int) throws {
        let owner: (HashSlot) -> Endpoint = { Self.primaries[Int($0.rawValue) * 3 / HashSlot.count] }
        let table = Self.table(workers: workers, primaryOf: owner)
        let ranges = SlotRange.partition(into: workers)
        for number in 0..<HashSlot.count {
            let slot = try Self.slot(number)
            let destination = table.destinations[table.destination(of: slot)]
            guard destination.primary == owner(slot), ranges[destination.worker].contains(slot) else {
                Issue.record("slot \(slot) goes to \(destination)")
                return
            }
        }
        #expect(Set(table.destinations).count == table.destinations.count)
    }

    @Test func `a destination is a worker's way to one primary, however its slots are scattered`() throws {
        let table = Self.table(workers: 2) { Self.primaries[Int($0.rawValue) % 2] }
        #expect(table.destinations.count == 4)
        #expect(table.primaries(ofWorker: 0) == [Self.primaries[0], Self.primaries[1]])
        #expect(table.primaries(ofWorker: 1) == [Self.primaries[0], Self.primaries[1]])
        #expect(table.destination(of: try Self.slot(8191)) == table.destination(of: try Self.slot(1)))
        #expect(table.destination(of: try Self.slot(8192)) != table.destination(of: try Self.slot(0)))
    }

    @Test func `one worker and one primary need no slot, unless MSETs must keep to one`() throws {
        let alone = Self.table(workers: 1, isCluster: false) { _ in Self.primaries[0] }
        #expect(!alone.needsSlot)
        #expect(alone.destination(of: try Self.slot(16383)) == 0)
        #expect(Self.table(workers: 1) { _ in Self.primaries[0] }.needsSlot)
        #expect(Self.table(workers: 2, isCluster: false) { _ in Self.primaries[0] }.needsSlot)
    }
}

struct TargetFormatTests {
    private static func redis(_ number: Int) -> RDBVersion { RDBVersion(family: .redis, number: number) }
    private static let valkey = RDBVersion(family: .valkey, number: 80)

    /// Value types by what they need.
    private static let always: [UInt8] = [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15]

    @Test(
        arguments: [
            // target, source family is Valkey 9, source version, stamp
            (9, 9, 9), (9, 10, 9), (9, 11, 9), (9, 12, 9), (9, 80, 9), (9, 3, 6), (9, 6, 6),
            (10, 9, 9), (10, 10, 10), (10, 11, 10), (10, 13, 10), (10, 80, 10),
            (11, 9, 9), (11, 11, 11), (11, 12, 11), (11, 13, 11), (11, 80, 11), (11, 1, 6),
            (12, 9, 9), (12, 11, 11), (12, 12, 12), (12, 13, 11), (12, 80, 11),
            (13, 12, 12), (13, 13, 13), (13, 80, 11),
            (80, 9, 9), (80, 10, 10), (80, 11, 11), (80, 12, 11), (80, 13, 11), (80, 80, 80), (80, 2, 6),
        ] as [(Int, Int, UInt16)])
    func `a string is stamped with a version that the target takes`(target: Int, source: Int, stamp: UInt16) {
        let version = source == 80 ? Self.valkey : Self.redis(source)
        #expect(TargetFormat(version: target).action(for: 0, from: version) == .restore(version: stamp))
    }

    @Test(arguments: [9, 10, 11, 12, 13, 80], [1, 6, 9, 10, 11, 12, 13, 80])
    func `no stamp is one that the target refuses, and only known types have one`(target: Int, source: Int) {
        let version = source == 80 ? Self.valkey : Self.redis(source)
        var known = Set(Self.always)
        if target >= 10 { known.formUnion([16, 17, 18, 19]) }
        if target >= 11 { known.formUnion([20, 21]) }
        if target == 80, source == 80 { known.insert(22) }
        if target == 12 || target == 13, source != 80 { known.formUnion([24, 25]) }
        if target == 13, source != 80 { known.insert(26) }
        let format = TargetFormat(version: target)
        let actions = format.actions(for: version)
        #expect(actions.count == 256)
        for type in UInt8.min...UInt8.max {
            #expect(actions[Int(type)] == format.action(for: type, from: version))
            guard let stamp = actions[Int(type)].version.map(Int.init) else {
                #expect(!known.contains(type), "type \(type)")
                #expect(actions[Int(type)].reason?.contains("RDB type \(type)") == true)
                continue
            }
            #expect(known.contains(type), "type \(type)")
            #expect(actions[Int(type)].reason == nil)
            // Measured: nobody takes a later stamp than its own, and Valkey 9 none of 12 to 79. Below 6 there was no DUMP.
            #expect(stamp >= 6 && stamp <= target)
            #expect(target != 80 || !(12...79).contains(stamp))
        }
    }

    @Test(
        arguments: [
            (7, 12, "a module's value (RDB type 7) cannot be restored on the target as it is"),
            (25, 12, "a hash with field expiries (RDB type 25) cannot be restored on the target as it is"),
            (22, 80, "a hash with field expiries (RDB type 22) cannot be restored on the target as it is"),
            (26, 13, "a stream of Redis 8.6 (RDB type 26) cannot be restored on the target as it is"),
            (200, 11, "a value of unknown type (RDB type 200) cannot be restored on the target as it is"),
        ] as [(UInt8, Int, String)])
    func `what a Valkey 8 cannot hold is named`(type: UInt8, source: Int, reason: String) {
        let version = source == 80 ? Self.valkey : Self.redis(source)
        #expect(TargetFormat(version: 11).action(for: type, from: version) == .unsupported(reason: reason))
    }
}

struct KeyRouterTests {
    private static let now: Int64 = 1_700_000_000_000

    private static func router(_ change: (inout WritePlan) throws -> Void) rethrows -> KeyRouter {
        var plan = WritePlan(
            filter: KeyFilter(), databaseMap: [:], targetDatabases: 4, onConflict: .replace, isDryRun: true,
            batchBytes: 1 << 20, format: TargetFormat(version: 11), eviction: .none, setTakesExpiry: true,
            keysComeOnce: true)
        try change(&plan)
        let table = RoutingTable(epoch: 1, isCluster: true, workers: SlotRange.partition(into: 1)) { _ in
            .tcp(host: "localhost", port: 1)
        }
        var router = KeyRouter(
            plan: plan, table: table, workers: [], pressure: BytePressure(limit: 1), ledger: nil, now: now)
        router.read(version: RDBVersion(family: .redis, number: 12))
        return router
    }

    private static func take(_ router: inout KeyRouter, _ key: String, type: UInt8 = 0, expiry: Int64? = nil) {
        let value: [UInt8] = [1, 65]
        router.take(
            key: Array(key.utf8).span.bytes, type: type, value: value.span.bytes, expiry: expiry, eviction: nil)
    }

    @Test func `each key ends in exactly one count, the first reason to leave it`() throws {
        var router = try Self.router {
            $0.filter.exclude = [try GlobPattern(parsing: "skip*")]
            $0.databaseMap = [9: 1]
        }
        Self.take(&router, "a")
        Self.take(&router, "skip", expiry: 1)
        Self.take(&router, "over", expiry: Self.now)
        Self.take(&router, "soon", expiry: Self.now + 1)
        Self.take(&router, "module", type: 7)
        router.select(9)
        Self.take(&router, "mapped")
        router.select(4)
        Self.take(&router, "homeless")
        Self.take(&router, "homeless too", type: 7)
        router.fail(Array("gone".utf8).span.bytes, "damaged")
        let tally = router.tally
        #expect(
            tally.copied == 3 && tally.filtered == 1 && tally.expired == 1 && tally.unsupported == 1
                && tally.failed == 3)
        #expect(tally.read == 9 && tally.read == tally.settled)
        #expect(tally.reasons["the target has no database 4"]?.examples.count == 2)
        #expect(tally.reasons["damaged"]?.count == 1)
        // Names and values of what had one.
        #expect(tally.bytes == 45 + 8 * 2)
    }

    @Test func `a key that was only named is counted where its name is not wanted`() throws {
        var router = try Self.router { $0.filter.include = [try GlobPattern(parsing: "a*")] }
        let isWanted = ["ab", "b"].map { router.wants(name: Array($0.utf8).span.bytes) }
        #expect(isWanted == [true, false])
        #expect(router.tally.read == 1 && router.tally.filtered == 1)
    }

    @Test func `a value whose version is not known is not written`() {
        var router = Self.router { _ in }
        router.read(version: RDBVersion(family: .valkey, number: 80))
        Self.take(&router, "k", type: 22)
        #expect(router.tally.unsupported == 1)
    }
}
