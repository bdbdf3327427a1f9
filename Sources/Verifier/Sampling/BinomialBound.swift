#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// What a sample says of all keys: Clopper and Pearson's bound, which never promises more than its confidence.
package enum BinomialBound {
    /// The greatest rate p at which seeing at most `mismatches` among `size` keys still has a chance of
    /// 1 − `confidence`: with that confidence, at most p of all keys differ.
    ///
    /// - Parameters:
    ///   - mismatches: 0 ... size.
    ///   - size: Keys that were compared; with none the bound is 1.
    ///   - confidence: Above 0, below 1.
    package static func upper(mismatches: UInt64, of size: UInt64, confidence: Double) -> Double {
        guard mismatches < size else { return 1 }
        if mismatches == 0 {
            // The bound in closed form: exact also where it is tiny.
            return -expm1(log1p(-confidence) / Double(size))
        }
        // The chance of at most k is 1 − I(p; k + 1, n − k), which falls as p grows.
        let first = Double(mismatches) + 1
        let second = Double(size - mismatches)
        var low = Double(mismatches) / Double(size)
        var high = 1.0
        for _ in 0..<200 where high - low > high * 1e-13 {
            let middle = (low + high) / 2
            if regularizedBeta(middle, first, second) < confidence { low = middle } else { high = middle }
        }
        return high
    }

    /// The regularized incomplete beta function I(x; a, b), by Lentz's evaluation of its continued fraction
    /// (Abramowitz and Stegun, 26.5.8).
    ///
    /// - Parameters:
    ///   - x: 0 ... 1.
    ///   - a: Above 0.
    ///   - b: Above 0.
    static func regularizedBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        if x <= 0 { return 0 }
        if x >= 1 { return 1 }
        // The fraction converges fast below the mean only; above it the mirror image is taken.
        if x > (a + 1) / (a + b + 2) { return 1 - regularizedBeta(1 - x, b, a) }
        let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
        let tiny = 1e-300
        var result = 1.0
        var c = 1.0
        var d = 1 / nonzero(1 - (a + b) * x / (a + 1), tiny)
        result = d
        for step in 1...10_000 {
            let m = Double(step)
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            d = 1 / nonzero(1 + even * d, tiny)
            c = nonzero(1 + even / c, tiny)
            result *= d * c
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            d = 1 / nonzero(1 + odd * d, tiny)
            c = nonzero(1 + odd / c, tiny)
            let change = d * c
            result *= change
            if abs(change - 1) < 1e-15 { break }
        }
        return front * result
    }

    private static func nonzero(_ number: Double, _ tiny: Double) -> Double { abs(number) < tiny ? tiny : number }
}
