/// Elements that are packed into one string.
extension ValueDecoder {
    /// A value that is one packed string.
    @_lifetime(cursor: copy cursor)
    mutating func readPackedValue<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        guard try readPackedString(&cursor, &visitor) != nil else { return nil }
        state = .end
        return ()
    }

    /// A quicklist's node that is one packed string.
    @_lifetime(cursor: copy cursor)
    mutating func readNode<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        guard try readPackedString(&cursor, &visitor) != nil else { return nil }
        finishElement()
        return ()
    }

    @_lifetime(cursor: copy cursor)
    private mutating func readPackedString<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let header = try nextWholeString(&cursor, "packed value") else { return nil }
        let from = cursor.position
        switch header {
        case .raw(let count):
            guard cursor.skip(count) else { return nil }
            try readPacked(cursor.bytes(from: from, to: cursor.position), at: start, &visitor)
        case .compressed(let count, let length):
            guard cursor.skip(count) else { return nil }
            let bytes = cursor.bytes(from: from, to: cursor.position)
            let expanded = try expand(bytes, length, "packed value", at: start)
            // SAFETY: the bytes of integers are all initialized.
            try readPacked(unsafe expanded.span.bytes, at: start, &visitor)
            scratch = expanded
        case .integer:
            throw RDBError(.malformed, offset: start, element: "packed value")
        }
        return ()
    }

    /// Reads what stands in front of a string that must be whole in the chunk.
    ///
    /// - Throws: `tooLarge`.
    @_lifetime(cursor: copy cursor)
    func nextWholeString(
        _ cursor: inout ByteCursor, _ element: StaticString
    ) throws(RDBError) -> StringHeader? {
        let start = cursor.offset
        guard let header = try cursor.nextStringHeader(element) else { return nil }
        let size =
            switch header {
            case .raw(let count): count
            case .compressed(let count, let length): max(count, length)
            case .integer: 0
            }
        guard size <= limits.maximumPackedBytes else {
            throw RDBError(.tooLarge, offset: start, element: element, detail: UInt64(size))
        }
        return header
    }

    private mutating func readPacked<V: ValueVisitor & ~Copyable>(
        _ bytes: RawSpan, at offset: UInt64, _ visitor: inout V
    ) throws(RDBError) {
        switch shape.packing {
        case .intset:
            var intset = try Intset(bytes, offset: offset)
            while let integer = try intset.next() { try passSorted(integer, &visitor) }
        case .zipmap:
            var zipmap = try Zipmap(bytes, offset: offset)
            while let (field, value) = try zipmap.next() {
                try pass(zipmap.contents(field), .field, at: offset, &visitor)
                try pass(zipmap.contents(value), .value, at: offset, &visitor)
            }
        case .ziplist:
            var ziplist = try Ziplist(bytes, offset: offset)
            var column = 0
            while let entry = try ziplist.next() {
                try pass(entry, ziplist.contents(entry), column: &column, at: offset, &visitor)
            }
            guard column == 0 else { throw RDBError(.malformed, offset: offset, element: "ziplist count") }
        case .listpack, nil:
            var listpack = try Listpack(bytes, offset: offset)
            var column = 0
            while let entry = try listpack.next() {
                try pass(entry, listpack.contents(entry), column: &column, at: offset, &visitor)
            }
            guard column == 0 else { throw RDBError(.malformed, offset: offset, element: "listpack count") }
        }
    }

    /// An intset's integers ascend, so that none comes twice.
    private mutating func passSorted<V: ValueVisitor & ~Copyable>(
        _ integer: Int64, _ visitor: inout V
    ) throws(RDBError) {
        scratch.removeAll(keepingCapacity: true)
        RDBString.appendDecimal(integer, to: &scratch)
        // SAFETY: the bytes of integers are all initialized.
        unsafe visitor.bytes(scratch.span.bytes, of: .member, length: UInt64(scratch.count), isLast: true)
    }

    /// Passes on an entry of a list, set, sorted set or hash.
    ///
    /// - Parameter column: Which part of an element the entry is: 0 again behind its last one.
    private mutating func pass<V: ValueVisitor & ~Copyable>(
        _ entry: PackedEntry, _ contents: RawSpan, column: inout Int, at offset: UInt64, _ visitor: inout V
    ) throws(RDBError) {
        let part: ValuePart
        switch (shape.kind, column) {
        case (.list, _): part = .element
        case (.set, _): part = .member
        case (.sortedSet, 0):
            part = .member
            column = 1
        case (.sortedSet, _):
            column = 0
            guard let score = entry.integer.map({ Double($0) }) ?? ScoreText.parse(contents) else {
                throw RDBError(.malformed, offset: offset, element: "score")
            }
            return visitor.score(score)
        case (_, 0):
            part = .field
            column = 1
        case (_, 1):
            part = .value
            column = ValueShape.hasPackedExpiries(type: type) ? 2 : 0
        default:
            column = 0
            guard let expiry = entry.integer, (0...ValueShape.latestFieldExpiry).contains(expiry) else {
                throw RDBError(.malformed, offset: offset, element: "field's expiry")
            }
            if expiry != 0 { visitor.expiry(expiry) }
            return
        }
        if let integer = entry.integer {
            try pass(integer, part, at: offset, &visitor)
        } else {
            try pass(contents, part, at: offset, &visitor)
        }
    }
}
