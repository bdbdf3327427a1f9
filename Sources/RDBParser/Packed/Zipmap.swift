/// Reads a zipmap: the packed hashes of Redis before 2.6.
///
/// A byte of count (254 or more: unknown), fields and values, 255. A length is a byte, or 254 and 4 bytes; behind that
/// of a value stands how many unused bytes follow it.
struct Zipmap: ~Escapable {
    private var cursor: ByteCursor
    private let declaredCount: UInt8
    private let offset: UInt64
    private var count = 0

    /// - Parameter offset: Where it stands in the stream, for the errors.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, offset: UInt64) throws(RDBError) {
        self.offset = offset
        cursor = ByteCursor(bytes)
        guard let count = cursor.nextByte() else {
            throw RDBError(.malformed, offset: offset, element: "zipmap header")
        }
        declaredCount = count
    }

    /// The contents of a field or value.
    @_lifetime(copy self)
    func contents(_ entry: PackedEntry) -> RawSpan { cursor.bytes(from: entry.start, to: entry.end) }

    /// The next field with its value, or `nil` behind the last one.
    ///
    /// - Throws: `malformed` when bytes are missing or left, or the count is wrong.
    @_lifetime(self: copy self)
    mutating func next() throws(RDBError) -> (field: PackedEntry, value: PackedEntry)? {
        guard let first = cursor.nextByte() else { throw malformed("zipmap end") }
        if first == 0xff {
            guard cursor.remaining == 0 else { throw malformed("zipmap end") }
            guard declaredCount >= 254 || Int(declaredCount) == count else { throw malformed("zipmap count") }
            return nil
        }
        guard let fieldLength = readLength(first), let field = cursor.nextEntry(of: fieldLength),
            let second = cursor.nextByte(), second != 0xff, let valueLength = readLength(second),
            let unused = cursor.nextByte(), let value = cursor.nextEntry(of: valueLength), cursor.skip(Int(unused))
        else { throw malformed("zipmap entry") }
        count += 1
        return (field, value)
    }

    @_lifetime(self: copy self)
    private mutating func readLength(_ first: UInt8) -> Int? {
        first < 254 ? Int(first) : cursor.next(UInt32.self).map { Int($0) }
    }

    private func malformed(_ element: StaticString) -> RDBError {
        RDBError(.malformed, offset: offset, element: element)
    }
}
