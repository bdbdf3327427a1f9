/// Receives the elements of an RDB stream in their order. Spans are valid during the call only.
public protocol RDBVisitor: ~Copyable {
    /// The magic and version: once, first.
    mutating func header(_ version: RDBVersion)

    /// An auxiliary field (opcode 250), decoded: integers as decimal text, compressed ones expanded.
    mutating func auxiliary(name: RawSpan, value: RawSpan)

    /// The database of the records that follow (opcode 254).
    mutating func database(_ index: UInt64)

    /// Hints for the database (opcode 251): its keys, and how many of them expire.
    mutating func sizes(keys: UInt64, expiries: UInt64)

    /// The source of one function library (opcode 245), decoded.
    mutating func function(_ code: RawSpan)

    /// One key with its value.
    mutating func record(_ record: borrowing RDBRecord)
}

/// One key of an RDB stream, borrowing the bytes that were fed.
public struct RDBRecord: ~Escapable {
    /// The key, decoded.
    public let key: RawSpan

    /// The type byte, whose meaning depends on the stream's version.
    public let type: UInt8

    /// The bytes behind the key, as a DUMP payload holds them between its type byte and its footer.
    public let value: RawSpan

    /// When the key expires, in milliseconds since 1970; `nil` for never.
    public let expiry: Int64?

    /// Seconds since the last access, where the source evicts by LRU.
    public let idleSeconds: UInt64?

    /// The logarithmic access counter, where the source evicts by LFU.
    public let frequency: UInt8?

    @inlinable
    @_lifetime(copy key, copy value)
    init(key: RawSpan, type: UInt8, value: RawSpan, expiry: Int64?, idleSeconds: UInt64?, frequency: UInt8?) {
        self.key = key
        self.type = type
        self.value = value
        self.expiry = expiry
        self.idleSeconds = idleSeconds
        self.frequency = frequency
    }
}
