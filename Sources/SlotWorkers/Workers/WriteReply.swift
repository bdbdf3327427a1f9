/// What a target says to a write.
enum WriteReply: Equatable, Sendable {
    /// So many commands in a row succeeded.
    case succeeded(Int)
    /// A `SET … NX` found the key there.
    case absent
    /// An error reply, whole, without its `-`.
    case refused(String)
}

/// Reads the replies of writes. Nearly all are `+OK`, which are counted by comparison, not decoded.
struct WriteReplyScanner {
    /// Bytes that are no reply to a write.
    struct Malformed: Error, Equatable { let byte: UInt8 }

    /// Longest error line that is waited for.
    private static let longestLine = 64 << 10
    /// `+OK\r\n` as the low five bytes of a little-endian integer.
    private static let ok: UInt64 = 0x0A_0D_4B_4F_2B
    private static let okMask: UInt64 = 0xFF_FFFF_FFFF

    /// The next reply and how many bytes it takes; `nil` when it is not whole yet.
    static func next(in bytes: RawSpan, from start: Int) throws(Malformed) -> (reply: WriteReply, size: Int)? {
        var position = start
        // SAFETY: an integer of any bits is valid, and the loop's condition proves that eight bytes lie at `position`.
        while position + 8 <= bytes.byteCount,
            unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self))
                & okMask == ok
        {
            position += 5
        }
        if position > start { return (.succeeded((position - start) / 5), position - start) }
        guard let end = lineEnd(in: bytes, from: start) else {
            if bytes.byteCount - start > longestLine { throw Malformed(byte: bytes[start]) }
            return nil
        }
        let size = end + 2 - start
        switch bytes[start] {
        case UInt8(ascii: "+"), UInt8(ascii: ":"): return (.succeeded(1), size)
        case UInt8(ascii: "_"): return (.absent, size)
        case UInt8(ascii: "$") where bytes[start + 1] == UInt8(ascii: "-"): return (.absent, size)
        case UInt8(ascii: "-"):
            return (.refused(String(decoding: bytes.extracting(start + 1..<end).array, as: UTF8.self)), size)
        case let other: throw Malformed(byte: other)
        }
    }

    /// Where the CR of the first line end lies.
    private static func lineEnd(in bytes: RawSpan, from start: Int) -> Int? {
        var position = start + 1
        while position + 1 < bytes.byteCount {
            if bytes[position] == UInt8(ascii: "\r"), bytes[position + 1] == UInt8(ascii: "\n") { return position }
            position += 1
        }
        return nil
    }
}
