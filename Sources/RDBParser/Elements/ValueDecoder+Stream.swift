/// Streams (types 15, 19, 21, 26), in the order in which they are written.
extension ValueDecoder {
    private var generation: ValueLayout.StreamGeneration {
        if case .stream(let generation) = shape.layout { generation } else { .first }
    }

    @_lifetime(cursor: copy cursor)
    mutating func readStream<V: ValueVisitor & ~Copyable>(
        _ phase: StreamState.Phase, _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        switch phase {
        case .nodeCount:
            guard let count = try cursor.nextLength(of: "stream listpack count") else { return nil }
            streamState.nodes = count
            state = .stream(count == 0 ? .metadata : .node)
        case .node:
            guard try readStreamNode(&cursor, &visitor) != nil else { return nil }
            streamState.nodes -= 1
            if streamState.nodes == 0 { state = .stream(.metadata) }
        case .metadata:
            return try readMetadata(&cursor, &visitor)
        case .groupCount:
            guard let count = try cursor.nextLength(of: "stream group count") else { return nil }
            streamState.groups = count
            nextGroup()
        case .group:
            return try readGroup(&cursor, &visitor)
        case .pending:
            return try readPending(&cursor, &visitor)
        case .consumerCount:
            guard let count = try cursor.nextLength(of: "stream consumer count") else { return nil }
            streamState.consumers = count
            streamState.consumerNames.removeAll()
            return try nextConsumer(at: cursor.offset)
        case .consumer:
            return try readConsumer(&cursor, &visitor)
        case .owned:
            let start = cursor.offset
            guard let id = cursor.nextStreamID() else { return nil }
            guard let hash = streamState.next(id) else { throw outOfOrder(start) }
            streamState.ownedSum &+= hash
            visitor.stream(.owned(id))
            streamState.owned -= 1
            if streamState.owned == 0 { return try nextConsumer(at: start) }
        case .idempotence, .producer, .producerID, .idempotenceCounters:
            return try readProducers(phase, &cursor, &visitor)
        }
        return ()
    }

