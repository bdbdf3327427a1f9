/// What keys all hashes of a run: 16 to 32 bytes.
///
/// Both sides of a run use the same, so that equal data has equal digests; nobody who does not know it can make two
/// values with the same digest, or learn a key's name from its hash. A run with the same seed draws the same sample.
package struct RunSeed: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    /// - Returns: `nil` outside of 16...32 bytes.
    package init?(bytes: [UInt8]) {
        guard (16...32).contains(bytes.count) else { return nil }
        self.bytes = bytes
    }

    /// Reads 32 to 64 hexadecimal digits, as a report shows them.
    ///
    /// - Throws: `invalidSeed`.
    package init(parsing text: String) throws(VerifierError) {
        let digits = Array(text.utf8)
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: digits.count - 1, by: 2) {
            guard let high = Self.digit(digits[start]), let low = Self.digit(digits[start + 1]) else { break }
            bytes.append(high << 4 | low)
        }
        guard bytes.count * 2 == digits.count, let seed = RunSeed(bytes: bytes) else {
            throw VerifierError(
                .invalidSeed, "'\(text)' is no seed: it takes 32 to 64 hexadecimal digits, an even number of them.")
        }
        self = seed
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// A new one, of 16 bytes, from the system's random numbers.
    package static func random() -> RunSeed {
        var generator = SystemRandomNumberGenerator()
        return RunSeed(using: &generator)
    }

    /// A new one, of 16 bytes.
    package init(using generator: inout some RandomNumberGenerator) {
        bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// Hexadecimal digits, which `init(parsing:)` reads.
    package var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
