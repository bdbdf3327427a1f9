/// Reads a ziplist: the packed encoding before Redis 7.0.
///
/// 4 bytes of size, 4 of the last entry's place, 2 of count (65,535: unknown), entries, 255. An entry begins with the
/// length of the one before it.
struct Ziplist: ~Escapable {
    private var cursor: ByteCursor
    private let tail: UInt32
    private let declaredCount: UInt16
    private let offset: UInt64
    private var previous: Range<Int>?
    private var count = 0

    /// - Parameter offset: Where it stands in the stream, for the errors.
    /// - Throws: `malformed` when the size is not as declared.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, offset: UInt64) throws(RDBError) {
        self.offset = offset
        cursor = ByteCursor(bytes)
        guard let size = cursor.next(UInt32.self), let tail = cursor.next(UInt32.self),
            let count = cursor.next(UInt16.self), Int(size) == bytes.byteCount
        else { throw RDBError(.malformed, offset: offset, element: "ziplist header") }
        self.tail = tail
        declaredCount = count
    }

    /// The contents of an entry that is not an integer.
    @_lifetime(copy self)
    func contents(_ entry: PackedEntry) -> RawSpan { cursor.bytes(from: entry.start, to: entry.end) }

    /// The next entry, or `nil` behind the last one.
    ///
    /// - Throws: `malformed` for an unknown encoding, a wrong back-length, tail or count, or bytes behind the end.
    @_lifetime(self: copy self)
    mutating func next() throws(RDBError) -> PackedEntry? {
        let start = cursor.position
        guard let first = cursor.nextByte() else { throw malformed("ziplist end") }
        if first == 0xff {
            guard cursor.remaining == 0 else { throw malformed("ziplist end") }
            guard previous == nil || previous?.lowerBound == Int(tail) else { throw malformed("ziplist tail") }
            guard declaredCount == .max || Int(declaredCount) == count else { throw malformed("ziplist count") }
            return nil
        }
        let backLength = first == 0xfe ? cursor.next(UInt32.self) : UInt32(first)
        guard backLength.map(Int.init) == previous?.count ?? 0 else { throw malformed("ziplist back-length") }
        guard let encoding = cursor.nextByte(), let entry = readEntry(encoding) else {
            throw malformed("ziplist entry")
        }
        previous = start..<cursor.position
        count += 1
        return entry
    }

    @_lifetime(self: copy self)
    private mutating func readEntry(_ encoding: UInt8) -> PackedEntry? {
        switch encoding {
        case 0..<0x40:
            return cursor.nextEntry(of: Int(encoding))
        case 0x40..<0x80:
            guard let low = cursor.nextByte() else { return nil }
            return cursor.nextEntry(of: Int(encoding & 0x3f) << 8 | Int(low))
        case 0x80:
            guard let length = cursor.next(UInt32.self) else { return nil }
            return cursor.nextEntry(of: Int(length.byteSwapped))
        case 0xc0: return cursor.next(Int16.self).map { PackedEntry(Int64($0)) }
        case 0xd0: return cursor.next(Int32.self).map { PackedEntry(Int64($0)) }
        case 0xe0: return cursor.next(Int64.self).map { PackedEntry($0) }
        case 0xf0: return cursor.nextInt24().map { PackedEntry($0) }
        case 0xfe: return cursor.next(Int8.self).map { PackedEntry(Int64($0)) }
        case 0xf1...0xfd: return PackedEntry(Int64(encoding & 0x0f) - 1)
        default: return nil
        }
    }

    private func malformed(_ element: StaticString) -> RDBError {
        RDBError(.malformed, offset: offset, element: element)
    }
}
