/// Reads a listpack: the packed encoding of Redis 5 streams, and of every type from Redis 7.0 on.
///
/// 4 bytes of size, 2 of count (65,535: unknown), entries, 255. An entry ends with its own length, written backward.
struct Listpack: ~Escapable {
    private var cursor: ByteCursor
    private let declaredCount: UInt16
    private let offset: UInt64
    private(set) var count = 0

    /// - Parameter offset: Where it stands in the stream, for the errors.
    /// - Throws: `malformed` when the size or the end is not as declared.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, offset: UInt64) throws(RDBError) {
        self.offset = offset
        cursor = ByteCursor(bytes)
        guard let size = cursor.next(UInt32.self), let count = cursor.next(UInt16.self), Int(size) == bytes.byteCount
        else { throw RDBError(.malformed, offset: offset, element: "listpack header") }
        declaredCount = count
    }

    /// The contents of an entry that is not an integer.
    @_lifetime(copy self)
    func contents(_ entry: PackedEntry) -> RawSpan { cursor.bytes(from: entry.start, to: entry.end) }

    /// The next entry, or `nil` behind the last one.
    ///
    /// - Throws: `malformed` for an unknown encoding, a wrong back-length or count, or bytes behind the end.
    @_lifetime(self: copy self)
    mutating func next() throws(RDBError) -> PackedEntry? {
        let start = cursor.position
        guard let first = cursor.nextByte() else { throw malformed("listpack end") }
        if first == 0xff {
            guard cursor.remaining == 0 else { throw malformed("listpack end") }
            guard declaredCount == .max || Int(declaredCount) == count else { throw malformed("listpack count") }
            return nil
        }
        guard let entry = readEntry(first) else { throw malformed("listpack entry") }
        guard readBackLength(of: cursor.position - start) else { throw malformed("listpack back-length") }
        count += 1
        return entry
    }

    @_lifetime(self: copy self)
    private mutating func readEntry(_ first: UInt8) -> PackedEntry? {
        switch first {
        case 0..<0x80:
            return PackedEntry(Int64(first))
        case 0x80..<0xc0:
            return cursor.nextEntry(of: Int(first & 0x3f))
        case 0xc0..<0xe0:
            guard let low = cursor.nextByte() else { return nil }
            let number = Int64(first & 0x1f) << 8 | Int64(low)
            return PackedEntry(number < 4096 ? number : number - 8192)
        case 0xe0..<0xf0:
            guard let low = cursor.nextByte() else { return nil }
            return cursor.nextEntry(of: Int(first & 0x0f) << 8 | Int(low))
        case 0xf0:
            guard let length = cursor.next(UInt32.self) else { return nil }
            return cursor.nextEntry(of: Int(length))
        case 0xf1: return cursor.next(Int16.self).map { PackedEntry(Int64($0)) }
        case 0xf2: return cursor.nextInt24().map { PackedEntry($0) }
        case 0xf3: return cursor.next(Int32.self).map { PackedEntry(Int64($0)) }
        case 0xf4: return cursor.next(Int64.self).map { PackedEntry($0) }
        default: return nil
        }
    }

    /// Seven bits a byte, the most significant first; all but the first have their high bit set.
    @_lifetime(self: copy self)
    private mutating func readBackLength(of length: Int) -> Bool {
        let size = Listpack.backLengthSize(of: length)
        for index in 0..<size {
            guard let byte = cursor.nextByte() else { return false }
            let bits = UInt8(truncatingIfNeeded: length >> (7 * (size - 1 - index))) & 0x7f
            guard byte == (index == 0 ? bits : bits | 0x80) else { return false }
        }
        return true
    }

    /// How many bytes the servers give a back-length (their limits are one short of what would fit).
    static func backLengthSize(of length: Int) -> Int {
        switch length {
        case ...127: 1
        case ..<16383: 2
        case ..<2_097_151: 3
        case ..<268_435_455: 4
        default: 5
        }
    }

    private func malformed(_ element: StaticString) -> RDBError {
        RDBError(.malformed, offset: offset, element: element)
    }
}
