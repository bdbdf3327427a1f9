import Foundation
import GRDB
import RDBParser
import RESP
import SlotWorkers
import Testing

@testable import Verifier

/// Where a run stands, as a file holds it.
struct CheckpointTests {
    /// A folder of its own for each test.
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("checkpoint-\(UUID())").path
    private var path: String { folder + "/found.sqlite" }

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

    private static let run = DifferencesRun(
        seed: seed.description, source: .init(address: "a", read: "file"), target: .init(address: "b", read: "scan"),
        startedAt: 1_700_000_000_000)

    private static var conditions: VerifyConditions {
        VerifyConditions(
            seed: seed.description,
            source: .servers([
                .init(runID: "r", replicationID: "p", previousReplicationID: nil, replicationOffset: 1 << 40)
            ]),
            target: .file(.init(device: .max, number: .max, bytes: 1 << 40, modified: .max)),
            filters: ["include-key": ["a*", "\"\u{1F600}"]], sample: nil, confidence: 0.95, expiryTolerance: 1_000,
            ignoresExtra: false, rounds: 5, confirmations: 3)
    }

    /// A key that came to an outcome, with as much of a value as there can be.
    private static func candidate(_ number: Int) -> KeyRounds.Candidate {
        var value = ValueDigest(
            kind: ValueKind.all[number % 7], value: Digest128(bits: .max - UInt128(number)), elements: .max, bytes: .max
        )
        value.streamHistory = Digest128(bits: 1)
        value.module = ModuleType(id: .max)
        return KeyRounds.Candidate(
            name: KeyName(database: number, key: Array("key \(number)".utf8) + [0, 255]),
            source: number % 3 == 0 ? .absent : KeyReading(.present(value, expiry: .max), offset: .min),
            target: number % 3 == 1 ? KeyReading(.unreadable) : KeyReading(.present(value, expiry: nil)))
    }

    private static func checkpoint(of outcomes: [KeyOutcome], buckets numbers: [UInt32]) -> Checkpoint {
        var scope = scope(11, 80)
        (scope.horizon, scope.moduleTypes) = (.max, ["ReJSON-RL"])
        var statistics = SideStatistics()
        statistics.countExpiring()
        statistics.largest.insert(bytes: .max, database: 3, key: [0, 255])
        var slots = SlotCounts()
        let table = try? DigestTable()
        var batch = DigestBatch(side: .source)
        var buckets = BucketSet()
        for number in numbers {
            buckets.insert(number)
            _ = batch.append(
                Digest128(bits: 1), at: KeyPlace(slot: HashSlot(Int(number >> 8))!, hash: UInt64(number & 255)))
        }
        table?.apply(&batch)
        if let table { slots = table.counts() }
        var side = SideReading.Result()
        (side.tally.read, side.tally.filtered, side.isScan, side.dumped) = (.max, 7, true, 9)
        (side.functions, side.warnings) = ([[0, 255, 10], []], ["a warning, \"quoted\""])
        var progress = Checkpoint.Progress(dumped: [1, 2], gone: [3, 4], warnings: ["w"])
        (progress.nextBucket, progress.reread, progress.resumptions) = (numbers.last ?? 4_194_304, .max, 2)
        for (number, outcome) in outcomes.enumerated() {
            progress.findings.settle(
                candidate(number), outcome, at: KeyPlace(slot: HashSlot(number)!, hash: 1),
                isSampled: number % 2 == 0)
        }
        return Checkpoint(
            conditions: conditions,
            reading: .init(
                startedAt: 1, endedAt: .max, scope: scope, sample: SampleFilter(size: 1, population: 3),
                sides: [.init(side), .init(SideReading.Result())], statistics: [statistics, SideStatistics()],
                slots: slots),
            buckets: buckets, progress: progress)
    }

    // MARK: Coding

    @Test(arguments: [(0, 0), (1, 4_194_303), (11, 64), (1000, 3)])
    func `what was written is read again`(keys: Int, every step: UInt32) throws {
        let outcomes = (0..<keys).map { KeyOutcome.allCases[$0 % KeyOutcome.allCases.count] }
        let buckets: [UInt32] = step == 0 ? [] : Array(stride(from: 0, to: 4_194_304, by: Int(step)).map(UInt32.init))
        let checkpoint = Self.checkpoint(of: outcomes, buckets: buckets)
        let stored = try checkpoint.stored()
        #expect(stored.buckets.count == 512 << 10)
        let again = try Checkpoint(stored, seed: seed.description)
        let isSame = again == checkpoint
        #expect(isSame)
        #expect(again.reading.sides.map(\.result.tally.read) == [.max, 0])
        let areThere = again.buckets.count == buckets.count && buckets.allSatisfy { again.buckets.contains($0) }
        #expect(areThere)
        for end in [0, 1, 63, 64, 65, 4_194_303, 4_194_304] as [UInt32] {
            let number = buckets.count { $0 < end }
            #expect(again.buckets.count(before: end) == number)
        }
    }

    @Test func `a single bit that is not as it was written is found`() throws {
        let stored = try Self.checkpoint(of: [.value], buckets: [5]).stored()
        for part in [\Checkpoint.Stored.conditions, \.reading, \.buckets, \.progress] {
            for position in [0, stored[keyPath: part].count / 2, stored[keyPath: part].count - 1] {
                var damaged = stored
                damaged[keyPath: part][position] ^= 1
                #expect(throws: (any Error).self) { try Checkpoint(damaged, seed: seed.description) }
            }
        }
        #expect(throws: (any Error).self) { try Checkpoint(stored, seed: RunSeed.random().description) }
    }

