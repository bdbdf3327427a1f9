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
        configuration: VerifyConfiguration, startedAt: Int64
    ) {
        self.source = source
        self.target = target
        self.seed = seed
        self.scope = scope
        self.sample = sample
        self.configuration = configuration
        self.startedAt = startedAt
        throttledBefore = [source, target].map { $0.configuration.limit?.waited ?? .zero }
    }

    /// How long reading a side was held back by its limit since then, in seconds, in this process.
    func throttledSeconds(_ side: Int) -> Double {
        let waited = [source, target][side].configuration.limit?.waited ?? .zero
        return ((waited - throttledBefore[side]) / .milliseconds(1)).rounded() / 1000
    }

    /// The differing buckets in portions whose keys find room in memory; and the largest keys that the sample does not
    /// hold. What is done already is left out.
    func portions(_ result: VerifyResult) throws -> [KeyPortion] {
        var portions: [KeyPortion] = []
        let first = result.progress.nextBucket
        var start = first
        var slots = SlotSet()
        var keys: UInt64 = 0
        func close(before end: UInt32) {
            if !slots.isEmpty { portions.append(portion(start..<end, slots, result)) }
            (start, slots, keys) = (end, SlotSet(), 0)
        }
        for slot in result.buckets.slots.slots {
            let number = Int(slot.rawValue)
            let size = (result.slots.source[number] + result.slots.target[number]) / UInt64(KeyPlace.bucketsPerSlot) + 1
            for bucket in UInt32(number) << 8..<UInt32(number + 1) << 8
            where bucket >= first && result.buckets.contains(bucket) {
                if keys + size > configuration.portionKeys { close(before: bucket) }
                slots.insert(slot)
                keys += size
            }
        }
        close(before: UInt32(BucketSet.bucketCount))
        guard !sample.takesAll, !result.progress.isLargestDone else { return portions }
        let digester = try KeyDigester(seed: seed, scope: scope)
        // Those of the sample are in the sums, and so in a bucket if they differ.
        let named = Set(
            result.statistics.flatMap(\.largest.entries).map { KeyName(database: $0.database, key: $0.key) }
                .filter { !sample.takes(digester.place(of: $0)) })
        if !named.isEmpty {
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
    /// When the first reading was whole, in milliseconds since 1970, by the source's clock.
    let readAt: Int64
    /// Of the second reading.
    var progress: Checkpoint.Progress
    /// How the run was gone on with; `nil` where it was not stopped.
    var resumption: VerificationReport.Resumption?
    var functions: FunctionComparison?
    /// Values of examples: source and target; empty where there are none.
    var values: [[KeyName: Value]] = []

    init(
        readings: [SideReading.Result], statistics: [SideStatistics], buckets: BucketSet, slots: SlotCounts,
        readAt: Int64
    ) {
        self.readings = readings
        self.statistics = statistics
        self.buckets = buckets
        self.slots = slots
        self.readAt = readAt
        progress = Checkpoint.Progress(
            dumped: readings.map(\.dumped), gone: readings.map(\.gone), warnings: readings.flatMap(\.warnings))
    }

    /// What a run found before it was stopped.
    init(_ checkpoint: Checkpoint) {
        readings = checkpoint.reading.sides.map(\.result)
        statistics = checkpoint.reading.statistics
        buckets = checkpoint.buckets
        slots = checkpoint.reading.slots
        readAt = checkpoint.reading.endedAt
        progress = checkpoint.progress
    }

    /// Seconds for which reading source and target was held back by their limits, also before a stop.
    func throttledSeconds(_ plan: VerifyPlan) -> [Double] {
        progress.throttled.indices.map { progress.throttled[$0] + plan.throttledSeconds($0) }
    }

    /// Where the run stands.
    func checkpoint(_ plan: VerifyPlan, _ conditions: VerifyConditions) -> Checkpoint {
        var progress = progress
        progress.throttled = throttledSeconds(plan)
        return Checkpoint(
            conditions: conditions,
            reading: Checkpoint.FirstReading(
                startedAt: plan.startedAt, endedAt: readAt, scope: plan.scope, sample: plan.sample,
                sides: readings.map(Checkpoint.Side.init), statistics: statistics, slots: slots),
            buckets: buckets, progress: progress)
    }

    mutating func addReads(of side: Int, _ reading: SideReading.Result) {
        progress.dumped[side] += reading.dumped
        progress.gone[side] += reading.gone
        for warning in reading.warnings where !progress.warnings.contains(warning) { progress.warnings.append(warning) }
    }

    mutating func addReads(of sides: [SideAccess]) {
        for (index, side) in sides.enumerated() {
            let (found, absent) = side.takeCounts()
            progress.dumped[index] += found
            progress.gone[index] += absent
        }
    }
}
