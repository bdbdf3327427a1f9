/// Rewrites a stream for a version that knows less about streams: the nodes are copied, of the rest what it knows.
struct StreamRewriter: ~Escapable {
    private var cursor: ByteCursor
    private let source: ValueLayout.StreamGeneration
    private let target: ValueLayout.StreamGeneration
    /// Whether there was something about producers that was left out.
    private(set) var lostIdempotence = false

    /// - Parameter target: Not above `source`.
    @_lifetime(copy value)
    init(_ value: RawSpan, from source: ValueLayout.StreamGeneration, to target: ValueLayout.StreamGeneration) {
        cursor = ByteCursor(value)
        self.source = source
        self.target = target
    }

    /// - Throws: `truncated`, `malformed`.
    @_lifetime(self: copy self)
    mutating func rewrite(into output: inout [UInt8]) throws(RDBError) {
        guard try rewriteAll(into: &output) != nil else {
            throw RDBError(.truncated, offset: UInt64(cursor.bytes.byteCount), element: "stream")
        }
        guard cursor.remaining == 0 else {
            throw RDBError(.malformed, offset: cursor.offset, element: "end of the stream")
        }
    }

    @_lifetime(self: copy self)
    private mutating func rewriteAll(into output: inout [UInt8]) throws(RDBError) -> Void? {
        guard let nodes = try cursor.nextCount(of: "stream listpack count", size: 2) else { return nil }
        for _ in 0..<nodes {
            guard try cursor.nextString("stream listpack's ID") != nil,
                try cursor.nextString("stream listpack") != nil
            else { return nil }
        }
        guard try skipLengths(3) != nil else { return nil }
        copy(from: 0, into: &output)
        if source >= .second {
            let start = cursor.position
            guard try skipLengths(5) != nil else { return nil }
            if target >= .second { copy(from: start, into: &output) }
        }
        let start = cursor.position
        guard let groups = try cursor.nextCount(of: "stream group count", size: 5) else { return nil }
        copy(from: start, into: &output)
        for _ in 0..<groups {
            guard try rewriteGroup(into: &output) != nil else { return nil }
        }
        if source >= .fourth {
            let start = cursor.position
            guard try readProducers() != nil else { return nil }
            if target >= .fourth {
                copy(from: start, into: &output)
                lostIdempotence = false
            }
        }
        return ()
    }

    @_lifetime(self: copy self)
    private mutating func rewriteGroup(into output: inout [UInt8]) throws(RDBError) -> Void? {
        var start = cursor.position
        guard try cursor.nextString("stream group's name") != nil, try skipLengths(2) != nil else { return nil }
        copy(from: start, into: &output)
        if source >= .second {
            start = cursor.position
            guard try skipLengths(1) != nil else { return nil }
            if target >= .second { copy(from: start, into: &output) }
        }
        start = cursor.position
        guard let pending = try cursor.nextCount(of: "stream group's pending count", size: 25) else { return nil }
        for _ in 0..<pending {
            guard cursor.skip(24), try skipLengths(1) != nil else { return nil }
        }
        guard let consumers = try cursor.nextCount(of: "stream consumer count", size: 10) else { return nil }
        copy(from: start, into: &output)
        for _ in 0..<consumers {
            start = cursor.position
            guard try cursor.nextString("stream consumer's name") != nil, cursor.skip(8) else { return nil }
            copy(from: start, into: &output)
            if source >= .third {
                start = cursor.position
                guard cursor.skip(8) else { return nil }
                if target >= .third { copy(from: start, into: &output) }
            }
            start = cursor.position
            guard let owned = try cursor.nextCount(of: "stream consumer's pending count", size: 16),
                cursor.skip(owned * 16)
            else { return nil }
            copy(from: start, into: &output)
        }
        return ()
    }

    /// Without producers, counters and settings other than the defaults (100 seconds, 100 IDs) nothing is lost.
    @_lifetime(self: copy self)
    private mutating func readProducers() throws(RDBError) -> Void? {
        let element: StaticString = "stream IDMP settings"
        guard let duration = try cursor.nextLength(of: element), let maximum = try cursor.nextLength(of: element),
            let producers = try cursor.nextCount(of: "stream producer count", size: 2)
        else { return nil }
        for _ in 0..<producers {
            guard try cursor.nextString("stream producer") != nil,
                let used = try cursor.nextCount(of: "stream producer's ID count", size: 3)
            else { return nil }
            for _ in 0..<used {
                guard try cursor.nextString("stream producer's ID") != nil, try skipLengths(2) != nil else {
                    return nil
                }
            }
        }
        guard let added = try cursor.nextLength(of: element), let duplicates = try cursor.nextLength(of: element)
        else { return nil }
        lostIdempotence = (duration, maximum, producers, added, duplicates) != (100, 100, 0, 0, 0)
        return ()
    }

    @_lifetime(self: copy self)
    private mutating func skipLengths(_ count: Int) throws(RDBError) -> Void? {
        for _ in 0..<count {
            guard try cursor.nextLength(of: "stream metadata") != nil else { return nil }
        }
        return ()
    }

    private func copy(from start: Int, into output: inout [UInt8]) {
        RDBWriter.append(cursor.bytes(from: start, to: cursor.position), to: &output)
    }
}
