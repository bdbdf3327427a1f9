internal import RDBParser
internal import RESP
internal import SlotWorkers

/// What is fixed before the first key of a verification is read.
struct VerifyPlan: Sendable {
    let source: DataSide
    let target: DataSide
    let seed: RunSeed
    let scope: ComparisonScope
    let sample: SampleFilter
    let configuration: VerifyConfiguration
    /// In milliseconds since 1970, by the source's clock.
    let startedAt: Int64
    /// What earlier verifications waited for the limits of source and target.
    private let throttledBefore: [Duration]

    init(
        source: DataSide, target: DataSide, seed: RunSeed, scope: ComparisonScope, sample: SampleFilter,
        configuration: VerifyConfiguration
    ) {
        self.source = source
        self.target = target
        self.seed = seed
        self.scope = scope
        self.sample = sample
        self.configuration = configuration
        startedAt = source.clock.now
        throttledBefore = [source, target].map { $0.configuration.limit?.waited ?? .zero }
    }

    /// How long reading a side was held back by its limit since then, in seconds.
    func throttledSeconds(_ side: Int) -> Double {
        let waited = [source, target][side].configuration.limit?.waited ?? .zero
        return ((waited - throttledBefore[side]) / .milliseconds(1)).rounded() / 1000
    }

    /// Keys of a portion, both sides counted: some 300 bytes each in memory.
    private static let portionKeys: UInt64 = 200_000

    /// The differing buckets in portions whose keys find room in memory; and the largest keys that no sample holds.
    func portions(_ result: VerifyResult) -> [KeyPortion] {
        var portions: [KeyPortion] = []
        var start: UInt32 = 0
        var slots = SlotSet()
        var keys: UInt64 = 0
        func close(before end: UInt32) {
            if !slots.isEmpty { portions.append(portion(start..<end, slots, result)) }
            (start, slots, keys) = (end, SlotSet(), 0)
        }
        for slot in result.buckets.slots.slots {
            let number = Int(slot.rawValue)
            let size = (result.slots.source[number] + result.slots.target[number]) / UInt64(KeyPlace.bucketsPerSlot) + 1
            for bucket in UInt32(number) << 8..<UInt32(number + 1) << 8 where result.buckets.contains(bucket) {
                if keys + size > Self.portionKeys { close(before: bucket) }
                slots.insert(slot)
                keys += size
            }
        }
        close(before: UInt32(BucketSet.bucketCount))
        let named = Set(
            result.statistics.flatMap(\.largest.entries).map { KeyName(database: $0.database, key: $0.key) })
        if !sample.takesAll, !named.isEmpty {
            portions.append(
                KeyPortion(buckets: BucketSet(), range: 0..<0, sample: sample, named: named, slots: .all))
        }
        return portions
    }

    private func portion(_ range: Range<UInt32>, _ slots: SlotSet, _ result: VerifyResult) -> KeyPortion {
        KeyPortion(buckets: result.buckets, range: range, sample: sample, named: [], slots: slots)
    }
}

/// What a verification found, before it is a report.
struct VerifyResult {
    /// Of the first reading: source and target.
    let readings: [SideReading.Result]
    let statistics: [SideStatistics]
    let buckets: BucketSet
    let slots: SlotCounts
    var findings: Findings
    /// Keys that were compared one by one.
    var reread: UInt64 = 0
    var functions: FunctionComparison?
    var warnings: [String]
    /// Values of examples: source and target; empty where there are none.
    var values: [[KeyName: Value]] = []
    /// Keys that were asked for by `DUMP`: of source and target, those that were there and those that were not.
    private(set) var dumped: [Int]
    private(set) var gone: [Int]

    init(
        readings: [SideReading.Result], statistics: [SideStatistics], buckets: BucketSet, slots: SlotCounts,
        findings: Findings
    ) {
        self.readings = readings
        self.statistics = statistics
        self.buckets = buckets
        self.slots = slots
        self.findings = findings
        warnings = readings.flatMap(\.warnings)
        dumped = readings.map(\.dumped)
        gone = readings.map(\.gone)
    }

    mutating func addReads(of side: Int, _ reading: SideReading.Result) {
        dumped[side] += reading.dumped
        gone[side] += reading.gone
        for warning in reading.warnings where !warnings.contains(warning) { warnings.append(warning) }
    }

    mutating func addReads(of sides: [SideAccess]) {
        for (index, side) in sides.enumerated() {
            dumped[index] += side.found
            gone[index] += side.absent
        }
    }
}
