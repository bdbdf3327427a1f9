/// What stands in front of a string's contents.
enum StringHeader {
    /// So many bytes follow.
    case raw(Int)
    /// Nothing follows: the string is the integer's decimal text.
    case integer(Int64)
    /// So many compressed bytes follow, which give so many. (Checked that LZF can give as many.)
    case compressed(Int, length: Int)
}

extension ByteCursor {
    /// Reads what stands in front of a string's contents; `nil` (position undefined) when bytes of that are missing.
    @_lifetime(self: copy self)
    mutating func nextStringHeader(_ element: StaticString) throws(RDBError) -> StringHeader? {
        let start = offset
        guard let first = nextByte() else { return nil }
        switch first {
        case 0xc0: return next(Int8.self).map { .integer(Int64($0)) }
        case 0xc1: return next(Int16.self).map { .integer(Int64($0)) }
        case 0xc2: return next(Int32.self).map { .integer(Int64($0)) }
        case 0xc3:
            guard let compressed = try nextLength(of: element), let length = try nextLength(of: element) else {
                return nil
            }
            guard let compressed = Int(exactly: compressed), let length = Int(exactly: length),
                length / LZF.greatestExpansion <= compressed
            else { throw RDBError(.malformed, offset: start, element: element, detail: length) }
            return .compressed(compressed, length: length)
        default:
            guard let length = try longLengthOrShort(first, of: element) else { return nil }
            guard let count = Int(exactly: length) else {
                throw RDBError(.malformed, offset: start, element: element, detail: length)
            }
            return .raw(count)
        }
    }

    @_lifetime(self: copy self)
    private mutating func longLengthOrShort(
        _ first: UInt8, of element: StaticString
    ) throws(RDBError) -> UInt64? {
        first < 0x40 ? UInt64(first) : try longLength(first, of: element)
    }
}
