/// One value, decoded and whole in memory: for tests, tools and comparisons of single keys.
///
/// Two values are equal when a client could not tell them apart: what has no order is kept sorted here, scores are
/// compared by their bits, encodings and deleted entries of streams are not seen.
public enum Value: Hashable, Sendable {
    case string([UInt8])
    case list([[UInt8]])
    /// Ascending by bytes.
    case set([[UInt8]])
    /// Ascending by score, then by bytes.
    case sortedSet([ScoredMember])
    /// Ascending by field.
    case hash([HashField])
    case stream(StreamValue)
    case module(ModuleValue)

    /// Decodes a value.
    ///
    /// - Parameters:
    ///   - type: The type byte.
    ///   - value: The bytes of the value: of a record, or of a DUMP payload between type byte and footer.
    ///   - version: Of the stream or payload.
    ///   - limits: How much memory may be taken beside the value's own.
    /// - Throws: `RDBError`: what `ValueDecoder` refuses.
    public init(
        type: UInt8, value: RawSpan, version: RDBVersion, limits: ValueDecoder.Limits = .init()
    ) throws(RDBError) {
        var builder = ValueBuilder()
        try ValueDecoder.decode(type: type, value: value, version: version, limits: limits, into: &builder)
        self = builder.value
    }
}

/// A member of a sorted set. Scores are the same when their bits are: 0 is not −0.
public struct ScoredMember: Hashable, Sendable {
    public var member: [UInt8]
    public var score: Double

    public init(member: [UInt8], score: Double) {
        self.member = member
        self.score = score
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.member == right.member && left.score.bitPattern == right.score.bitPattern
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(member)
        hasher.combine(score.bitPattern)
    }
}

/// A field of a hash.
public struct HashField: Hashable, Sendable {
    public var field: [UInt8]
    public var value: [UInt8]
    /// When it expires, in milliseconds since 1970; `nil` for never.
    public var expiry: Int64?

    public init(field: [UInt8], value: [UInt8], expiry: Int64? = nil) {
        self.field = field
        self.value = value
        self.expiry = expiry
    }
}

/// A stream.
public struct StreamValue: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        public var id: StreamID
        /// Field, value, field, value …
        public var fields: [[UInt8]] = []
    }

    public struct Pending: Hashable, Sendable {
        public var id: StreamID
        /// In milliseconds since 1970.
        public var deliveryTime: Int64
        public var deliveryCount: UInt64
    }

    public struct Consumer: Hashable, Sendable {
        public var name: [UInt8]
        public var seenTime: Int64
        /// −1 where it never was, `nil` before Redis 7.2.
        public var activeTime: Int64?
        /// Those of the group's pending entries that it owns.
        public var owned: [StreamID] = []
    }

    public struct Group: Hashable, Sendable {
        public var name: [UInt8]
        public var lastID: StreamID
        public var entriesRead: Int64?
        public var pending: [Pending] = []
        public var consumers: [Consumer] = []
    }

    /// What Redis 8.6 keeps about idempotent producers.
    public struct Idempotence: Hashable, Sendable {
        public struct Producer: Hashable, Sendable {
            public var name: [UInt8]
            public var ids: [ID] = []
        }

        public struct ID: Hashable, Sendable {
            public var id: [UInt8]
            public var entry: StreamID
        }

        public var duration: UInt64
        public var maximum: UInt64
        public var producers: [Producer] = []
        public var added: UInt64 = 0
        public var duplicates: UInt64 = 0
    }

    /// Those that are not deleted.
    public var entries: [Entry] = []
    public var metadata = StreamMetadata(length: 0, lastID: StreamID(0, 0), history: nil)
    public var groups: [Group] = []
    /// `nil` for types before 26.
    public var idempotence: Idempotence?
}

/// What a module wrote: its type, and the fields that only it understands.
public struct ModuleValue: Hashable, Sendable {
    public enum Field: Hashable, Sendable {
        case signed(Int64)
        case unsigned(UInt64)
        /// The bits of 4 bytes.
        case float(UInt32)
        /// The bits of 8 bytes.
        case double(UInt64)
        case string([UInt8])
    }

    public var type: ModuleType
    public var fields: [Field] = []
}
