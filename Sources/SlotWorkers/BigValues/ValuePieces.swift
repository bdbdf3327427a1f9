internal import NIOCore
internal import RDBParser
internal import RESP

/// Turns the elements of a big value into commands that build it under a temporary key, in pieces of bounded size.
///
/// Repeating a piece changes nothing, but for lists and streams: of these the key's length says whether it was taken.
struct ValuePieces: ValueVisitor {
    private let key: [UInt8]
    private let format: TargetFormat
    private let deliver: (ValuePiece) -> Void
    private var piece = ValuePiece(of: .string, behind: 0)

    private(set) var kind = ValueKind.string
    /// Elements so far; of a string its bytes, of a stream its live entries.
    private(set) var count = 0
    /// Whether fields have expiries: then some of them may be gone by the end.
    private(set) var hasFieldExpiries = false
    /// Fields with an expiry, and the latest of these.
    private var expiringFields = 0
    private var latestExpiry = Int64.min
    /// When the last element expires; `.max` where one does not.
    var lastsUntil: Int64 { count > expiringFields ? .max : latestExpiry }
    /// The source's time, in milliseconds: what expired before it is left out where fields cannot expire.
    private let now: Int64
    /// What the target cannot hold.
    var loss: Conversion.Loss?
    /// Why it cannot be written at all.
    private(set) var refusal: String?

    /// The arguments of the command that is being filled, and how many they and the elements in them are.
    private var arguments = ByteBuffer()
    private var argumentCount = 0
    private var elements = 0
    /// `HPEXPIREAT`s that must come behind the fields that are being filled.
    private var expiries = ValuePiece(of: .hash, behind: 0)
    /// Members with a score of −0, which servers keep only in a set that has grown: they come last.
    private var negativeZeros = ByteBuffer()
    private var negativeZeroCount = 0
    /// A member whose score is still to come, or a field whose expiry may be.
    private var held: [UInt8] = []
    private var isInArgument = false
    private var streamState = StreamPieces()

    /// Bytes of one command: the target takes it without keeping others waiting.
    private static let commandBytes = 32 << 10

    /// - Parameters:
    ///   - key: The temporary key.
    ///   - deliver: Takes each piece as soon as it is full.
    init(key: [UInt8], format: TargetFormat, now: Int64, deliver: @escaping (ValuePiece) -> Void) {
        self.now = now
        self.key = key
        self.format = format
        self.deliver = deliver
    }

    mutating func begin(_ kind: ValueKind, count: UInt64?) {
        self.kind = kind
        piece = ValuePiece(of: kind, behind: 0)
    }

    mutating func bytes(_ bytes: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        switch (kind, part) {
        case (.string, _):
            piece.append(bytes, at: count, of: key)
            count += bytes.byteCount
            deliverIfFull()
        case (.sortedSet, _):
            if !isInArgument { held.removeAll(keepingCapacity: true) }
            isInArgument = !isLast
            held.append(contentsOf: bytes.array)
        case (.hash, .field):
            if !isInArgument {
                closeIfFull()
                held.removeAll(keepingCapacity: true)
            }
            held.append(contentsOf: bytes.array)
            argument(bytes, length, isLast)
        case (.stream, _):
            if !streamState.isInDeletedEntry { argument(bytes, length, isLast) }
        case (.module, _): break
        case (.hash, _), (.list, _), (.set, _):
            if !isInArgument, kind != .hash { closeIfFull() }
            argument(bytes, length, isLast)
            if isLast { finishElement() }
        }
    }

    private mutating func argument(_ bytes: RawSpan, _ length: UInt64, _ isLast: Bool) {
        let isFirst = !isInArgument
        arguments.encode(reserving: bytes.byteCount + CommandWriter.longestHeader + 2) { writer in
            if isFirst { writer.header("$", Int(clamping: length)) }
            writer.bytes(bytes)
            if isLast { writer.text("\r\n") }
        }
        isInArgument = !isLast
        if isLast { argumentCount += 1 }
    }

    private mutating func finishElement() {
        elements += 1
        count += 1
    }

