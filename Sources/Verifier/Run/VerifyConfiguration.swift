package import SlotWorkers

/// Everything that a verification is told.
package struct VerifyConfiguration: Sendable {
    /// How much is compared.
    package enum Extent: Hashable, Sendable {
        case full
        /// About so many keys, drawn on both sides alike: 1 ...
        case sample(UInt64)
    }

    package var source: SideConfiguration
    package var target: SideConfiguration
    package var extent = Extent.full
    /// Of the statement that a sample makes: above 0, below 1. Default 0.95.
    package var confidence = 0.95
    /// Default: a new one.
    package var seed: RunSeed?
    /// Expiries that lie no further apart, in milliseconds, are the same; 0 ...; default 1,000.
    package var expiryTolerance: Int64 = 1_000
    /// Whether keys that only the target has are by design. Default false.
    package var ignoresExtra = false
    /// Whether names of keys, and contents, may be in the report. Default false.
    package var showsKeys = false
    /// Takes all keys that are neither equal nor expired, and where the run stands; one that holds a checkpoint is gone
    /// on with. Default: only examples are kept.
    package var differences: DifferencesFile?
    /// What the sides' filters were made from: an option's name, such as `include-key`, and what it was given. A run
    /// goes on only under the same. Default: nothing.
    package var filters: [String: [String]] = [:]
    /// Keys of differing buckets that are in memory at once, both sides counted: some 300 bytes each. 1 ...; default
    /// 200,000.
    package var portionKeys: UInt64 = 200_000
    /// How keys that differ are looked at again, where a side can change.
    package var policy = Recheck.Policy()

    package init(source: SideConfiguration, target: SideConfiguration) {
        self.source = source
        self.target = target
    }
}

/// How far a verification is. Every figure was true at its moment.
package struct VerifyProgress: Sendable {
    package enum Phase: String, Sendable {
        case connecting, counting, reading, rereading, rechecking, describing, done
    }

    package var phase = Phase.connecting
    /// Keys that this phase has read, of both sides.
    package var keys = 0
    /// Part of this phase that is done, 0...1; `nil` where it cannot be known.
    package var fraction: Double?
    /// How long reading was held back so far by a side's limit: of the side that was so for longer.
    package var throttled = Duration.zero
}
