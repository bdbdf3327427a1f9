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

struct StampTableTests {
    private static func version(_ number: Int) -> RDBVersion {
        RDBVersion(family: number == 80 ? .valkey : .redis, number: number)
    }

    private static func format(_ number: Int) throws -> TargetFormat {
        try #require(TargetFormat(version: version(number)))
    }

    @Test(arguments: [9, 10, 11, 12, 13, 80], [1, 6, 9, 10, 11, 12, 13, 80])
    func `no stamp is one that the target refuses, and only types that it knows have one`(target: Int, source: Int)
        throws
    {
        var known: Set<UInt8> = [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15]
        if target >= 10 { known.formUnion([16, 17, 18, 19]) }
        if target >= 11 { known.formUnion([20, 21]) }
        if target == 13, source == 13 { known.insert(26) }
        let table = StampTable(from: Self.version(source), to: try Self.format(target))
        for type in UInt8.min...UInt8.max where type != 245 {
            let stamp = Int(table[type])
            guard stamp > 0 else { continue }
            #expect(known.contains(type), "type \(type)")
            // Measured: nobody takes a later stamp than its own, and Valkey 9 none of 12 to 79.
            #expect(stamp <= target)
            #expect(target != 80 || !(12...79).contains(stamp))
        }
        #expect(table[0] > 0)
    }

    @Test(arguments: [6, 7, 22, 23, 24, 25] as [UInt8])
    func `modules and hashes with field expiries are looked at one by one`(type: UInt8) throws {
        for (source, target) in [(12, 12), (80, 80), (12, 80), (80, 11)] {
            #expect(StampTable(from: Self.version(source), to: try Self.format(target))[type] == 0)
        }
    }
}

struct KeyRouterTests {
    private static let now: Int64 = 1_700_000_000_000

    private static func router(_ change: (inout WritePlan) throws -> Void) throws -> KeyRouter {
        var plan = WritePlan(
            filter: KeyFilter(), databaseMap: [:], targetDatabases: 4, onConflict: .replace, isDryRun: true,
            batchBytes: 1 << 20, format: try #require(TargetFormat(version: RDBVersion(family: .redis, number: 11))),
            onLossy: .error, eviction: .none, setTakesExpiry: true, keysComeOnce: true)
        try change(&plan)
        let table = RoutingTable(epoch: 1, isCluster: true, workers: SlotRange.partition(into: 1)) { _ in
            .tcp(host: "localhost", port: 1)
        }
        var router = KeyRouter(
            plan: plan, table: table, workers: [], bigValues: nil, pressure: BytePressure(limit: 1), ledger: nil,
            now: now)
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
        let isWanted = ["ab", "b"].map { router.wants(name: Array($0.utf8).span.bytes, database: 0) }
        #expect(isWanted == [true, false])
        #expect(router.tally.read == 1 && router.tally.filtered == 1)
    }

    @Test func `a value that would have to be converted and is damaged is not written, and counted once`() throws {
        var router = try Self.router { _ in }
        router.read(version: RDBVersion(family: .valkey, number: 80))
        Self.take(&router, "k", type: 22)
        #expect(router.tally.copied == 0 && router.tally.failed == 1)
        #expect(router.tally.read == router.tally.settled)
    }
}

struct OpenSlotTests {
    @Test func `slots that are on their way are read from what a node says of itself`() {
        let nodes = """
            07c3 127.0.0.1:30004@31004 slave e7d1 0 1426238317239 4 connected
            e7d1 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460 [93->-67ed] [77-<-07c3]
            67ed 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 5461-10922 [12->-e7d1]

            """
        #expect(RunSetup.openSlots(in: nodes).description == "77,93")
        #expect(RunSetup.openSlots(in: "").isEmpty)
    }
}
