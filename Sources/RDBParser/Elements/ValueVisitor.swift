/// What a value is, whatever its encoding.
public enum ValueKind: Hashable, Sendable {
    case string, list, set, sortedSet, hash, stream, module
}

/// What a string within a value is.
public enum ValuePart: Hashable, Sendable {
    /// The value of a string key.
    case string
    /// An element of a list.
    case element
    /// A member of a set, or of a sorted set: then its score follows.
    case member
    /// A field of a hash or of a stream's entry: its value follows.
    case field
    /// The value of the field before it. In a hash an expiry may follow.
    case value
    /// A string that a module wrote.
    case moduleString
}

/// Receives a value element by element. Spans are valid during the call only.
public protocol ValueVisitor: ~Copyable {
    /// A value begins.
    ///
    /// - Parameters:
    ///   - kind: What it is, whatever its encoding.
    ///   - count: How many elements the bytes claim to have, where they say so in front: do not allocate by it.
    mutating func begin(_ kind: ValueKind, count: UInt64?)

    /// A string, or a piece of a long one: pieces of the same string follow each other without anything between them.
    ///
    /// - Parameters:
    ///   - piece: Decoded bytes. Strings of at most 64 KiB come as one piece, integers as decimal text.
    ///   - part: What the string is within the value.
    ///   - length: Of the whole string, in bytes.
    ///   - isLast: Whether the string ends with this piece.
    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool)

    /// The score of the member before it: never not-a-number.
    mutating func score(_ score: Double)

    /// When the field before it expires, in milliseconds since 1970: comes behind the value of such a field only.
    mutating func expiry(_ milliseconds: Int64)

    /// Something of a stream that is not the text of an entry.
    mutating func stream(_ event: borrowing StreamEvent)

    /// Something of a module's value that is not a string.
    mutating func module(_ event: ModuleEvent)

    /// The value is complete.
    mutating func end()
}

/// The ID of a stream's entry.
public struct StreamID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Milliseconds since 1970, where the server made it.
    public var milliseconds: UInt64
    public var sequence: UInt64

    public init(_ milliseconds: UInt64, _ sequence: UInt64) {
        self.milliseconds = milliseconds
        self.sequence = sequence
    }

    public static func < (left: StreamID, right: StreamID) -> Bool {
        (left.milliseconds, left.sequence) < (right.milliseconds, right.sequence)
    }

    /// As servers write it: `milliseconds-sequence`.
    public var description: String { "\(milliseconds)-\(sequence)" }
}

/// What a stream holds beside its entries.
public struct StreamMetadata: Hashable, Sendable {
    /// Entries that are not deleted: checked to be as many as were passed.
    public var length: UInt64
    public var lastID: StreamID
    /// The three that Redis 5 to 6.2 do not write; `nil` for type 15.
    public var history: History?

    public struct History: Hashable, Sendable {
        /// The first entry's ID; 0-0 where there is none.
        public var firstID: StreamID
        public var greatestDeletedID: StreamID
        /// Entries ever added.
        public var entriesAdded: UInt64

        public init(firstID: StreamID, greatestDeletedID: StreamID, entriesAdded: UInt64) {
            self.firstID = firstID
            self.greatestDeletedID = greatestDeletedID
            self.entriesAdded = entriesAdded
        }
    }

    public init(length: UInt64, lastID: StreamID, history: History?) {
        self.length = length
        self.lastID = lastID
        self.history = history
    }
}

/// What a stream holds, in this order: entries; metadata; groups, each with its pending entries and then its consumers,
/// each with the IDs that it owns; what Redis 8.6 keeps about producers.
public enum StreamEvent: ~Escapable {
    /// An entry: so many fields with their values follow. Deleted ones stand between the others until their node goes.
    case entry(StreamID, fieldCount: UInt64, isDeleted: Bool)
    case metadata(StreamMetadata)
    /// - Parameter entriesRead: `nil` where it is unknown.
    case group(name: RawSpan, lastID: StreamID, entriesRead: Int64?)
    /// An entry that was delivered and not acknowledged; times in milliseconds since 1970.
    case pending(StreamID, deliveryTime: Int64, deliveryCount: UInt64)
    /// - Parameter activeTime: −1 where it never was, `nil` before Redis 7.2.
    case consumer(name: RawSpan, seenTime: Int64, activeTime: Int64?)
    /// One of the group's pending entries, which the consumer before it owns.
    case owned(StreamID)
    /// For how many milliseconds, and how many at most for each producer, IDs are remembered.
    case idempotence(duration: UInt64, maximum: UInt64)
    case producer(name: RawSpan)
    /// An ID that the producer before it used, and the entry that it gave.
    case producerID(RawSpan, entry: StreamID)
    /// How many entries were added with such IDs ever, and how many refused as duplicates.
    case idempotenceCounters(added: UInt64, duplicates: UInt64)
}

/// What a module's value holds; its strings come as `ValuePart.moduleString`.
public enum ModuleEvent: Hashable, Sendable {
    case type(ModuleType)
    case signed(Int64)
    case unsigned(UInt64)
    case float(Float)
    case double(Double)
}
