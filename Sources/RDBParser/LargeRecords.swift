/// Receives a stream whose large records come in elements.
///
/// Such a record begins with `beginRecord`; then come the elements of its value, from `begin` to `end`.
public protocol LargeRecordVisitor: RDBVisitor, ValueVisitor, ~Copyable {
    /// A record that is larger than the limit: everything but its value, which is empty here.
    mutating func beginRecord(_ record: borrowing RDBRecord)
}

extension RDBStreamParser {
    /// Parses as `feed(_:into:)` does, but waits for no record that takes more bytes than a limit: such records are
    /// announced, and their values passed in elements, in bounded memory.
    ///
    /// Once it has begun such a record this method must also be called for the chunks behind it.
    /// - Parameters:
    ///   - chunk: What comes next of the stream, beginning with what the last call did not consume.
    ///   - maximum: Most bytes of a record (expiry, type, key and value) that comes whole, 1...; the same for each call.
    ///     Whether a record comes whole depends on its size only, not on the chunks.
    ///   - limits: Of what must be whole in memory within a large record.
    ///   - visitor: Hears what is complete.
    /// - Returns: Bytes consumed, 0...chunk.byteCount. Pass the rest again, with more behind it.
    /// - Throws: `RDBError`; what came before the bad element has been delivered.
    @inlinable
    public mutating func feed<V: LargeRecordVisitor & ~Copyable>(
        _ chunk: RawSpan, wholeUpTo maximum: Int, limits: ValueDecoder.Limits = .init(), into visitor: inout V
    ) throws(RDBError) -> Int {
        guard try isWorthReading(chunk, piecewise: true) else { return 0 }
        var cursor = ByteCursor(chunk, base: offset)
        var committed = 0
        do throws(RDBError) {
            if version == nil, let version = try readHeader(&cursor) {
                committed = cursor.position
                visitor.header(version)
            }
            while let version, !isFinished {
                if isInLargeValue {
                    committed += try feedLargeValue(&cursor, from: committed, into: &visitor)
                    if isInLargeValue { break }
                } else if try readElement(&cursor, version: version, maximum: maximum, into: &visitor) == nil {
                    guard cursor.needed - committed > maximum,
                        try beginLargeRecord(&cursor, from: committed, version, limits, &visitor)
                    else { break }
                }
                committed = cursor.position
            }
        } catch {
            fail(error, chunk, committed: committed)
            throw error
        }
        commit(chunk, committed: committed, needed: cursor.needed)
        return committed
    }

    /// Passes on what there is of a large value; the cursor stands behind it then.
    @usableFromInline
    @_lifetime(cursor: copy cursor)
    mutating func feedLargeValue<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, from start: Int, into visitor: inout V
    ) throws(RDBError) -> Int {
        guard var decoder = largeValue.take() else { return 0 }
        let consumed = try decoder.feed(cursor.bytes(from: start, to: cursor.bytes.byteCount), into: &visitor)
        cursor.position = start + consumed
        cursor.needed = cursor.position + decoder.bytesNeeded
        isInLargeValue = !decoder.isFinished
        if isInLargeValue { largeValue = decoder }
        return consumed
    }

    /// Reads expiry, type and key of a record that is too large to be waited for, and announces it.
    ///
    /// - Returns: `false` when it is no record, or bytes of its key are missing.
    @usableFromInline
    @_lifetime(cursor: copy cursor)
    mutating func beginLargeRecord<V: LargeRecordVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, from start: Int, _ version: RDBVersion, _ limits: ValueDecoder.Limits,
        _ visitor: inout V
    ) throws(RDBError) -> Bool {
        let needed = cursor.needed
        cursor.position = start
        guard let head = try cursor.nextRecordHead() else {
            cursor.needed = max(needed, cursor.needed)
            return false
        }
        largeValue = try ValueDecoder(type: head.type, version: version, offset: cursor.offset, limits: limits)
        isInLargeValue = true
        let key = cursor.bytes(from: head.key.start, to: head.key.end)
        let nothing = cursor.bytes(from: 0, to: 0)
        try decodeKey(key, at: cursor.base &+ UInt64(head.key.start))
        // SAFETY: the bytes of integers are all initialized.
        let record = unsafe RDBRecord(
            key: scratch.span.bytes, type: head.type, value: nothing, expiry: head.expiry,
            idleSeconds: head.idleSeconds, frequency: head.frequency)
        visitor.beginRecord(record)
        return true
    }
}

/// What stands before a record's value.
struct RecordHead {
    let type: UInt8
    let key: StringToken
    let expiry: Int64?
    let idleSeconds: UInt64?
    let frequency: UInt8?
}

extension ByteCursor {
    /// Reads what stands before a record's value; `nil` (position undefined) when bytes of it are missing, or it is none.
    @_lifetime(self: copy self)
    fileprivate mutating func nextRecordHead() throws(RDBError) -> RecordHead? {
        var expiry: Int64?
        var idleSeconds: UInt64?
        var frequency: UInt8?
        while let byte = nextByte() {
            switch byte {
            case Opcode.expiryMilliseconds:
                guard let milliseconds = next(Int64.self) else { return nil }
                expiry = milliseconds
            case Opcode.expirySeconds:
                guard let seconds = next(Int32.self) else { return nil }
                expiry = Int64(seconds) * 1000
            case Opcode.idle:
                guard let seconds = try nextLength(of: "idle time") else { return nil }
                idleSeconds = seconds
            case Opcode.frequency:
                guard let counter = nextByte() else { return nil }
                frequency = counter
            case Opcode.first...:
                return nil
            default:
                guard let key = try nextString("key") else { return nil }
                return RecordHead(
                    type: byte, key: key, expiry: expiry, idleSeconds: idleSeconds, frequency: frequency)
            }
        }
        return nil
    }
}
