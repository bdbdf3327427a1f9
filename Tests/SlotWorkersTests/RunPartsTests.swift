import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import RESP
import Testing

@testable import SlotWorkers

struct TallyTests {
    private static func keys(_ range: Range<Int>) -> [[UInt8]] { range.map { Array("k\($0)".utf8) } }

    @Test func `a reason counts all of its keys and shows the first ten`() {
        var tally = Tally()
        tally.fail(Self.keys(0..<7), "no")
        tally.fail(Self.keys(7..<30), "no")
        tally.refuse([1], "odd")
        for number in 0..<20 { tally.refuse([UInt8(number)], "odd") }
        #expect(tally.failed == 30 && tally.unsupported == 21 && tally.settled == 51)
        #expect(tally.reasons["no"] == Tally.Reason(count: 30, examples: Self.keys(0..<10)))
        #expect(tally.reasons["odd"]?.count == 21 && tally.reasons["odd"]?.examples.count == 10)
    }

    @Test func `sums are sums, of reasons too`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var parts = [Tally](repeating: Tally(), count: 3)
            var expected = [Int](repeating: 0, count: 8)
            var failed: [String: Int] = [:]
            for index in parts.indices {
                let counts = (0..<8).map { _ in Int.random(in: 0...9, using: &random) }
                parts[index].read = counts[0]
                parts[index].copied = counts[1]
                parts[index].existing = counts[2]
                parts[index].filtered = counts[3]
                parts[index].expired = counts[4]
                parts[index].bytes = counts[5]
                for reason in ["a", "b"] {
                    let count = Int.random(in: 1...25, using: &random)
                    parts[index].fail(Self.keys(0..<count), reason)
                    failed[reason, default: 0] += count
                }
                for slot in 0..<6 { expected[slot] += counts[slot] }
            }
            var sum = Tally()
            for part in parts { sum.add(part) }
            #expect(
                [sum.read, sum.copied, sum.existing, sum.filtered, sum.expired, sum.bytes] == Array(expected[0..<6]))
            #expect(sum.failed == failed.values.reduce(0, +))
            #expect(sum.reasons.mapValues(\.count) == failed)
            #expect(sum.reasons.values.allSatisfy { $0.examples.count == min($0.count, Tally.mostExamples) })
        }
    }

    @Test func `a thousand different reasons are kept as a hundred and the others, none uncounted`() {
        var tally = Tally()
        for number in 0..<1000 { tally.fail([[UInt8(truncatingIfNeeded: number)]], "reason \(number)") }
        #expect(tally.reasons.count == 101)
        #expect(tally.reasons["other reasons"]?.count == 900)
        var sum = Tally()
        sum.add(tally)
        var more = Tally()
        for number in 0..<50 { more.fail(Self.keys(0..<20), "further \(number)") }
        sum.add(more)
        #expect(sum.reasons.values.reduce(0) { $0 + $1.count } == sum.failed)
        #expect(sum.failed == 2000)
    }

    @Test func `what came to a tally since an earlier look is taken over once`() {
        for before in [0, 3, 9, 10, 15] {
            for more in [0, 1, 8, 30] {
                var worker = Tally()
                worker.fail(Self.keys(0..<before), "no")
                let earlier = worker
                worker.fail(Self.keys(before..<before + more), "no")
                var sum = earlier
                sum.add(worker.since(earlier))
                #expect(sum.reasons["no"]?.count == before + more || before + more == 0, "\(before) and \(more)")
                #expect(sum.reasons["no"]?.examples == worker.reasons["no"]?.examples)
            }
        }
    }

    @Test func `no reason is uncounted where there are too many`() {
        var sum = Tally()
        for number in 0..<100 { sum.fail(Self.keys(0..<1), "reason \(number)") }
        var worker = Tally()
        worker.fail(Self.keys(0..<30), "late")
        sum.failAgain(worker.since(Tally()))
        #expect(sum.reasons["other reasons"]?.count == 30)
    }
}

extension Tally {
    fileprivate mutating func refuse(_ key: [UInt8], _ reason: String) { refuse(key.span.bytes, reason) }
}

struct SourceClockTests {
    @Test func `the server's time goes on from what it said`() async throws {
        let clock = SourceClock(serverTime: 1_000_000)
        let first = clock.now
        #expect((1_000_000...1_010_000).contains(first))
        try await Task.sleep(for: .milliseconds(30))
        #expect(clock.now >= first + 29)
        #expect(SourceClock(serverTime: -5).now < 10_000)
    }

    @Test func `our own clock is milliseconds since 1970`() {
        #expect((1_700_000_000_000...4_102_444_800_000).contains(SourceClock.local))
    }
}

struct BytePressureTests {
    private let loop = EmbeddedEventLoop()
    private let resumed = NIOLockedValueBox(0)

    private func hasRoom(_ pressure: BytePressure) -> Bool {
        pressure.hasRoom(on: loop) { [resumed] in resumed.withLockedValue { $0 += 1 } }
    }

