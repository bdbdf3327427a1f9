/// A stream's node: a listpack of entries whose IDs are relative to the node's.
///
/// In front: count, deleted count, the number of the first entry's fields, those fields, 0. Then for each entry: flags
/// (1: deleted, 2: the fields are those in front), two differences of the ID, fields and values, how many entries of the
/// listpack that were.
struct StreamNode: ~Escapable {
    private var listpack: Listpack
    private let nodeID: StreamID
    private let offset: UInt64

    /// - Parameter offset: Where it stands in the stream, for the errors.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, id: StreamID, offset: UInt64) throws(RDBError) {
        listpack = try Listpack(bytes, offset: offset)
        nodeID = id
        self.offset = offset
    }

    /// An entry before its fields.
    struct Entry {
        let id: StreamID
        let isDeleted: Bool
        let hasNodeFields: Bool
        let fieldCount: Int
    }

    /// Reads what stands in front; `fields` takes the fields of the first entry.
    @_lifetime(self: copy self)
    mutating func readFront(_ fields: inout [PackedEntry]) throws(RDBError) -> (live: Int, deleted: Int) {
        let live = try nextCount()
        let deleted = try nextCount()
        for _ in 0..<(try nextCount()) { fields.append(try nextEntry()) }
        guard try nextCount() == 0 else { throw malformed("stream node's fields") }
        return (live, deleted)
    }

    /// The next entry without its fields, or `nil` behind the last one.
    @_lifetime(self: copy self)
    mutating func next(nodeFields: Int) throws(RDBError) -> Entry? {
        guard let flags = try listpack.next() else { return nil }
        guard let flags = flags.integer, (0...3).contains(flags) else { throw malformed("stream entry's flags") }
        let (milliseconds, sequence) = (try nextInteger(), try nextInteger())
        let id = StreamID(
            nodeID.milliseconds &+ UInt64(bitPattern: milliseconds), nodeID.sequence &+ UInt64(bitPattern: sequence))
        let hasNodeFields = flags & 2 != 0
        return Entry(
            id: id, isDeleted: flags & 1 != 0, hasNodeFields: hasNodeFields,
            fieldCount: hasNodeFields ? nodeFields : try nextCount())
    }

    /// Reads how many entries of the listpack the stream's entry has.
    @_lifetime(self: copy self)
    mutating func finish(_ entry: Entry) throws(RDBError) {
        let expected = entry.hasNodeFields ? entry.fieldCount + 3 : 2 * entry.fieldCount + 4
        guard try nextInteger() == expected else { throw malformed("stream entry's back-count") }
    }

    @_lifetime(self: copy self)
    mutating func nextEntry() throws(RDBError) -> PackedEntry {
        guard let entry = try listpack.next() else { throw malformed("stream entry") }
        return entry
    }

    /// The contents of a field or value that is not an integer.
    @_lifetime(copy self)
    func contents(_ entry: PackedEntry) -> RawSpan { listpack.contents(entry) }

    @_lifetime(self: copy self)
    private mutating func nextInteger() throws(RDBError) -> Int64 {
        guard let integer = try nextEntry().integer else { throw malformed("stream entry") }
        return integer
    }

    @_lifetime(self: copy self)
    private mutating func nextCount() throws(RDBError) -> Int {
        let integer = try nextInteger()
        guard (0...Int64(UInt32.max)).contains(integer) else { throw malformed("stream entry's count") }
        return Int(integer)
    }

    private func malformed(_ element: StaticString) -> RDBError {
        RDBError(.malformed, offset: offset, element: element)
    }
}

extension ValueDecoder {
    /// Reads a node of a stream: its ID as a string of 16 bytes, and its listpack.
    @_lifetime(cursor: copy cursor)
    mutating func readStreamNode<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let idOffset = cursor.offset
        guard let header = try cursor.nextStringHeader("stream listpack's ID") else { return nil }
        guard case .raw(16) = header else {
            throw RDBError(.malformed, offset: idOffset, element: "stream listpack's ID")
        }
        guard let id = cursor.nextStreamID() else { return nil }
        let start = cursor.offset
        guard let header = try nextWholeString(&cursor, "stream listpack") else { return nil }
        let from = cursor.position
        switch header {
        case .raw(let count):
            guard cursor.skip(count) else { return nil }
            try pass(cursor.bytes(from: from, to: cursor.position), id: id, at: start, &visitor)
        case .compressed(let count, let length):
            guard cursor.skip(count) else { return nil }
            let bytes = cursor.bytes(from: from, to: cursor.position)
            let expanded = try expand(bytes, length, "stream listpack", at: start)
            // SAFETY: the bytes of integers are all initialized.
            try pass(unsafe expanded.span.bytes, id: id, at: start, &visitor)
            scratch = expanded
        case .integer:
            throw RDBError(.malformed, offset: start, element: "stream listpack")
        }
        return ()
    }

    private mutating func pass<V: ValueVisitor & ~Copyable>(
        _ bytes: RawSpan, id: StreamID, at offset: UInt64, _ visitor: inout V
    ) throws(RDBError) {
        var node = try StreamNode(bytes, id: id, offset: offset)
        var fields: [PackedEntry] = []
        var (live, deleted) = try node.readFront(&fields)
        while let entry = try node.next(nodeFields: fields.count) {
            guard streamState.lastEntry.map({ $0 < entry.id }) ?? true, entry.id >= id else {
                throw RDBError(.malformed, offset: offset, element: "order of the stream's entries")
            }
            streamState.lastEntry = entry.id
            if entry.isDeleted {
                deleted -= 1
            } else {
                live -= 1
                streamState.length += 1
            }
            visitor.stream(
                .entry(entry.id, fieldCount: UInt64(entry.fieldCount), isDeleted: entry.isDeleted))
            for index in 0..<entry.fieldCount {
                let field = entry.hasNodeFields ? fields[index] : try node.nextEntry()
                try pass(field, node.contents(field), .field, at: offset, &visitor)
                let value = try node.nextEntry()
                try pass(value, node.contents(value), .value, at: offset, &visitor)
            }
            try node.finish(entry)
        }
        guard live == 0, deleted == 0 else {
            throw RDBError(.malformed, offset: offset, element: "stream node's counts")
        }
    }

    private mutating func pass<V: ValueVisitor & ~Copyable>(
        _ entry: PackedEntry, _ contents: RawSpan, _ part: ValuePart, at offset: UInt64, _ visitor: inout V
    ) throws(RDBError) {
        if let integer = entry.integer {
            try pass(integer, part, at: offset, &visitor)
        } else {
            try pass(contents, part, at: offset, &visitor)
        }
    }
}
