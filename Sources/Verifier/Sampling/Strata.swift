package import RDBParser

/// Classes of sizes, by the bytes of a value's strings, decoded.
package enum SizeClass: Int, Hashable, Sendable, CaseIterable, Codable {
    case upTo64, upTo1K, upTo16K, upTo256K, upTo4M, larger

    package init(bytes: UInt64) {
        switch bytes {
        case ...64: self = .upTo64
        case ...(1 << 10): self = .upTo1K
        case ...(16 << 10): self = .upTo16K
        case ...(256 << 10): self = .upTo256K
        case ...(4 << 20): self = .upTo4M
        default: self = .larger
        }
    }

    /// Such as `65 B to 1 KiB`.
    package var name: String {
        switch self {
        case .upTo64: "up to 64 B"
        case .upTo1K: "65 B to 1 KiB"
        case .upTo16K: "1 to 16 KiB"
        case .upTo256K: "16 to 256 KiB"
        case .upTo4M: "256 KiB to 4 MiB"
        case .larger: "over 4 MiB"
        }
    }
}

/// A part of the keys that are alike.
package struct Stratum: Hashable, Sendable, Codable {
    package var kind: ValueKind
    package var size: SizeClass

    package init(kind: ValueKind, size: SizeClass) {
        self.kind = kind
        self.size = size
    }
}

/// How many keys of each stratum there are, were compared, and differ.
package struct Strata: Hashable, Sendable {
    package struct Count: Hashable, Sendable {
        /// Keys that were read, on the side that has more of them where both were counted.
        package var population: UInt64 = 0
        package var compared: UInt64 = 0
        package var mismatches: UInt64 = 0

        package init() {}
    }

    package private(set) var counts: [Stratum: Count] = [:]

    package init() {}

    package mutating func countPopulation(_ stratum: Stratum, by number: UInt64 = 1) {
        counts[stratum, default: Count()].population += number
    }

    /// Counts a key that was compared.
    package mutating func countCompared(_ stratum: Stratum, isMismatch: Bool) {
        counts[stratum, default: Count()].compared += 1
        if isMismatch { counts[stratum, default: Count()].mismatches += 1 }
    }

    /// Adds what another reader counted.
    package mutating func add(_ other: Strata) {
        for (stratum, count) in other.counts {
            var sum = counts[stratum, default: Count()]
            sum.population += count.population
            sum.compared += count.compared
            sum.mismatches += count.mismatches
            counts[stratum] = sum
        }
    }
}