    private var resumes: Int {
        loop.run()
        return resumed.withLockedValue { $0 }
    }

    @Test func `who waits goes on once half of the budget is free, and once only`() {
        let pressure = BytePressure(limit: 100)
        #expect(hasRoom(pressure))
        pressure.spend(99)
        #expect(hasRoom(pressure))
        pressure.spend(1)
        #expect(!hasRoom(pressure) && !hasRoom(pressure))
        pressure.giveBack(49)
        #expect(resumes == 0)
        pressure.giveBack(1)
        #expect(resumes == 2)
        pressure.giveBack(50)
        #expect(resumes == 2)
        #expect(hasRoom(pressure))
    }

    @Test func `one batch larger than the budget passes, and the next one waits for it`() {
        let pressure = BytePressure(limit: 100)
        pressure.spend(5000)
        #expect(!hasRoom(pressure))
        pressure.giveBack(5000)
        #expect(resumes == 1)
        #expect(hasRoom(pressure))
    }

    @Test func `a stop wakes all that wait`() {
        let pressure = BytePressure(limit: 1)
        pressure.spend(10)
        #expect(!hasRoom(pressure))
        pressure.wakeAll()
        #expect(resumes == 1)
        pressure.wakeAll()
        #expect(resumes == 1)
    }
}

struct PreflightTests {
    private static func preflight(databases: Set<Int> = [], map: [Int: Int] = [:]) throws -> Preflight {
        var configuration = RunConfiguration(
            source: .standardInput, target: try DeploymentURL("redis://localhost"),
            sourceSettings: ConnectionSettings(side: .source), targetSettings: ConnectionSettings(side: .target),
            sourceAddressMap: AddressMap(), targetAddressMap: AddressMap())
        configuration.filter.databases = databases
        configuration.databaseMap = map
        return Preflight(configuration: configuration, loop: EmbeddedEventLoop())
    }

    @Test(
        arguments: [
            ([0: 5], [], [:], 1), ([0: 5, 3: 1, 15: 2], [], [:], 16), ([0: 5, 3: 1], [0], [:], 1),
            ([0: 5, 3: 1], [], [3: 0], 1), ([3: 1], [3], [3: 0], 1), ([:], [], [:], 1),
        ] as [([Int: Int], Set<Int>, [Int: Int], Int)])
    func `databases that the target has room for are taken`(
        keys: [Int: Int], filter: Set<Int>, map: [Int: Int], databases: Int
    ) throws {
        try Self.preflight(databases: filter, map: map).expectRoom(for: keys, in: databases)
    }

    @Test func `databases without room are named with their keys before anything is written`() throws {
        let error = #expect(throws: RunError.self) {
            try Self.preflight().expectRoom(for: [0: 5, 12: 3, 1: 7], in: 1)
        }
        #expect(error?.code == .usage)
        #expect(
            error?.description
                == "The target has 1 database, and no place for the source's databases 1 (7 keys), 12 (3 keys). "
                + "Send them elsewhere with --db-map, or choose others with --db.")
        let mapped = #expect(throws: RunError.self) {
            try Self.preflight(databases: [0], map: [0: 16]).expectRoom(for: [0: 5, 20: 1], in: 16)
        }
        #expect(
            mapped?.description.contains("16 databases, and no place for the source's database 0 (5 keys).") == true)
    }

    @Test(
        arguments: [
            ([0: 1, 1: 1], [], [:], nil), ([0: 1, 1: 1], [], [1: 0], "0 and 1"),
            ([0: 1, 1: 1, 2: 1], [], [1: 0, 2: 0], "0 and 1 and 2"),
            ([0: 1, 1: 1], [], [0: 1, 1: 0], nil), ([1: 1, 2: 1], [], [1: 5, 2: 5], "1 and 2"),
            ([0: 1, 1: 1], [1], [1: 0], nil),
            ([1: 1], [], [1: 0], nil),
        ] as [([Int: Int], Set<Int>, [Int: Int], String?)])
    func `databases that end in one are warned of`(
        keys: [Int: Int], filter: Set<Int>, map: [Int: Int], merged: String?
    ) throws {
        let warning = try Self.preflight(databases: filter, map: map).mergeWarning(for: keys)
        if let merged {
            #expect(warning?.hasPrefix("Source databases \(merged) are merged into database ") == true)
        } else {
            #expect(warning == nil)
        }
    }
}

struct TextSearchTests {
    @Test(
        arguments: [
            ("#!lua name=mylib", "name=", "mylib"), ("name=", "name=", ""), ("no such", "name=", nil),
            ("", "name=", nil),
            ("nanananame=x", "name=", "x"), ("a", "a", ""),
        ] as [(String, String, String?)])
    func `the first place of a text is found`(text: String, sought: String, rest: String?) {
        let range: Range<String.Index>? = text.range(of: sought)
        #expect(range.map { String(text[$0.upperBound...]) } == rest)
    }
}
