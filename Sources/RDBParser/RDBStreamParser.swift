/// Parses an RDB stream that is pushed in chunks of any size, and commits whole elements only.
///
/// Understands what Redis to 8.6 and Valkey to 9.1 write (RDB versions 1 to 13, and 80). Its memory does not grow with
/// the data: values are passed on as the bytes that were fed.
/// Once `feed` has thrown it throws the same error again.
public struct RDBStreamParser: Sendable {
    /// Bytes of the stream that were consumed so far: every element that begins before it has been delivered.
    public internal(set) var offset: UInt64 = 0

    /// Whether the end of the stream was read, and (from version 5 on) its checksum is right, or 0: switched off.
    /// What follows in the input is not consumed.
    public internal(set) var isFinished = false

    /// Whether a checksum proved all bytes of the stream, once it is finished. A stream may have none.
    public internal(set) var isProven = false

    /// After `feed`: how many bytes the next chunk must hold at least before anything more can be committed.
    ///
    /// A lower bound of what the stream itself declares, up to `Int.max` where it is hostile: decide what to refuse
    /// before growing a buffer by it. Where an element holds several parts it is the bound for the first missing one,
    /// so double the buffer too. 0 once finished.
    public internal(set) var bytesNeeded = 9

    /// The stream's version, once its first bytes were read.
    public internal(set) var version: RDBVersion?

    /// The checksum of the bytes before `offset`.
    var checksum: UInt64 = 0
    var failure: RDBError?

    /// Holds the key that is being delivered, where the stream has it as an integer or compressed.
    @usableFromInline var scratch: [UInt8] = []

    /// The value of the large record that is being passed in elements.
    @usableFromInline var largeValue: ValueDecoder?

    /// Whether there is one: asked for each record, without looking into it.
    @usableFromInline var isInLargeValue = false

    public init() {}

    /// Parses what it can and passes it to `visitor`.
    ///
    /// - Returns: Bytes consumed, 0...chunk.byteCount. Pass the rest again, with more behind it.
    /// - Throws: `RDBError`; what came before the bad element has been delivered.
    @inlinable
    public mutating func feed<V: RDBVisitor & ~Copyable>(
        _ chunk: RawSpan, into visitor: inout V
    ) throws(RDBError) -> Int {
        guard try isWorthReading(chunk, piecewise: false) else { return 0 }
        var cursor = ByteCursor(chunk, base: offset)
        var committed = 0
        do throws(RDBError) {
            if version == nil, let version = try readHeader(&cursor) {
                committed = cursor.position
                visitor.header(version)
            }
            while let version, !isFinished,
                try readElement(&cursor, version: version, maximum: .max, into: &visitor) != nil
            {
                committed = cursor.position
            }
        } catch {
            fail(error, chunk, committed: committed)
            throw error
        }
        commit(chunk, committed: committed, needed: cursor.needed)
        return committed
    }

    /// Says that no more bytes will come.
    ///
    /// - Throws: `truncated`, with the offset of the element that is missing or incomplete, or what `feed` threw.
    public func finish() throws(RDBError) {
        if let failure { throw failure }
        guard isFinished else { throw RDBError(.truncated, offset: offset, element: "RDB stream") }
    }
}

// MARK: - One element

