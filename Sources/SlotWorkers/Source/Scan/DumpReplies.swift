internal import NIOCore

/// Follows the replies to one dumping transaction after another. Bytes in, keys out; no I/O.
struct DumpReplies {
    /// What a reply brought.
    enum Event: Equatable {
        /// The value and expiry of the next key of the request; `payload` is a range of the bytes.
        case key(payload: Range<Int>, expiry: Int64?, eviction: EvictionHint?)
        /// The key is gone since it was named.
        case gone
        /// This key cannot be had.
        case failed(String)
        /// All keys of the request had their event.
        case finished
        /// The transaction was refused as a whole; none of its keys had an event.
        case refused(String)
    }

    private enum Phase: Equatable {
        case start
        case multi
        case queued(left: Int)
        case exec
        case time
        case keys(left: Int)
        /// The answers of a transaction that does not count.
        case skip(left: Int)
    }

    /// Elements that are passed over at most.
    private static let mostSkipped = 1 << 20

    private let dialect: DumpDialect
    private var phase = Phase.start
    private var refusal: String?
    private var time: Int64 = 0

    init(dialect: DumpDialect) { self.dialect = dialect }

    /// The next event.
    ///
    /// - Parameters:
    ///   - keys: How many the request asks for.
    ///   - selects: Whether a `SELECT` was sent before its transaction.
    /// - Returns: `nil` when more bytes are needed; the cursor then stands where they are wanted again from.
    @_lifetime(cursor: copy cursor)
    mutating func next(_ cursor: inout ReplyCursor, keys: Int, selects: Bool) throws(ReplyCursor.Malformed) -> Event? {
        while true {
            switch phase {
            case .start:
                if selects {
                    guard let step = try cursor.next() else { return nil }
                    // Without it the keys of another database would be dumped: the transaction does not count.
                    if case .error(let reason) = step { refusal = reason }
                }
                phase = .multi
            case .multi:
                guard let step = try cursor.next() else { return nil }
                if case .error(let reason) = step, refusal == nil { refusal = reason }
                phase = .queued(left: keys * dialect.repliesPerKey + (dialect.tellsExpiryTime ? 0 : 1))
            case .queued(0):
                phase = .exec
            case .queued(let left):
                let skipped = cursor.skipQueued(atMost: left)
                if skipped == 0 {
                    guard let step = try cursor.next() else { return nil }
                    if case .error(let reason) = step, refusal == nil { refusal = reason }
                }
                phase = .queued(left: left - max(skipped, 1))
            case .exec:
                guard let step = try cursor.next() else { return nil }
                switch step {
                case .array(let count) where refusal == nil:
                    // Anything else would tie values to other keys.
                    guard count == keys * dialect.repliesPerKey + (dialect.tellsExpiryTime ? 0 : 1) else {
                        throw ReplyCursor.Malformed(byte: UInt8(ascii: "*"))
                    }
                    phase = dialect.tellsExpiryTime ? .keys(left: keys) : .time
                case .array(let count): phase = .skip(left: count)
                case .error(let reason): return refuse(refusal ?? reason)
                default: return refuse(refusal ?? "EXEC gave no array")
                }
            case .time:
                let start = cursor.position
                guard let milliseconds = try nextTime(&cursor) else {
                    cursor.rewind(to: start)
                    return nil
                }
                time = milliseconds
                phase = .keys(left: keys)
            case .skip(0):
                return refuse(refusal ?? "")
            case .skip(let left):
                guard let step = try cursor.next() else { return nil }
                var inside = 0
                if case .array(let count) = step { inside = count }
                guard inside <= Self.mostSkipped, left <= Self.mostSkipped else {
                    throw ReplyCursor.Malformed(byte: UInt8(ascii: "*"))
                }
                phase = .skip(left: left - 1 + inside)
            case .keys(0):
                phase = .start
                return .finished
            case .keys(let left):
                let start = cursor.position
                guard let event = try nextKey(&cursor) else {
                    cursor.rewind(to: start)
                    return nil
                }
                phase = .keys(left: left - 1)
                return event
            }
        }
    }

    private mutating func refuse(_ reason: String) -> Event {
        phase = .start
        refusal = nil
        return .refused(reason)
    }

    @_lifetime(cursor: copy cursor)
    private func nextTime(_ cursor: inout ReplyCursor) throws(ReplyCursor.Malformed) -> Int64? {
        guard try cursor.next() != nil, let seconds = try cursor.next(), let micros = try cursor.next() else {
            return nil
        }
        guard case .bulk(let first) = seconds, case .bulk(let second) = micros,
            let whole = Int64(String(decoding: cursor.contents(first).array, as: UTF8.self)),
            let part = Int64(String(decoding: cursor.contents(second).array, as: UTF8.self))
        else { throw ReplyCursor.Malformed(byte: UInt8(ascii: "*")) }
        guard (0..<1 << 40).contains(whole), (0..<1_000_000).contains(part) else {
            throw ReplyCursor.Malformed(byte: UInt8(ascii: "$"))
        }
        return whole * 1000 + part / 1000
    }

    @_lifetime(cursor: copy cursor)
    private func nextKey(_ cursor: inout ReplyCursor) throws(ReplyCursor.Malformed) -> Event? {
        var eviction: EvictionHint?
        if dialect.eviction != .none {
            guard let hint = try cursor.next() else { return nil }
            if case .integer(let number) = hint {
                eviction =
                    dialect.eviction == .idle
                    ? .idle(UInt64(clamping: number)) : .frequency(UInt8(clamping: number))
            }
        }
        guard let dump = try cursor.next(), let remaining = try cursor.next() else { return nil }
        switch (dump, remaining) {
        case (.bulk(let payload), .integer(let reply)):
            return .key(payload: payload, expiry: dialect.expiry(reply, time: time), eviction: eviction)
        case (.absent, _): return .gone
        case (.error(let reason), _), (_, .error(let reason)): return .failed(reason)
        default: throw ReplyCursor.Malformed(byte: UInt8(ascii: "?"))
        }
    }
}
