/// What an RDB string holds, and so the value of a record of type 0.
public enum RDBString: ~Escapable {
    /// The bytes as they are.
    case raw(RawSpan)
    /// An integer, whose decimal text is the string.
    case integer(Int64)
    /// Compressed with LZF: `RDBString.decode` expands it.
    case compressed

    /// Looks at a string, without expanding it.
    ///
    /// - Parameter value: Exactly one string, such as the value of a record of type 0.
    /// - Returns: `nil` when these bytes are not exactly one string.
    @inlinable
    @_lifetime(copy value)
    public static func read(_ value: RawSpan) -> RDBString? {
        var cursor = ByteCursor(value)
        guard let first = cursor.nextByte() else { return nil }
        if first < 0x40 {
            guard cursor.remaining == Int(first) else { return nil }
            return .raw(cursor.bytes(from: 1, to: value.byteCount))
        }
        return readLong(value)
    }

    @usableFromInline
    @_lifetime(copy value)
    static func readLong(_ value: RawSpan) -> RDBString? {
        var cursor = ByteCursor(value)
        guard let token = try? cursor.nextString("string"), token.end == value.byteCount else { return nil }
        if !token.isEncoded { return .raw(cursor.bytes(from: token.contents, to: token.end)) }
        var integer = ByteCursor(cursor.bytes(from: 1, to: value.byteCount))
        switch value.byteCount {
        case 2: if let number = integer.next(Int8.self), first(of: value) == 0xc0 { return .integer(Int64(number)) }
        case 3: if let number = integer.next(Int16.self), first(of: value) == 0xc1 { return .integer(Int64(number)) }
        case 5: if let number = integer.next(Int32.self), first(of: value) == 0xc2 { return .integer(Int64(number)) }
        default: break
        }
        return .compressed
    }

    private static func first(of value: RawSpan) -> UInt8 {
        var cursor = ByteCursor(value)
        return cursor.nextByte() ?? 0
    }

    /// Appends the bytes of a string to `output`: raw, an integer's decimal text, or expanded.
    ///
    /// - Parameters:
    ///   - value: Exactly one string.
    ///   - offset: Where it stands in the stream, for the error.
    ///   - element: What it is, for the error.
    ///   - output: Takes the bytes, behind what it holds.
    /// - Throws: `malformed` when it is not one string, or its compression is damaged.
    public static func decode(
        _ value: RawSpan, at offset: UInt64 = 0, element: StaticString = "string", into output: inout [UInt8]
    ) throws(RDBError) {
        switch read(value) {
        case .raw(let bytes):
            unsafe bytes.withUnsafeBytes { buffer in
                // SAFETY: the buffer is only read within the closure.
                unsafe output.append(contentsOf: buffer)
            }
        case .integer(let number):
            appendDecimal(number, to: &output)
        case .compressed:
            var cursor = ByteCursor(value, base: offset)
            guard cursor.skip(1), try cursor.nextLength(of: element) != nil,
                let length = try cursor.nextLength(of: element),
                LZF.expand(cursor.bytes(from: cursor.position, to: value.byteCount), length: length, into: &output)
            else { throw RDBError(.malformed, offset: offset, element: element) }
        case nil:
            throw RDBError(.malformed, offset: offset, element: element)
        }
    }

    static func appendDecimal(_ number: Int64, to output: inout [UInt8]) {
        if number < 0 { output.append(UInt8(ascii: "-")) }
        let start = output.count
        var rest = number.magnitude
        repeat {
            output.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        output[start...].reverse()
    }
}
