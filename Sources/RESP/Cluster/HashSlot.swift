/// One of a cluster's 16,384 slots.
package struct HashSlot: Hashable, Comparable, Sendable, RawRepresentable, CustomStringConvertible {
    /// How many slots there are.
    package static let count = 16384

    /// 0 ... 16383.
    package let rawValue: UInt16

    /// - Returns: `nil` above 16383.
    @inlinable
    package init?(rawValue: UInt16) {
        guard rawValue < 16384 else { return nil }
        self.rawValue = rawValue
    }

    /// - Returns: `nil` outside 0 ... 16383.
    package init?(_ value: some BinaryInteger) {
        guard let value = UInt16(exactly: value) else { return nil }
        self.init(rawValue: value)
    }

    /// The slot of a key: CRC-16 of the whole key, or of what stands between the first `{` and the first `}` behind it
    /// where that is not empty (the hash tag of the cluster specification).
    @inlinable
    package init(key: RawSpan) {
        rawValue = CRC16.checksum(Self.hashedPart(of: key)) & 0x3FFF
    }

    /// The slot of a key in an array.
    package init(key: [UInt8]) {
        // SAFETY: every byte of a span of UInt8 is initialized.
        self.init(key: unsafe key.span.bytes)
    }

    @inlinable
    @_lifetime(copy key)
    static func hashedPart(of key: RawSpan) -> RawSpan {
        guard let opening = index(of: UInt8(ascii: "{"), in: key, from: 0),
            let closing = index(of: UInt8(ascii: "}"), in: key, from: opening + 1),
            closing > opening + 1
        else { return key }
        return key.extracting(opening + 1..<closing)
    }

    @inlinable
    static func index(of byte: UInt8, in key: RawSpan, from start: Int) -> Int? {
        var position = start
        let count = key.byteCount
        // Eight bytes at a time: a byte of `word` is zero where the one sought stands, and only then may the test be true.
        let pattern = 0x0101_0101_0101_0101 &* UInt64(byte)
        while count - position >= 8 {
            // SAFETY: the condition above proved that eight bytes lie at `position`; the load needs no alignment.
            let bytes = unsafe key.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self)
            let word = bytes ^ pattern
            if (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0 { break }
            position += 8
        }
        while position < count {
            // SAFETY: the condition above proved that a byte lies at `position`.
            if unsafe key.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self) == byte { return position }
            position += 1
        }
        return nil
    }

    @inlinable
    package static func < (left: HashSlot, right: HashSlot) -> Bool { left.rawValue < right.rawValue }

    package var description: String { String(rawValue) }
}
