/// Where an RDB string stands in the cursor's bytes.
@usableFromInline
package struct StringToken {
    /// The first byte of its length.
    @usableFromInline package let start: Int
    /// The first byte of its contents; for an encoded string the same as `start`.
    @usableFromInline package let contents: Int
    /// Behind its last byte.
    @usableFromInline package let end: Int

    @inlinable
    package init(start: Int, contents: Int, end: Int) {
        self.start = start
        self.contents = contents
        self.end = end
    }

    /// Whether it is an integer or compressed, not the plain bytes `contents..<end`.
    @inlinable
    package var isEncoded: Bool { start == contents }
}

/// Lengths and strings (RDB versions 1 to 13 and 80): the two high bits of the first byte say how to go on.
extension ByteCursor {
    /// The next length, or `nil` (position undefined) when bytes are missing.
    ///
    /// `00`: six bits; `01`: 14 bits, big-endian; `0x80`: 32 bits, big-endian; `0x81`: 64 bits, big-endian.
    /// - Throws: `malformed` for anything else, which also encodes no length where one must stand.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    package mutating func nextLength(of element: StaticString) throws(RDBError) -> UInt64? {
        guard let first = nextByte() else { return nil }
        if first < 0x40 { return UInt64(first) }
        return try longLength(first, of: element)
    }

    @usableFromInline
    @_lifetime(self: copy self)
    mutating func longLength(_ first: UInt8, of element: StaticString) throws(RDBError) -> UInt64? {
        switch first {
        case 0x40..<0x80:
            guard let low = nextByte() else { return nil }
            return UInt64(first & 0x3f) << 8 | UInt64(low)
        case 0x80:
            return next(UInt32.self).map { UInt64($0.byteSwapped) }
        case 0x81:
            return next(UInt64.self)?.byteSwapped
        default:
            throw RDBError(.malformed, offset: offset &- 1, element: element, detail: UInt64(first))
        }
    }

    /// Passes over the next string, or `nil` (position undefined) when bytes are missing.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    package mutating func nextString(_ element: StaticString) throws(RDBError) -> StringToken? {
        let start = position
        guard let first = nextByte() else { return nil }
        if first < 0x40 {
            let contents = position
            guard skip(Int(first)) else { return nil }
            return StringToken(start: start, contents: contents, end: position)
        }
        return try longString(first, element)
    }

    @usableFromInline
    @_lifetime(self: copy self)
    mutating func longString(_ first: UInt8, _ element: StaticString) throws(RDBError) -> StringToken? {
        let start = position - 1
        let found: Bool
        switch first {
        case 0xc0: found = skip(1)
        case 0xc1: found = skip(2)
        case 0xc2: found = skip(4)
        case 0xc3:
            guard let compressed = try nextLength(of: element), try nextLength(of: element) != nil else { return nil }
            found = try skipContents(compressed, start: start, element)
        default:
            guard let length = try longLength(first, of: element) else { return nil }
            let contents = position
            guard try skipContents(length, start: start, element) else { return nil }
            return StringToken(start: start, contents: contents, end: position)
        }
        return found ? StringToken(start: start, contents: start, end: position) : nil
    }

    /// Passes over as many bytes as were declared, which no caller may trust.
    @_lifetime(self: copy self)
    private mutating func skipContents(
        _ length: UInt64, start: Int, _ element: StaticString
    ) throws(RDBError) -> Bool {
        guard let count = Int(exactly: length) else {
            throw RDBError(
                .malformed, offset: base &+ UInt64(truncatingIfNeeded: start), element: element, detail: length)
        }
        return skip(count)
    }
}
