/// Reads an intset: 4 bytes of integer size (2, 4 or 8), 4 of count, the integers in ascending order.
struct Intset: ~Escapable {
    private var cursor: ByteCursor
    private let size: UInt32
    private let offset: UInt64
    private var previous: Int64?

    /// - Parameter offset: Where it stands in the stream, for the errors.
    /// - Throws: `malformed` for another integer size, or when size and count do not give the bytes that there are.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, offset: UInt64) throws(RDBError) {
        self.offset = offset
        cursor = ByteCursor(bytes)
        guard let size = cursor.next(UInt32.self), let count = cursor.next(UInt32.self), [2, 4, 8].contains(size),
            cursor.remaining == Int(size) * Int(count)
        else { throw RDBError(.malformed, offset: offset, element: "intset header") }
        self.size = size
    }

    /// The next integer, or `nil` behind the last one.
    ///
    /// - Throws: `malformed` when it is not greater than the one before it.
    @_lifetime(self: copy self)
    mutating func next() throws(RDBError) -> Int64? {
        let integer =
            switch size {
            case 2: cursor.next(Int16.self).map { Int64($0) }
            case 4: cursor.next(Int32.self).map { Int64($0) }
            default: cursor.next(Int64.self)
            }
        if let integer, let previous, integer <= previous {
            throw RDBError(.malformed, offset: offset, element: "intset order")
        }
        previous = integer
        return integer
    }
}
