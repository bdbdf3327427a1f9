/// How far a stream was read.
struct StreamState: Sendable {
    enum Phase: Sendable {
        case nodeCount, node, metadata, groupCount, group, pending, consumerCount, consumer, owned
        case idempotence, producer, producerID, idempotenceCounters
    }

    var nodes: UInt64 = 0
    var groups: UInt64 = 0
    var pending: UInt64 = 0
    var consumers: UInt64 = 0
    var owned: UInt64 = 0
    var producers: UInt64 = 0
    var producerIDs: UInt64 = 0

    /// Entries that were passed and are not deleted.
    var length: UInt64 = 0
    /// The last entry, to see that IDs ascend.
    var lastEntry: StreamID?
    /// The last pending or owned entry, for the same.
    var lastPending: StreamID?
    /// Sums over hashes of a group's pending entries and of its consumers': the same when each has one owner.
    var pendingSum: UInt64 = 0
    var ownedSum: UInt64 = 0
    var groupNames: UniqueStrings
    var consumerNames: UniqueStrings

    init(maximumCompared: Int) {
        groupNames = UniqueStrings(maximum: maximumCompared)
        consumerNames = UniqueStrings(maximum: maximumCompared)
    }

    /// Takes in a pending or owned entry.
    ///
    /// - Returns: Its part of the sums, or `nil` when it does not come behind the last one.
    mutating func next(_ id: StreamID) -> UInt64? {
        if let lastPending, id <= lastPending { return nil }
        lastPending = id
        return UInt64(bitPattern: Int64(id.hashValue))
    }
}

extension ByteCursor {
    /// The next ID as 16 bytes, big-endian; `nil` (position undefined) when bytes are missing.
    @_lifetime(self: copy self)
    mutating func nextStreamID() -> StreamID? {
        guard let milliseconds = next(UInt64.self), let sequence = next(UInt64.self) else { return nil }
        return StreamID(milliseconds.byteSwapped, sequence.byteSwapped)
    }

    /// The next ID as two lengths; `nil` (position undefined) when bytes are missing.
    @_lifetime(self: copy self)
    mutating func nextStreamIDLengths(_ element: StaticString) throws(RDBError) -> StreamID? {
        guard let milliseconds = try nextLength(of: element), let sequence = try nextLength(of: element) else {
            return nil
        }
        return StreamID(milliseconds, sequence)
    }
}
