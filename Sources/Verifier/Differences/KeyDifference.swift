/// A key that did not match, with its name: what a file of differences keeps.
package struct KeyDifference: Hashable, Sendable {
    package var database: Int
    package var key: [UInt8]
    /// As in the report: 32 hexadecimal digits, under the run's seed.
    package var keyHash: String
    /// 0...16383.
    package var slot: Int
    package var outcome: KeyOutcome
    /// What `TYPE` says at the source; at the target for an extra key.
    package var type: String?
    /// In milliseconds since 1970; `nil` for none, and for a side without the key.
    package var sourceExpiry: Int64?
    package var targetExpiry: Int64?
    package var differences: [ValueDifference] = []

    package init(database: Int, key: [UInt8], keyHash: String, slot: Int, outcome: KeyOutcome) {
        self.database = database
        self.key = key
        self.keyHash = keyHash
        self.slot = slot
        self.outcome = outcome
    }

    /// What the report shows of a key, and its name.
    package init(_ example: VerificationReport.Example, key: [UInt8]) {
        self.init(
            database: example.database, key: key, keyHash: example.keyHash, slot: example.slot,
            outcome: example.outcome)
        type = example.type
        sourceExpiry = example.sourceExpiry
        targetExpiry = example.targetExpiry
        differences = example.differences
    }
}

/// Which run a file of differences is of.
package struct DifferencesRun: Hashable, Sendable {
    /// Hexadecimal, as in the report.
    package var seed: String
    /// With versions, replication IDs and offsets, once they are known.
    package var source: VerificationReport.Side
    package var target: VerificationReport.Side
    /// What the run was restricted to: an option's name, such as `include-key`, and what it was given.
    package var scope: [String: [String]] = [:]
    /// In milliseconds since 1970.
    package var startedAt: Int64
    /// `nil` while it runs, and for a run that did not come to its end.
    package var endedAt: Int64?
    package var verdict: Verdict?

    package init(
        seed: String, source: VerificationReport.Side, target: VerificationReport.Side, startedAt: Int64
    ) {
        self.seed = seed
        self.source = source
        self.target = target
        self.startedAt = startedAt
    }
}