    // MARK: The file

    private func difference(_ number: Int) -> KeyDifference {
        KeyDifference(database: 0, key: [UInt8(number)], keyHash: "h", slot: 0, outcome: .value)
    }

    @Test func `keys of a portion are kept with where the run stands then, or not at all`() throws {
        let file = try DifferencesFile.create(at: path, for: Self.run)
        let (first, second) = (Self.checkpoint(of: [], buckets: [1]), Self.checkpoint(of: [.value], buckets: [1]))
        try file.keep(first)
        try file.begin()
        try file.append([difference(1)])
        try file.close()
        let again = try DifferencesFile.open(path)
        #expect(try again.count(of: [.value]) == 0)
        #expect(try again.checkpoint() == first)
        try again.begin()
        try again.append([difference(1)])
        try again.keep(second)
        try again.close()
        let last = try DifferencesFile.open(path)
        #expect(try last.count(of: [.value]) == 1)
        #expect(try last.checkpoint() == second)
    }

    @Test func `a file goes on only if its run was stopped behind the first reading`() throws {
        let (file, start) = try DifferencesFile.start(at: path, for: Self.run)
        #expect(start == .new)
        try file.close()
        let (second, instead) = try DifferencesFile.start(at: path, for: Self.run)
        #expect(instead == .instead(startedAt: Self.run.startedAt))
        try second.keep(Self.checkpoint(of: [], buckets: []))
        try second.close()
        let (third, goingOn) = try DifferencesFile.start(at: path, for: Self.run)
        #expect(goingOn == .goingOn(Self.run))
        #expect(try third.checkpoint() != nil)
        var ended = Self.run
        ended.verdict = .consistent
        try third.write(ended)
        #expect(try !third.holdsCheckpoint())
        try third.close()
        #expect(try DifferencesFile.start(at: path, for: Self.run).start == .new)
    }

    @Test(arguments: [
        "UPDATE checkpoint SET buckets = zeroblob(524288)", "UPDATE checkpoint SET progress = x'7B7D'",
        "DELETE FROM difference",
        "INSERT INTO difference SELECT 9, 0, key, 'h', 0, class, NULL, NULL, NULL, '[]' "
            + "FROM difference",
        "UPDATE run SET seed = '000102030405060708090a0b0c0d0e0fff'", "UPDATE checkpoint SET digest = 'x'",
        "PRAGMA user_version = 1",
    ])
    func `a damaged checkpoint is refused`(damage: String) throws {
        let file = try DifferencesFile.create(at: path, for: Self.run)
        try file.begin()
        try file.append([difference(1)])
        try file.keep(Self.checkpoint(of: [.value], buckets: [1, 2, 3]))
        try file.close()
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: damage) }
        try queue.close()
        let error = try #require(throws: VerifierError.self) {
            try DifferencesFile.start(at: path, for: Self.run).file.checkpoint()
        }
        #expect(error.code == .damagedFile && error.description.contains(path), "\(error)")
    }

    // MARK: Conditions

    @Test func `what is not as it was is named`() {
        let before = Self.conditions
        #expect(before.differences(from: before) == [])
        for (word, change) in [
            ("the seed was", { $0.seed = "ff" }), ("--include-key", { $0.filters = [:] }),
            ("--db was not given, and is 1", { $0.filters["db"] = ["1"] }),
            ("the size of the sample was that of all keys, and is 5", { $0.sample = 5 }),
            ("--confidence", { $0.confidence = 0.5 }),
            ("--ttl-tolerance was 1000, and is 1", { $0.expiryTolerance = 1 }),
            ("--ignore-extra was not given", { $0.ignoresExtra = true }), ("--rounds", { $0.rounds = 2 }),
            ("confirmations", { $0.confirmations = 1 }),
            ("the target is another file", { $0.target = file { $0.bytes = 1 } }),
            ("the target is another file", { $0.target = file { $0.modified = 1 } }),
            ("the target is another file", { $0.target = file { $0.number = 1 } }),
            ("the target is a server", { $0.target = $0.source }),
            ("the source is another server", { $0.source = server { $0.runID = "new" } }),
            ("the source does not say", { $0.source = server { $0.runID = "" } }),
            ("the source has 0 primaries", { $0.source = .servers([]) }),
            (
                "replica of another",
                {
                    $0.source = server { ($0.replicationID, $0.previousReplicationID) = ("n", "p") }
                }
            ),
            ("replica of another", { $0.source = server { ($0.replicationID, $0.replicationOffset) = ("n", 1) } }),
        ] as [(String, (inout VerifyConditions) -> Void)] {
            var now = before
            change(&now)
            let found = now.differences(from: before)
            #expect(found.count == 1 && found[0].contains(word), "\(word): \(found)")
        }
        // A replica came, or the last was gone for an hour.
        var now = before
        now.source = server { ($0.replicationID, $0.replicationOffset) = ("n", 2 << 40) }
        #expect(now.differences(from: before) == [])
    }

    private func server(_ change: (inout SideIdentity.Server) -> Void) -> SideIdentity {
        var server = SideIdentity.Server(
            runID: "r", replicationID: "p", previousReplicationID: nil, replicationOffset: 1 << 40)
        change(&server)
        return .servers([server])
    }

    private func file(_ change: (inout SideIdentity.File) -> Void) -> SideIdentity {
        var file = SideIdentity.File(device: .max, number: .max, bytes: 1 << 40, modified: .max)
        change(&file)
        return .file(file)
    }
}
