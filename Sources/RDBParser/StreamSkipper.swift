/// Passing over streams (types 15, 19, 21, 26), as `ValueSkipper` does over the others.
extension ByteCursor {
    @_lifetime(self: copy self)
    mutating func skipStream(_ generation: ValueLayout.StreamGeneration) throws(RDBError) -> Void? {
        guard let nodes = try nextCount(of: "stream listpack count", size: 2) else { return nil }
        for _ in 0..<nodes {
            guard try nextString("stream listpack's ID") != nil, try nextString("stream listpack") != nil else {
                return nil
            }
        }
        // Length, last ID; then first ID, greatest deleted ID, entries ever added.
        guard try skipLengths(generation >= .second ? 8 : 3, of: "stream metadata") != nil,
            let groups = try nextCount(of: "stream group count", size: 5)
        else { return nil }
        for _ in 0..<groups {
            guard try skipGroup(generation) != nil else { return nil }
        }
        return generation >= .fourth ? try skipProducers() : ()
    }

    @_lifetime(self: copy self)
    private mutating func skipLengths(_ count: Int, of element: StaticString) throws(RDBError) -> Void? {
        for _ in 0..<count {
            guard try nextLength(of: element) != nil else { return nil }
        }
        return ()
    }

    @_lifetime(self: copy self)
    private mutating func skipGroup(_ generation: ValueLayout.StreamGeneration) throws(RDBError) -> Void? {
        // Last delivered ID; then entries read. A pending entry: 16 bytes of ID, 8 of delivery time, a count.
        guard try nextString("stream group's name") != nil,
            try skipLengths(generation >= .second ? 3 : 2, of: "stream group's last ID") != nil,
            let pending = try nextCount(of: "stream group's pending count", size: 25)
        else { return nil }
        for _ in 0..<pending {
            guard skip(24), try nextLength(of: "stream delivery count") != nil else { return nil }
        }
        // A consumer: name, 8 bytes of time seen, then of time active; 16 bytes of ID for each pending entry.
        let times = generation >= .third ? 16 : 8
        guard let consumers = try nextCount(of: "stream consumer count", size: 2 + times) else { return nil }
        for _ in 0..<consumers {
            guard try nextString("stream consumer's name") != nil, skip(times),
                let owned = try nextCount(of: "stream consumer's pending count", size: 16), skip(owned * 16)
            else { return nil }
        }
        return ()
    }

    /// Redis 8.6's idempotent producers: duration, greatest number; per producer its ID and the IDs that it used, each
    /// with the entry that it gave; two counters.
    @_lifetime(self: copy self)
    private mutating func skipProducers() throws(RDBError) -> Void? {
        guard try skipLengths(2, of: "stream IDMP settings") != nil,
            let producers = try nextCount(of: "stream producer count", size: 2)
        else { return nil }
        for _ in 0..<producers {
            guard try nextString("stream producer") != nil,
                let used = try nextCount(of: "stream producer's ID count", size: 3)
            else { return nil }
            for _ in 0..<used {
                guard try nextString("stream producer's ID") != nil,
                    try skipLengths(2, of: "stream producer's entry ID") != nil
                else { return nil }
            }
        }
        return try skipLengths(2, of: "stream IDMP counters")
    }
}