extension RDBStreamParser {
    /// One record with the attributes before it, or one other element; `nil` (cursor undefined) when bytes are missing.
    ///
    /// - Parameter maximum: Most bytes of a record; a larger one is not delivered, and `needed` is that it takes.
    @inlinable @inline(__always)
    @_lifetime(cursor: copy cursor)
    mutating func readElement<V: RDBVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, version: RDBVersion, maximum: Int, into visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.position
        guard var byte = cursor.nextByte() else { return nil }
        var expiry: Int64?
        var idleSeconds: UInt64?
        var frequency: UInt8?
        if byte >= Opcode.first {
            let first = byte
            attributes: while true {
                switch byte {
                case Opcode.expiryMilliseconds:
                    guard let milliseconds = cursor.next(Int64.self) else { return nil }
                    expiry = milliseconds
                case Opcode.expirySeconds:
                    guard let seconds = cursor.next(Int32.self) else { return nil }
                    expiry = Int64(seconds) * 1000
                case Opcode.idle:
                    guard let seconds = try cursor.nextLength(of: "idle time") else { return nil }
                    idleSeconds = seconds
                case Opcode.frequency:
                    guard let counter = cursor.nextByte() else { return nil }
                    frequency = counter
                case Opcode.first...:
                    return try readOther(byte, isFirst: byte == first, &cursor, version: version, into: &visitor)
                default:
                    break attributes
                }
                guard let next = cursor.nextByte() else { return nil }
                byte = next
            }
        }
        let typeOffset = cursor.offset &- 1
        guard let key = try cursor.nextString("key") else { return nil }
        if byte == 0 {
            guard try cursor.nextString("value") != nil else { return nil }
        } else {
            // On a copy, so that this cursor need not lie in memory.
            var slow = cursor
            guard try slow.skipValue(type: byte, typeOffset: typeOffset, version: version) != nil else {
                cursor = slow
                return nil
            }
            cursor = slow
        }
        guard cursor.position - start <= maximum else {
            cursor.needed = cursor.position
            return nil
        }
        let value = cursor.bytes(from: key.end, to: cursor.position)
        if key.isEncoded {
            try decodeKey(cursor.bytes(from: key.start, to: key.end), at: typeOffset &+ 1)
            // SAFETY: the bytes of integers are all initialized.
            let record = unsafe RDBRecord(
                key: scratch.span.bytes, type: byte, value: value, expiry: expiry, idleSeconds: idleSeconds,
                frequency: frequency)
            visitor.record(record)
        } else {
            let record = RDBRecord(
                key: cursor.bytes(from: key.contents, to: key.end), type: byte, value: value, expiry: expiry,
                idleSeconds: idleSeconds, frequency: frequency)
            visitor.record(record)
        }
        return ()
    }

    /// An element that is not a record.
    ///
    /// - Parameter isFirst: Whether nothing came before it that belongs to a record.
    @inlinable @inline(never)
    @_lifetime(cursor: copy cursor)
    mutating func readOther<V: RDBVisitor & ~Copyable>(
        _ opcode: UInt8, isFirst: Bool, _ cursor: inout ByteCursor, version: RDBVersion, into visitor: inout V
    ) throws(RDBError) -> Void? {
        guard isFirst else {
            throw RDBError(
                .malformed, offset: cursor.offset &- 1, element: "key behind its expiry or idle time",
                detail: UInt64(opcode))
        }
        guard let element = try cursor.nextElement(opcode, version: version) else { return nil }
        // SAFETY (both): the bytes of integers are all initialized.
        switch element {
        case .passed: break
        case .auxiliary(let name, let value): unsafe visitor.auxiliary(name: name.span.bytes, value: value.span.bytes)
        case .database(let index): visitor.database(index)
        case .sizes(let keys, let expiries): visitor.sizes(keys: keys, expiries: expiries)
        case .function(let code): unsafe visitor.function(code.span.bytes)
        case .end: return try readEnd(&cursor, version: version)
        }
        return ()
    }

    @usableFromInline @inline(never)
    mutating func decodeKey(_ key: RawSpan, at offset: UInt64) throws(RDBError) {
        scratch.removeAll(keepingCapacity: true)
        try RDBString.decode(key, at: offset, element: "key", into: &scratch)
    }

    @usableFromInline
    @_lifetime(cursor: copy cursor)
    mutating func readHeader(_ cursor: inout ByteCursor) throws(RDBError) -> RDBVersion? {
        version = try cursor.nextHeader()
        return version
    }

    /// Reads the checksum behind the end opcode, and compares it with that of all bytes before it.
    @usableFromInline
    @_lifetime(cursor: copy cursor)
    mutating func readEnd(_ cursor: inout ByteCursor, version: RDBVersion) throws(RDBError) -> Void? {
        if version.hasChecksum {
            let end = cursor.position
            guard let expected = cursor.next(UInt64.self) else { return nil }
            let actual = CRC64.update(checksum, with: cursor.bytes(from: 0, to: end))
            guard expected == 0 || expected == actual else {
                throw RDBError(
                    .wrongChecksum, offset: cursor.base &+ UInt64(end), element: "end of the RDB stream")
            }
            isProven = expected != 0
        }
        isFinished = true
        return ()
    }
}

// MARK: - Progress

extension RDBStreamParser {
    /// Whether a chunk could bring us further; before the header also whether it may be one at all.
    ///
    /// - Parameter piecewise: Whether large records are passed in elements: once begun, they must be read on so.
    @usableFromInline
    func isWorthReading(_ chunk: RawSpan, piecewise: Bool) throws(RDBError) -> Bool {
        if let failure { throw failure }
        precondition(piecewise || !isInLargeValue, "feed(_:into:) within a record that was begun in elements")
        return !isFinished && (chunk.byteCount >= bytesNeeded || version == nil)
    }

    @usableFromInline
    mutating func commit(_ chunk: RawSpan, committed: Int, needed: Int) {
        if version?.hasChecksum == true, !isFinished {
            checksum = CRC64.update(checksum, with: chunk.extracting(..<committed))
        }
        offset += UInt64(committed)
        bytesNeeded = isFinished ? 0 : needed - committed
    }

    @usableFromInline
    mutating func fail(_ error: RDBError, _ chunk: RawSpan, committed: Int) {
        offset += UInt64(committed)
        failure = error
    }
}
