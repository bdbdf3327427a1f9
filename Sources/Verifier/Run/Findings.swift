internal import RDBParser
internal import RESP
internal import SlotWorkers

/// What comes of the keys that a verification looked at one by one.
struct Findings {
    /// A key for the report, whose values are still to be compared.
    struct Found {
        let key: KeyRounds.Candidate
        let outcome: KeyOutcome
    }

    /// Ranges of slots that the report counts by.
    static let slotRanges = 16
    static let slotsPerRange = HashSlot.count / slotRanges

    private let sample: SampleFilter
    private let digester: KeyDigester
    /// Outcomes but matches.
    private(set) var counts = OutcomeCounts()
    private(set) var byKind: [ValueKind: OutcomeCounts] = [:]
    private(set) var byRange = [OutcomeCounts](repeating: OutcomeCounts(), count: slotRanges)
    private(set) var slots: [HashSlot: SlotState] = [:]
    /// Of the sample alone.
    private(set) var sampled = OutcomeCounts()
    private(set) var mismatches: [Stratum: UInt64] = [:]
    private(set) var extras: [Stratum: UInt64] = [:]
    /// Keys of no sample, compared for their size: they are in no sum.
    private(set) var besideSample: UInt64 = 0
    private(set) var examples: [Found] = []
    private var exampleCounts = OutcomeCounts()

    init(sample: SampleFilter, digester: KeyDigester) {
        self.sample = sample
        self.digester = digester
    }

    mutating func settle(_ key: KeyRounds.Candidate, _ outcome: KeyOutcome) {
        let bytes = key.name.key.span
        // SAFETY: every byte of an array of bytes is initialised.
        let place = digester.place(database: key.name.database, key: unsafe bytes.bytes)
        let isSampled = sample.takes(place)
        if !isSampled, outcome != .extra, outcome != .unsupported { besideSample += 1 }
        guard outcome != .match, outcome != .converted else { return }
        counts[outcome] += 1
        byRange[Int(place.slot.rawValue) / Self.slotsPerRange][outcome] += 1
        if outcome.isMismatch {
            slots[place.slot] = .different
        } else if outcome != .expired, slots[place.slot] != .different {
            slots[place.slot] = .undecided
        }
        if let value = Self.value(key) {
            byKind[value.kind, default: OutcomeCounts()][outcome] += 1
            let stratum = Stratum(kind: value.kind, size: SizeClass(bytes: value.bytes))
            if isSampled, outcome.isMismatch { mismatches[stratum, default: 0] += 1 }
            if isSampled, outcome == .extra { extras[stratum, default: 0] += 1 }
        }
        if isSampled { sampled[outcome] += 1 }
        if outcome != .expired, exampleCounts[outcome] < UInt64(VerificationReport.maximumExamples) {
            exampleCounts[outcome] += 1
            examples.append(Found(key: key, outcome: outcome))
        }
    }

    /// The source's value, or else the target's.
    static func value(_ key: KeyRounds.Candidate) -> ValueDigest? {
        for reading in [key.source, key.target] {
            if case .present(let value, _) = reading.content { return value }
        }
        return nil
    }
}

extension OutcomeCounts {
    /// Those of the source's keys that were in the sums, and are no match.
    var settledOfSource: UInt64 {
        [KeyOutcome.missing, .type, .value, .ttl, .changing, .inconclusive, .expired].reduce(0) { $0 + self[$1] }
    }

    mutating func add(_ other: OutcomeCounts) {
        for outcome in KeyOutcome.allCases { self[outcome] += other[outcome] }
    }
}