    @_lifetime(cursor: copy cursor)
    private mutating func readMetadata<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.offset
        let element: StaticString = "stream metadata"
        guard let length = try cursor.nextLength(of: element), let lastID = try cursor.nextStreamIDLengths(element)
        else { return nil }
        var history: StreamMetadata.History?
        if generation >= .second {
            guard let firstID = try cursor.nextStreamIDLengths(element),
                let deletedID = try cursor.nextStreamIDLengths(element),
                let added = try cursor.nextLength(of: element)
            else { return nil }
            history = .init(firstID: firstID, greatestDeletedID: deletedID, entriesAdded: added)
        }
        guard length == streamState.length else {
            throw RDBError(.malformed, offset: start, element: "stream length", detail: length)
        }
        guard streamState.lastEntry.map({ $0 <= lastID }) ?? true else {
            throw RDBError(.malformed, offset: start, element: "stream's last ID")
        }
        visitor.stream(.metadata(StreamMetadata(length: length, lastID: lastID, history: history)))
        state = .stream(.groupCount)
        return ()
    }

    // MARK: - Groups

    private mutating func nextGroup() {
        if streamState.groups == 0 {
            state = generation >= .fourth ? .stream(.idempotence) : .end
        } else {
            streamState.groups -= 1
            state = .stream(.group)
        }
    }

    @_lifetime(cursor: copy cursor)
    private mutating func readGroup<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let name = try nextName(&cursor, "stream group's name"),
            let lastID = try cursor.nextStreamIDLengths("stream group's last ID")
        else { return nil }
        var entriesRead: Int64?
        if generation >= .second {
            guard let read = try cursor.nextLength(of: "stream group's entries read") else { return nil }
            // −1 stands for unknown.
            entriesRead = read == .max ? nil : Int64(bitPattern: read)
        }
        guard let pending = try cursor.nextLength(of: "stream group's pending count") else { return nil }
        // SAFETY (both): the bytes of integers are all initialized.
        guard unsafe streamState.groupNames.insert(name.span.bytes) else {
            throw RDBError(.malformed, offset: start, element: "stream group that came before")
        }
        unsafe visitor.stream(.group(name: name.span.bytes, lastID: lastID, entriesRead: entriesRead))
        streamState.pending = pending
        streamState.lastPending = nil
        streamState.pendingSum = 0
        streamState.ownedSum = 0
        state = .stream(pending == 0 ? .consumerCount : .pending)
        return ()
    }

    @_lifetime(cursor: copy cursor)
    private mutating func readPending<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let id = cursor.nextStreamID(), let time = cursor.next(Int64.self),
            let count = try cursor.nextLength(of: "stream delivery count")
        else { return nil }
        guard let hash = streamState.next(id) else { throw outOfOrder(start) }
        streamState.pendingSum &+= hash
        visitor.stream(.pending(id, deliveryTime: time, deliveryCount: count))
        streamState.pending -= 1
        if streamState.pending == 0 { state = .stream(.consumerCount) }
        return ()
    }

    private mutating func nextConsumer(at offset: UInt64) throws(RDBError) {
        guard streamState.consumers > 0 else {
            guard streamState.pendingSum == streamState.ownedSum else {
                throw RDBError(.malformed, offset: offset, element: "owners of the stream's pending entries")
            }
            return nextGroup()
        }
        streamState.consumers -= 1
        state = .stream(.consumer)
    }

    @_lifetime(cursor: copy cursor)
    private mutating func readConsumer<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let name = try nextName(&cursor, "stream consumer's name"), let seen = cursor.next(Int64.self)
        else { return nil }
        var active: Int64?
        if generation >= .third {
            active = cursor.next(Int64.self)
            if active == nil { return nil }
        }
        guard let owned = try cursor.nextLength(of: "stream consumer's pending count") else { return nil }
        // SAFETY (both): the bytes of integers are all initialized.
        guard unsafe streamState.consumerNames.insert(name.span.bytes) else {
            throw RDBError(.malformed, offset: start, element: "stream consumer that came before")
        }
        unsafe visitor.stream(.consumer(name: name.span.bytes, seenTime: seen, activeTime: active))
        streamState.owned = owned
        streamState.lastPending = nil
        if owned == 0 {
            try nextConsumer(at: start)
        } else {
            state = .stream(.owned)
        }
        return ()
    }

    private func outOfOrder(_ offset: UInt64) -> RDBError {
        RDBError(.malformed, offset: offset, element: "order of the stream's pending entries")
    }

    // MARK: - Producers (Redis 8.6)

    @_lifetime(cursor: copy cursor)
    private mutating func readProducers<V: ValueVisitor & ~Copyable>(
        _ phase: StreamState.Phase, _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        switch phase {
        case .idempotence:
            guard let duration = try cursor.nextLength(of: "stream IDMP settings"),
                let maximum = try cursor.nextLength(of: "stream IDMP settings"),
                let producers = try cursor.nextLength(of: "stream producer count")
            else { return nil }
            visitor.stream(.idempotence(duration: duration, maximum: maximum))
            streamState.producers = producers
            nextProducer()
        case .producer:
            guard let name = try nextName(&cursor, "stream producer"),
                let count = try cursor.nextLength(of: "stream producer's ID count")
            else { return nil }
            // SAFETY: the bytes of integers are all initialized.
            unsafe visitor.stream(.producer(name: name.span.bytes))
            streamState.producerIDs = count
            state = .stream(.producerID)
            if count == 0 { nextProducer() }
        case .producerID:
            guard let id = try nextName(&cursor, "stream producer's ID"),
                let entry = try cursor.nextStreamIDLengths("stream producer's entry ID")
            else { return nil }
            // SAFETY: the bytes of integers are all initialized.
            unsafe visitor.stream(.producerID(id.span.bytes, entry: entry))
            streamState.producerIDs -= 1
            if streamState.producerIDs == 0 { nextProducer() }
        default:
            guard let added = try cursor.nextLength(of: "stream IDMP counters"),
                let duplicates = try cursor.nextLength(of: "stream IDMP counters")
            else { return nil }
            visitor.stream(.idempotenceCounters(added: added, duplicates: duplicates))
            state = .end
        }
        return ()
    }

    private mutating func nextProducer() {
        if streamState.producers == 0 {
            state = .stream(.idempotenceCounters)
        } else {
            streamState.producers -= 1
            state = .stream(.producer)
        }
    }

    /// A short string, decoded; `nil` (cursor undefined) when bytes are missing.
    @_lifetime(cursor: copy cursor)
    private func nextName(_ cursor: inout ByteCursor, _ element: StaticString) throws(RDBError) -> [UInt8]? {
        let start = cursor.offset
        let from = cursor.position
        let count: Int
        switch try nextWholeString(&cursor, element) {
        case .raw(let length): count = length
        case .compressed(let length, _): count = length
        case .integer: count = 0
        case nil: return nil
        }
        guard cursor.skip(count) else { return nil }
        var name: [UInt8] = []
        try RDBString.decode(
            cursor.bytes(from: from, to: cursor.position), at: start, element: element, into: &name)
        return name
    }
}
