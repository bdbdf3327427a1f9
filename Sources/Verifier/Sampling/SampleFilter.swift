internal import RESP

/// Which keys a sample holds: those whose keyed hash is at most a limit. Both sides decide alike without speaking to
/// each other, so that extra keys are found as well as missing ones, and a run with the same seed draws the same keys.
package struct SampleFilter: Hashable, Sendable, Codable {
    /// `UInt64.max` takes all.
    package let limit: UInt64

    /// Takes every key.
    package static let all = SampleFilter(limit: .max)

    private init(limit: UInt64) { self.limit = limit }

    /// Takes about `size` keys of `population`: a draw for each key, so the number varies by about the root of `size`.
    ///
    /// - Parameters:
    ///   - size: 1 or more; where it reaches the population all are taken.
    ///   - population: Keys of the greater side, or an estimate: one that is too high takes fewer.
    package init(size: UInt64, population: UInt64) {
        guard size < population else {
            self = .all
            return
        }
        // size / population of the 2^64 values of a hash, in integers.
        limit = max(population.dividingFullWidth((size, 0)).quotient, 1) - 1
    }

    /// Whether all keys are taken.
    package var takesAll: Bool { limit == .max }

    /// The share of keys that are taken, above 0 ... 1.
    package var rate: Double { takesAll ? 1 : (Double(limit) + 1) / 0x1p64 }

    @inlinable
    package func takes(_ place: KeyPlace) -> Bool { place.hash <= limit }
}
