internal import FoundationEssentials
internal import RESP
internal import SlotWorkers

/// Where a verification stands: what its first reading found, and what has come of the keys that were looked at one by
/// one so far. A run that is stopped goes on from the last one that was written.
struct Checkpoint: Hashable, Sendable {
    let conditions: VerifyConditions
    let reading: FirstReading
    /// Those that differ.
    let buckets: BucketSet
    var progress: Progress

    /// What the first reading found, but for the buckets.
    struct FirstReading: Hashable, Sendable, Codable {
        /// When the verification began, and when this reading was whole: milliseconds since 1970, by the source's
        /// clock.
        var startedAt: Int64
        var endedAt: Int64
        /// What the digests were made under. Its horizon stays that of the first reading, as the sums were made with
        /// it: what expires behind it shows as such on being looked at.
        var scope: ComparisonScope
        var sample: SampleFilter
        /// Of source and target.
        var sides: [Side]
        var statistics: [SideStatistics]
        var slots: SlotCounts
    }

    /// What the first reading of a side has to say.
    struct Side: Hashable, Sendable, Codable {
        var read: Int
        var filtered: Int
        var functions: [Data]
        var isScan: Bool
        var dumped: Int
        var gone: Int
        var warnings: [String]
    }

    /// What comes of the second reading.
    struct Progress: Hashable, Sendable, Codable {
        /// Keys of all buckets below are done, 0 ... 4,194,304.
        var nextBucket: UInt32 = 0
        /// Whether the largest keys outside of the sample are done.
        var isLargestDone = false
        var findings = Findings()
        var reread: UInt64 = 0
        /// Keys that were asked for by `DUMP` so far: of source and target, those that were there and those that were
        /// not.
        var dumped: [Int]
        var gone: [Int]
        /// Seconds for which reading source and target was held back by their limits so far.
        var throttled: [Double] = [0, 0]
        var warnings: [String]
        /// How often the run was stopped and went on.
        var resumptions = 0
    }

    /// The share of the second reading that is done, 0 ... 1.
    var share: Double {
        buckets.isEmpty ? 1 : Double(buckets.count(before: progress.nextBucket)) / Double(buckets.count)
    }

    // MARK: Coding

    /// A checkpoint as a file holds it.
    struct Stored: Hashable {
        /// JSON.
        var conditions: Data
        var reading: Data
        /// 512 KiB: a bit for each bucket.
        var buckets: Data
        /// JSON.
        var progress: Data
        /// Of all the others, under the run's seed: 32 hexadecimal digits. A database finds out that its pages are
        /// damaged, but not that what is in them is; and a bucket that is lost would be a difference that is lost.
        var digest: String
    }

    /// - Throws: `unavailable` where no digest can be made.
    func stored() throws -> Stored {
        let encoder = JSONEncoder()
        var stored = Stored(
            conditions: try encoder.encode(conditions), reading: try encoder.encode(reading),
            buckets: Data(buckets.bitmap), progress: try encoder.encode(progress), digest: "")
        stored.digest = try Self.digest(of: stored, seed: RunSeed(parsing: conditions.seed))
        return stored
    }

    /// - Parameter seed: That of the run.
    /// - Throws: What is wrong with what is stored.
    init(_ stored: Stored, seed: String) throws {
        guard try Self.digest(of: stored, seed: RunSeed(parsing: seed)) == stored.digest else {
            throw Damage(description: "its checkpoint is not what was written")
        }
        let decoder = JSONDecoder()
        conditions = try decoder.decode(VerifyConditions.self, from: stored.conditions)
        reading = try decoder.decode(FirstReading.self, from: stored.reading)
        progress = try decoder.decode(Progress.self, from: stored.progress)
        guard let buckets = BucketSet(bitmap: [UInt8](stored.buckets)), conditions.seed == seed, reading.isWhole,
            progress.isWhole
        else { throw Damage(description: "its checkpoint is not whole") }
        self.buckets = buckets
    }

    init(conditions: VerifyConditions, reading: FirstReading, buckets: BucketSet, progress: Progress) {
        self.conditions = conditions
        self.reading = reading
        self.buckets = buckets
        self.progress = progress
    }

    private struct Damage: Error, CustomStringConvertible {
        let description: String
    }

    private static func digest(of stored: Stored, seed: RunSeed) throws(VerifierError) -> String {
        var hash = try SeededHash(seed: seed)
        hash.begin(.checkpoint)
        for part in [stored.conditions, stored.reading, stored.buckets, stored.progress] {
            let bytes = [UInt8](part)
            let span = bytes.span
            // SAFETY: every byte of an array of bytes is initialised.
            hash.append(prefixed: unsafe span.bytes)
        }
        return hash.finish().description
    }
}

extension Checkpoint.FirstReading {
    fileprivate var isWhole: Bool {
        sides.count == 2 && statistics.count == 2 && statistics.allSatisfy(\.isWhole) && slots.isWhole
    }
}

extension Checkpoint.Progress {
    fileprivate var isWhole: Bool {
        nextBucket <= BucketSet.bucketCount && findings.isWhole && dumped.count == 2 && gone.count == 2
            && throttled.count == 2
    }

    /// Notes that the keys of a portion are done.
    mutating func finish(_ portion: KeyPortion) {
        if portion.range.isEmpty { isLargestDone = true } else { nextBucket = portion.range.upperBound }
    }
}

extension Checkpoint.Side {
    init(_ result: SideReading.Result) {
        self.init(
            read: result.tally.read, filtered: result.tally.filtered, functions: result.functions.map { Data($0) },
            isScan: result.isScan, dumped: result.dumped, gone: result.gone, warnings: result.warnings)
    }

    var result: SideReading.Result {
        var result = SideReading.Result()
        result.tally.read = read
        result.tally.filtered = filtered
        result.functions = Set(functions.map { [UInt8]($0) })
        result.isScan = isScan
        result.dumped = dumped
        result.gone = gone
        result.warnings = warnings
        return result
    }
}
