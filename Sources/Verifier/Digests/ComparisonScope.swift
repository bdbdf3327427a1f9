package import RDBParser

/// What both sides of a run can hold, and so what is compared: decided from their versions before the run, and the same
/// for the digests of both.
///
/// | part | compared | else |
/// |---|---|---|
/// | field expiries | the target holds them (Redis 7.4, Valkey 9), or the source does not | a conversion drops them |
/// | streams' history | both hold it (Redis 7.0 and all Valkeys) | left out: servers make up what the older one lacks |
/// | streams' idempotence | the target holds it (Redis 8.6), or the source does not | a conversion drops it |
package struct ComparisonScope: Hashable, Sendable, Codable {
    /// What happens to a part of values that not every server has.
    package enum Part: String, Hashable, Sendable, Codable {
        /// It must be equal.
        case compared
        /// One side fills in something of its own: it says nothing.
        case ignored
        /// The target has no place for it: where the source holds it, the key is `converted`, not different.
        case convertible
    }

    /// When fields of hashes expire.
    package var fieldExpiries: Part
    /// Entries ever added, the greatest deleted ID, and what groups have read.
    package var streamHistory: Part
    /// What Redis 8.6 keeps of idempotent producers.
    package var idempotence: Part
    /// Names of module data types (such as `ReJSON-RL`) that are compared: those whose module has the same version on
    /// both sides. Values of others are `unsupported`. Default: none.
    package var moduleTypes: Set<String> = []
    /// What expires at or before this time, in milliseconds since 1970, is left out: keys out of the sums, fields out
    /// of hashes. It is meant to lie behind the end of the run. Default: nothing.
    package var horizon = Int64.min

    package init(source: RDBVersion, target: RDBVersion) {
        fieldExpiries = source.hasFieldExpiries && !target.hasFieldExpiries ? .convertible : .compared
        streamHistory = source.hasStreamHistory && target.hasStreamHistory ? .compared : .ignored
        idempotence = source.hasIdempotence && !target.hasIdempotence ? .convertible : .compared
    }

    /// Until when fields are left out. Where their expiries were dropped they live on, on the target.
    var fieldHorizon: Int64 { fieldExpiries == .compared ? horizon : .min }
}

extension RDBVersion {
    fileprivate var hasFieldExpiries: Bool { family == .valkey || number >= 12 }
    fileprivate var hasStreamHistory: Bool { family == .valkey || number >= 10 }
    fileprivate var hasIdempotence: Bool { family == .redis && number >= 13 }
}

/// The two sides of a comparison.
package enum ComparedSide: String, Hashable, Sendable, CaseIterable, Codable {
    case source, target
}
