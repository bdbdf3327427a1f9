/// What a verification says in one word.
package enum Verdict: String, Hashable, Sendable, Codable {
    /// Everything that was to be compared was, and nothing differs.
    case consistent = "CONSISTENT"
    /// At least one key, or a function library, differs for certain.
    case different = "DIFFERENT"
    /// Nothing is known to differ, but not everything could be decided.
    case inconclusive = "INCONCLUSIVE"

    /// 0, 1, 4.
    package var exitCode: Int {
        switch self {
        case .consistent: 0
        case .different: 1
        case .inconclusive: 4
        }
    }

    /// - Parameters:
    ///   - isComplete: Whether both sides were read to their ends.
    ///   - ignoresExtra: Whether keys that only the target has are by design.
    init(counts: OutcomeCounts, functions: FunctionComparison?, isComplete: Bool, ignoresExtra: Bool) {
        let isDifferent = KeyOutcome.allCases.contains { outcome in
            outcome.isMismatch && counts[outcome] > 0 && !(outcome == .extra && ignoresExtra)
        }
        let functionsDiffer = functions.map {
            !$0.missing.isEmpty || !$0.different.isEmpty || (!$0.extra.isEmpty && !ignoresExtra)
        }
        if isDifferent || functionsDiffer == true {
            self = .different
        } else if !isComplete || counts[.changing] + counts[.inconclusive] + counts[.unsupported] > 0 {
            self = .inconclusive
        } else {
            self = .consistent
        }
    }
}

/// How many keys came to each outcome: a number for each, also where it is 0.
package struct OutcomeCounts: Hashable, Sendable, Codable {
    /// In the order of `KeyOutcome.allCases`.
    private var counts = [UInt64](repeating: 0, count: KeyOutcome.allCases.count)

    package init() {}

    package subscript(outcome: KeyOutcome) -> UInt64 {
        get { counts[Self.index(outcome)] }
        set { counts[Self.index(outcome)] = newValue }
    }

    /// All keys that were compared, or tried to be.
    package var total: UInt64 { counts.reduce(0, &+) }

    private static func index(_ outcome: KeyOutcome) -> Int { KeyOutcome.allCases.firstIndex(of: outcome) ?? 0 }

    /// Keys that differ for certain.
    package var mismatches: UInt64 { KeyOutcome.allCases.reduce(0) { $1.isMismatch ? $0 + self[$1] : $0 } }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.singleValueContainer().decode([String: UInt64].self)
        for (name, count) in values {
            guard let outcome = KeyOutcome(rawValue: name) else { continue }
            self[outcome] = count
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(
            Dictionary(uniqueKeysWithValues: KeyOutcome.allCases.map { ($0.rawValue, self[$0]) }))
    }
}

/// Function libraries of both sides, by name.
package struct FunctionComparison: Hashable, Sendable, Codable {
    /// Libraries of the source.
    package var source: Int
    /// Libraries of the target.
    package var target: Int
    package var missing: [String] = []
    package var extra: [String] = []
    package var different: [String] = []

    package init(source: Int, target: Int) {
        self.source = source
        self.target = target
    }
}
