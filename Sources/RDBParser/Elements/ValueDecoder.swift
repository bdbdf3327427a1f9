/// Decodes the value behind a type byte to its elements, pushed in chunks of any size.
///
/// Its memory does not grow with the value: long strings come in pieces, and only what the format packs into one string
/// (a listpack of a quicklist's or stream's node, or a small collection) must be whole in the chunk.
/// Checks what servers with `sanitize-dump-payload yes` check: back-lengths, counts, order, duplicates, scores.
/// Once `feed` has thrown it throws the same error again.
public struct ValueDecoder: Sendable {
    /// How much memory the decoder may take.
    public struct Limits: Hashable, Sendable {
        /// Most bytes of a packed encoding, or of a name in a stream, expanded: 1...1 GiB; default 64 MiB.
        public var maximumPackedBytes = 64 << 20
        /// Up to how many fields or members are compared with each other, to find duplicates; 16 bytes each.
        /// Strings over 64 KiB are not compared. 0...; default 2^20.
        public var maximumComparedElements = 1 << 20

        public init() {}
    }

    /// Strings of at most so many bytes come whole.
    static let pieceBytes = 64 << 10

    /// Bytes of the stream that were consumed so far.
    public private(set) var offset: UInt64

    /// Whether the value was read to its end.
    public var isFinished: Bool { if case .finished = state { true } else { false } }

    /// After `feed`: how many bytes the next chunk must hold at least; see `RDBStreamParser.bytesNeeded`.
    public private(set) var bytesNeeded = 1

    let type: UInt8
    let shape: ValueShape
    let limits: Limits
    var state = State.start
    /// Elements (or nodes) that are still to come, with the one being read.
    var remaining: UInt64 = 0
    var long: LongString?
    /// Whether there is one: asked for each step, without looking into it.
    var isInLongString = false
    var unique: UniqueStrings
    /// The earliest expiry, to which those of type 24 are relative.
    var earliestExpiry: Int64 = 0
    /// The expiry of the field being read, where it stands before it.
    var expiry: Int64?
    /// Room for what has to be expanded, or written as decimal text.
    var scratch: [UInt8] = []
    var streamState: StreamState
    private var failure: RDBError?

    enum State: Sendable {
        case start
        /// A part of an element, counted from 0 in the order of its layout.
        case element(part: Int)
        case packed
        case stream(StreamState.Phase)
        case module
        case end
        case finished
    }

    /// - Parameters:
    ///   - type: The type byte.
    ///   - version: Of the stream or DUMP payload: the type byte means something only together with it.
    ///   - offset: Where the value (behind the key or the type byte) stands in the stream, for errors.
    ///   - limits: How much memory it may take.
    /// - Throws: `unknownType`, `unsupported`.
    public init(
        type: UInt8, version: RDBVersion, offset: UInt64 = 0, limits: Limits = Limits()
    ) throws(RDBError) {
        guard let shape = ValueShape.of(type: type, version: version) else {
            if type == 6 {
                throw RDBError(.unsupported, offset: offset, element: "value of a module without opcodes", detail: 6)
            }
            throw RDBError(.unknownType, offset: offset, element: "value type", detail: UInt64(type))
        }
        self.type = type
        self.shape = shape
        self.limits = limits
        self.offset = offset
        unique = UniqueStrings(maximum: limits.maximumComparedElements)
        streamState = StreamState(maximumCompared: limits.maximumComparedElements)
    }

    /// Decodes what it can and passes it to `visitor`.
    ///
    /// - Returns: Bytes consumed, 0...chunk.byteCount. Pass the rest again, with more behind it.
    /// - Throws: `malformed`, `tooLarge`, `unknownOpcode`; what came before the bad element has been delivered.
    public mutating func feed<V: ValueVisitor & ~Copyable>(
        _ chunk: RawSpan, into visitor: inout V
    ) throws(RDBError) -> Int {
        if let failure { throw failure }
        var cursor = ByteCursor(chunk, base: offset)
        var committed = 0
        do throws(RDBError) {
            while !isFinished, try step(&cursor, &visitor) != nil { committed = cursor.position }
        } catch {
            failure = error
            offset += UInt64(committed)
            throw error
        }
        offset += UInt64(committed)
        bytesNeeded = isFinished ? 0 : cursor.needed - committed
        return committed
    }

    /// Says that no more bytes will come.
    ///
    /// - Throws: `truncated`, or what `feed` threw.
    public func finish() throws(RDBError) {
        if let failure { throw failure }
        guard isFinished else { throw RDBError(.truncated, offset: offset, element: "value") }
    }

    /// Decodes a value that is whole.
    ///
    /// - Throws: What `feed` throws; `truncated`; `malformed` when bytes are left.
    public static func decode<V: ValueVisitor & ~Copyable>(
        type: UInt8, value: RawSpan, version: RDBVersion, limits: Limits = Limits(), into visitor: inout V
    ) throws(RDBError) {
        if type == 0, case .raw(let bytes) = RDBString.read(value) {
            // By far the most frequent.
            visitor.begin(.string, count: nil)
            visitor.bytes(bytes, of: .string, length: UInt64(bytes.byteCount), isLast: true)
            return visitor.end()
        }
        var decoder = try ValueDecoder(type: type, version: version, limits: limits)
        let consumed = try decoder.feed(value, into: &visitor)
        try decoder.finish()
        guard consumed == value.byteCount else {
            throw RDBError(.malformed, offset: UInt64(consumed), element: "end of the value")
        }
    }
}

// MARK: - Steps

extension ValueDecoder {
    /// Reads the next thing that can be committed; `nil` (cursor undefined) when bytes of it are missing.
    @_lifetime(cursor: copy cursor)
    private mutating func step<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        if isInLongString { return try continueString(&cursor, &visitor) }
        switch state {
        case .start: return try begin(&cursor, &visitor)
        case .element(let part): return try readElement(part: part, &cursor, &visitor)
        case .packed: return try readPackedValue(&cursor, &visitor)
        case .stream(let phase): return try readStream(phase, &cursor, &visitor)
        case .module: return try readModuleField(&cursor, &visitor)
        case .end:
            visitor.end()
            state = .finished
        case .finished: break
        }
        return ()
    }

    @_lifetime(cursor: copy cursor)
    private mutating func begin<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        switch shape.layout {
        case .string:
            visitor.begin(shape.kind, count: nil)
            if shape.packing != nil {
                state = .packed
                return ()
            }
            remaining = 1
            state = .element(part: 0)
        case .expiringListpack:
            guard cursor.skip(8) else { return nil }
            visitor.begin(shape.kind, count: nil)
            state = .packed
        case .expiringFields:
            guard let earliest = cursor.next(Int64.self) else { return nil }
            earliestExpiry = earliest
            return try beginElements(&cursor, &visitor)
        case .elements:
            return try beginElements(&cursor, &visitor)
        case .stream:
            visitor.begin(.stream, count: nil)
            state = .stream(.nodeCount)
        case .module:
            guard let id = try cursor.nextLength(of: "module ID") else { return nil }
            visitor.begin(.module, count: nil)
            visitor.module(.type(ModuleType(id: id)))
            state = .module
        }
        return ()
    }

    @_lifetime(cursor: copy cursor)
    private mutating func beginElements<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        guard let count = try cursor.nextLength(of: "element count") else { return nil }
        visitor.begin(shape.kind, count: shape.packing == nil ? count : nil)
        remaining = count
        state = count == 0 ? .end : .element(part: 0)
        return ()
    }

    /// The element is complete.
    mutating func finishElement() {
        remaining -= 1
        state = remaining == 0 ? .end : .element(part: 0)
    }
}