    mutating func score(_ score: Double) {
        closeIfFull()
        // Swift prints the shortest text that reads back as the same bits.
        let text = score == .infinity ? "inf" : score == -.infinity ? "-inf" : score.description
        if score == 0, score.sign == .minus {
            CommandEncoder.writeBulk(text, to: &negativeZeros)
            CommandEncoder.writeBulk(held, to: &negativeZeros)
            negativeZeroCount += 1
            count += 1
            return
        }
        CommandEncoder.writeBulk(text, to: &arguments)
        CommandEncoder.writeBulk(held, to: &arguments)
        argumentCount += 2
        finishElement()
    }

    mutating func expiry(_ milliseconds: Int64) {
        guard format.version.number >= 12 else {
            if milliseconds > now {
                loss = .fieldExpiries
            } else {
                hasFieldExpiries = true
                noteExpiry(milliseconds)
                expiries.append(["HDEL", key, held])
            }
            return
        }
        hasFieldExpiries = true
        noteExpiry(milliseconds)
        expiries.append(["HPEXPIREAT", key, milliseconds, "FIELDS", "1", held])
    }

    private mutating func noteExpiry(_ milliseconds: Int64) {
        expiringFields += 1
        latestExpiry = max(latestExpiry, milliseconds)
    }

    mutating func module(_ event: ModuleEvent) {
        guard case .type(let type) = event else { return }
        refusal =
            "values of the module's data type \(type.name) cannot be written in pieces: raise --big-value-bytes above its size"
    }

    mutating func stream(_ event: borrowing StreamEvent) {
        close()
        switch copy event {
        case .entry(let id, _, let isDeleted):
            streamState.isInDeletedEntry = isDeleted
            if isDeleted { return }
            CommandEncoder.writeBulk(id.description, to: &arguments)
            argumentCount += 1
            finishElement()
        case .metadata(let metadata):
            streamState.write(metadata, isEmpty: count == 0, of: key, for: format, to: &piece)
        case .group(let name, let lastID, let read):
            streamState.begin(group: name.array, lastID, read, of: key, for: format, to: &piece)
        case .pending(let id, let time, let deliveries):
            streamState.pending[id] = (time, deliveries)
        case .consumer(let name, _, _):
            streamState.begin(consumer: name.array, of: key, for: format, to: &piece)
        case .owned(let id):
            streamState.claim(id, of: key, to: &piece)
        case .idempotence(let duration, let maximum):
            // What every stream of such a server has: nothing that would be missed.
            if (duration, maximum) != (100, 100) { loss = .idempotence }
        case .producer, .producerID:
            loss = .idempotence
        case .idempotenceCounters(let added, let duplicates):
            if (added, duplicates) != (0, 0) { loss = .idempotence }
        }
        deliverIfFull()
    }

    mutating func end() {
        close()
        // `SETRANGE` of nothing makes no key.
        if kind == .string, count == 0 { piece.append(["SET", key, ""]) }
        if negativeZeroCount > 0 {
            piece.append(
                ["ZADD", key], arguments: negativeZeros, count: negativeZeroCount * 2, elements: negativeZeroCount)
        }
        if !piece.isEmpty { deliver(piece) }
        piece = ValuePiece(of: kind, behind: count, lastingUntil: lastsUntil)
    }

    // MARK: Commands

    private mutating func closeIfFull() {
        if arguments.readableBytes >= Self.commandBytes { close() }
    }

    /// Ends the command that is being filled.
    private mutating func close() {
        if argumentCount > 0 {
            let name =
                switch kind {
                case .list: "RPUSH"
                case .set: "SADD"
                case .sortedSet: "ZADD"
                case .hash: "HSET"
                case .stream: "XADD"
                case .string, .module: ""
                }
            piece.append([name, key], arguments: arguments, count: argumentCount, elements: elements)
            arguments.clear()
            argumentCount = 0
            elements = 0
        }
        if !expiries.isEmpty {
            piece.append(contentsOf: expiries)
            expiries = ValuePiece(of: .hash, behind: 0)
        }
        deliverIfFull()
    }

    private mutating func deliverIfFull() {
        guard piece.isFull else { return }
        deliver(piece)
        piece = ValuePiece(of: kind, behind: piece.behind, lastingUntil: lastsUntil)
    }
}
