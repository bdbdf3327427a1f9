import Foundation
import RDBParser
import RESP
import Testing

@testable import Verifier

struct SamplingTests {
    @Test(arguments: [
        (1e-5, 0.95, 299_572), (1e-5, 0.99, 460_515), (1e-4, 0.95, 29_956), (0.01, 0.95, 299), (0.5, 0.5, 1),
    ])
    func `a sample is as large as the rate and the confidence need`(rate: Double, confidence: Double, size: UInt64)
        throws
    {
        #expect(try SampleSize.toExclude(mismatchRate: rate, confidence: confidence) == size)
        #expect(BinomialBound.upper(mismatches: 0, of: size, confidence: confidence) <= rate)
        if size > 1 { #expect(BinomialBound.upper(mismatches: 0, of: size - 1, confidence: confidence) > rate) }
    }

    @Test(arguments: [(0.0, 0.9), (1, 0.9), (-1, 0.9), (.nan, 0.9), (0.1, 0), (0.1, 1), (0.1, .nan)])
    func `rates and confidences out of range are refused`(rate: Double, confidence: Double) {
        #expect(throws: VerifierError.self) {
            try SampleSize.toExclude(mismatchRate: rate, confidence: confidence)
        }
    }

    /// One-sided upper bounds, from the quantile of the beta distribution (SciPy's beta.ppf(c, k + 1, n − k)).
    @Test(arguments: [
        (0, 100, 0.95, 0.029513049607039922), (1, 10, 0.95, 0.39416330243650466), (5, 100, 0.95, 0.1022533776432745),
        (3, 300_000, 0.99, 3.3483331890330103e-05), (10, 10, 0.95, 1), (999, 1000, 0.95, 0.999948708021091),
        (50, 100, 0.975, 0.601678870496699), (0, 0, 0.95, 1),
    ])
    func `the bound is Clopper and Pearson's`(mismatches: UInt64, size: UInt64, confidence: Double, bound: Double) {
        let found = BinomialBound.upper(mismatches: mismatches, of: size, confidence: confidence)
        #expect(abs(found - bound) <= bound * 1e-9)
    }

    @Test func `the bound leaves just the chance that it states`() {
        for (mismatches, size) in [(1, 20), (4, 50), (17, 40)] {
            let bound = BinomialBound.upper(mismatches: UInt64(mismatches), of: UInt64(size), confidence: 0.9)
            var chance = 0.0
            for number in 0...mismatches {
                let ways = lgamma(Double(size + 1)) - lgamma(Double(number + 1)) - lgamma(Double(size - number + 1))
                chance += exp(ways + Double(number) * log(bound) + Double(size - number) * log1p(-bound))
            }
            #expect(abs(chance - 0.1) < 1e-9)
        }
    }

    @Test(arguments: [(0.002, 0.95), (0.02, 0.99), (0.0008, 0.9)])
    func `over 200 runs of known mismatch rate the bound holds as often as it says`(
        rate: Double, confidence: Double
    ) throws {
        var generator = Xorshift(state: 42)
        let population = 5_000
        let mismatching = Set((0..<population).shuffled(using: &generator).prefix(Int(Double(population) * rate)))
        var held = 0
        let keys = (0..<population).map { text("key:\($0)") }
        for _ in 0..<200 {
            let digester = try KeyDigester(seed: RunSeed(using: &generator), scope: scope(13, 13))
            let filter = SampleFilter(size: 1_000, population: UInt64(population))
            var (size, mismatches): (UInt64, UInt64) = (0, 0)
            for (number, key) in keys.enumerated() {
                guard filter.takes(digester.place(database: 0, key: key.span.bytes)) else { continue }
                size += 1
                if mismatching.contains(number) { mismatches += 1 }
            }
            if BinomialBound.upper(mismatches: mismatches, of: size, confidence: confidence) >= rate { held += 1 }
        }
        // Three deviations below what is stated would already be a chance of one in a thousand; the seed is fixed.
        let deviation = (confidence * (1 - confidence) / 200).squareRoot()
        #expect(Double(held) / 200 >= confidence - 3 * deviation)
        // Nor is it so wide that it always holds by far: with more confidence than is needed it would be useless.
        #expect(BinomialBound.upper(mismatches: UInt64(1_000 * rate), of: 1_000, confidence: confidence) < rate * 8)
    }

    @Test func `a sample is the share it should be, and the same for the same seed`() throws {
        let digester = try KeyDigester(seed: seed, scope: scope(13, 13))
        let again = try KeyDigester(seed: seed, scope: scope(9, 80))
        let filter = SampleFilter(size: 1_000, population: 100_000)
        #expect(abs(filter.rate - 0.01) < 1e-12)
        var taken = 0
        for number in 0..<100_000 {
            let key = text("key:\(number)")
            let place = digester.place(database: 3, key: key.span.bytes)
            #expect(place == again.place(database: 3, key: key.span.bytes))
            if filter.takes(place) { taken += 1 }
        }
        #expect((870...1_130).contains(taken))
        #expect(SampleFilter(size: 5, population: 5).takesAll)
        #expect(SampleFilter(size: 6, population: 5).takes(KeyPlace(slot: HashSlot(0)!, hash: .max)))
        #expect(SampleFilter(size: 1, population: .max).limit == 0)
    }

    @Test func `the largest keys are kept, whatever their order`() {
        var generator = Xorshift(state: 7)
        var largest = LargestKeys(capacity: 10)
        for bytes in (0..<1_000).shuffled(using: &generator) {
            largest.insert(bytes: UInt64(bytes), database: 0, key: text("\(bytes)"))
        }
        #expect(largest.entries.map(\.bytes) == (990..<1_000).reversed().map { UInt64($0) })
        #expect(largest.entries.first?.key == text("999"))
        #expect(!largest.wants(bytes: 990) && largest.wants(bytes: 991))
    }

    @Test func `strata add up over readers`() {
        let small = Stratum(kind: .string, size: SizeClass(bytes: 64))
        var first = Strata()
        first.countPopulation(small, by: 10)
        first.countCompared(small, isMismatch: true)
        var second = Strata()
        second.countCompared(small, isMismatch: false)
        second.countCompared(Stratum(kind: .hash, size: SizeClass(bytes: 5 << 20)), isMismatch: false)
        first.add(second)
        #expect(first.counts[small]?.population == 10 && first.counts[small]?.compared == 2)
        #expect(first.counts[small]?.mismatches == 1 && first.counts.count == 2)
    }
}

/// A small generator with a fixed start.
struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
