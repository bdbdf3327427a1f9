/// The first 128 bits of a SHA-256 under the run's seed, or a sum of such.
///
/// Sums, not exclusive or: a key that a scan returned twice changes the sum instead of vanishing from it.
package struct Digest128: Hashable, Sendable, Codable, CustomStringConvertible {
    package var bits: UInt128

    package static let zero = Digest128(bits: 0)

    @inlinable
    package init(bits: UInt128) { self.bits = bits }

    /// Sum modulo 2^128.
    @inlinable
    package static func &+ (left: Digest128, right: Digest128) -> Digest128 {
        Digest128(bits: left.bits &+ right.bits)
    }

    /// Difference modulo 2^128.
    @inlinable
    package static func &- (left: Digest128, right: Digest128) -> Digest128 {
        Digest128(bits: left.bits &- right.bits)
    }

    @inlinable
    package static func &+= (left: inout Digest128, right: Digest128) { left.bits &+= right.bits }

    /// The first 64 bits, as 16 hexadecimal digits: enough to tell values of a report apart.
    package var shortDescription: String { String(description.prefix(16)) }

    /// 32 hexadecimal digits.
    package var description: String {
        let digits = String(bits, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let bits = UInt128(try container.decode(String.self), radix: 16) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "these are no hexadecimal digits")
        }
        self.bits = bits
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
