internal import RDBParser
internal import RESP
internal import SlotWorkers

/// What comes of the keys that a verification looked at one by one.
struct Findings: Hashable, Codable {
    /// A key for the report, whose values are still to be compared.
    struct Found: Hashable, Codable {
        let key: KeyRounds.Candidate
        let outcome: KeyOutcome
    }

    /// Ranges of slots that the report counts by.
    static let slotRanges = 16
    static let slotsPerRange = HashSlot.count / slotRanges

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

    /// Whether there is a number for each range, as there is unless it was decoded from something else.
    var isWhole: Bool { byRange.count == Self.slotRanges }

    /// - Parameter isSampled: Whether the sample holds the key; all do where all are compared.
    mutating func settle(_ key: KeyRounds.Candidate, _ outcome: KeyOutcome, at place: KeyPlace, isSampled: Bool) {
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
