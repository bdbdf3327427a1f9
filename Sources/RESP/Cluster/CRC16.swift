/// CRC-16/XMODEM (polynomial 0x1021, start 0, not reflected): what a cluster hashes keys with.
///
/// Slice-by-8: eight bytes per step, since a byte at a time waits for a table load each.
@usableFromInline
package enum CRC16 {
    /// Table k holds, for each byte, its CRC followed by k zero bytes.
    @usableFromInline
    package static let table: InlineArray<2048, UInt16> = {
        var table = InlineArray<2048, UInt16>(repeating: 0)
        for byte in 0..<256 {
            var crc = UInt16(byte) << 8
            for _ in 0..<8 { crc = crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
            table[byte] = crc
        }
        for index in 256..<2048 {
            let shorter = table[index - 256]
            table[index] = shorter << 8 ^ table[Int(shorter >> 8)]
        }
        return table
    }()

    /// The checksum of `bytes`.
    @inlinable
    package static func checksum(_ bytes: RawSpan) -> UInt16 {
        var crc: UInt16 = 0
        var position = 0
        let count = bytes.byteCount
        while count - position >= 8 {
            // SAFETY: the condition above proved that eight bytes lie at `position`; the load needs no alignment.
            let word = unsafe UInt64(
                bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self))
            let mixed = word ^ UInt64(crc) << 48
            let high = table[1792 + Int(mixed >> 56)] ^ table[1536 + Int(mixed >> 48 & 0xFF)]
            let upper = table[1280 + Int(mixed >> 40 & 0xFF)] ^ table[1024 + Int(mixed >> 32 & 0xFF)]
            let lower = table[768 + Int(mixed >> 24 & 0xFF)] ^ table[512 + Int(mixed >> 16 & 0xFF)]
            let low = table[256 + Int(mixed >> 8 & 0xFF)] ^ table[Int(mixed & 0xFF)]
            crc = high ^ upper ^ lower ^ low
            position += 8
        }
        if count - position >= 4 {
            // SAFETY: the condition above proved that four bytes lie at `position`; the load needs no alignment.
            let word = unsafe UInt32(
                bigEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt32.self))
            let mixed = word ^ UInt32(crc) << 16
            let high = table[768 + Int(mixed >> 24)] ^ table[512 + Int(mixed >> 16 & 0xFF)]
            crc = high ^ table[256 + Int(mixed >> 8 & 0xFF)] ^ table[Int(mixed & 0xFF)]
            position += 4
        }
        while position < count {
            // SAFETY: the condition above proved that a byte lies at `position`.
            let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
            crc = crc << 8 ^ table[Int(crc >> 8 ^ UInt16(byte))]
            position += 1
        }
        return crc
    }
}
