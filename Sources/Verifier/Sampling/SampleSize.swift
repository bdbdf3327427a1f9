#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// How many keys to compare so that a rate of mismatches can be ruled out.
package enum SampleSize {
    /// The smallest n for which finding no mismatch among n keys shows, with `confidence`, that fewer than
    /// `mismatchRate` of all differ: (1 − rate)^n ≤ 1 − confidence.
    ///
    /// - Parameters:
    ///   - mismatchRate: Above 0, below 1, such as 1e-5.
    ///   - confidence: Above 0, below 1, such as 0.95.
    /// - Throws: `invalidSampling`.
    package static func toExclude(mismatchRate: Double, confidence: Double) throws(VerifierError) -> UInt64 {
        guard mismatchRate > 0, mismatchRate < 1 else {
            throw VerifierError(
                .invalidSampling, "A mismatch rate of \(mismatchRate) is out of range: above 0, below 1, as in 1e-5.")
        }
        guard confidence > 0, confidence < 1 else {
            throw VerifierError(
                .invalidSampling, "A confidence of \(confidence) is out of range: above 0, below 1, as in 0.99.")
        }
        let size = (log1p(-confidence) / log1p(-mismatchRate)).rounded(.up)
        guard size < 0x1p63 else {
            throw VerifierError(.invalidSampling, "No sample is large enough for a mismatch rate of \(mismatchRate).")
        }
        return max(UInt64(size), 1)
    }
}
