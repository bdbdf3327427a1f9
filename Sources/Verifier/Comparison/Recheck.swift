/// Settles one key that may differ, over rounds of looking at both sides while they may be written.
///
/// A difference is a mismatch only when the source stood still while both sides were read, and it is there again after
/// the wait of `confirmations` rounds (the target may lag behind the source). A key that moves is `changing`, never
/// a match and never a mismatch; what is still undecided when the rounds are over is `inconclusive`.
package struct Recheck: Hashable, Sendable {
    /// How often a key is looked at, and how long is waited between.
    package struct Policy: Hashable, Sendable {
        /// Most looks at a key: 1 ...; default 5.
        package var rounds = 5
        /// How many looks in a row must show the same difference: 1 ... rounds; 1 where nothing is written; default 3.
        package var confirmations = 3
        /// Milliseconds before the second look; doubled for each further one, up to `longestWait`; default 500.
        package var firstWait: Int64 = 500
        /// In milliseconds; default 8,000.
        package var longestWait: Int64 = 8_000

        package init() {}

        /// For sides that nobody writes, such as files: one look decides.
        package static var still: Policy {
            var policy = Policy()
            policy.rounds = 1
            policy.confirmations = 1
            return policy
        }
    }

    package enum Action: Hashable, Sendable {
        /// Look again after so many milliseconds.
        case lookAgain(after: Int64)
        case settled(KeyOutcome)
    }

    private let policy: Policy
    private let comparison: KeyComparison
    private var looks = 0
    /// The difference that the last looks showed, and how often in a row.
    private var suspicion: KeyOutcome?
    private var suspicionCount = 0
    private var lastSource: KeyReading.Content?

    package init(policy: Policy, comparison: KeyComparison) {
        self.policy = policy
        self.comparison = comparison
    }

    /// Takes a look at the key.
    package mutating func observed(_ observation: KeyObservation) -> Action {
        looks += 1
        let outcome = comparison.outcome(
            source: observation.source, target: observation.target, at: observation.time)
        let isStable = observation.isStable
        let isUnchanged = lastSource == nil || lastSource == observation.source.content
        lastSource = observation.source.content
        if outcome == .expired || outcome == .unsupported { return .settled(outcome) }
        guard isStable else {
            suspicion = nil
            suspicionCount = 0
            return next(elseSettled: .changing)
        }
        if !outcome.isMismatch { return .settled(outcome) }
        // Another state of the source, or another difference: what was seen before confirms nothing.
        suspicionCount = suspicion == outcome && isUnchanged ? suspicionCount + 1 : 1
        suspicion = outcome
        if suspicionCount >= min(policy.confirmations, policy.rounds) { return .settled(outcome) }
        return next(elseSettled: isUnchanged ? .inconclusive : .changing)
    }

    /// A look failed: a side could not be read.
    package mutating func failed() -> Action {
        looks += 1
        suspicion = nil
        suspicionCount = 0
        return next(elseSettled: .inconclusive)
    }

    private func next(elseSettled outcome: KeyOutcome) -> Action {
        guard looks < policy.rounds else { return .settled(outcome) }
        let doublings = min(looks - 1, 30)
        return .lookAgain(after: min(policy.firstWait << Int64(doublings), policy.longestWait))
    }
}
