internal import NIOCore
internal import RDBParser
internal import RESP

/// What a stream holds beside its entries, as `XINFO` tells it. Pure.
struct BigStreamState {
    struct Pending: Equatable {
        var id: StreamID
        var deliveryTime: Int64
        var deliveryCount: UInt64
    }

    struct Consumer: Equatable {
        var name: ByteBuffer
        var seenTime: Int64
        var activeTime: Int64?
        /// How many pending entries it owns, and the first of them.
        var ownedCount: Int
        var owned: [StreamID] = []
    }

    struct Group: Equatable {
        var name: ByteBuffer
        var lastID: StreamID
        var entriesRead: Int64?
        /// How many entries are pending, and the first of them.
        var pendingCount: Int
        var pending: [Pending] = []
        var consumers: [Consumer] = []
    }

    /// What Redis 8.6 shows of its memory of producers.
    struct Idempotence: Equatable {
        var duration: UInt64
        var maximum: UInt64
        var added: UInt64
        var duplicates: UInt64
        /// IDs that it remembers, and shows to nobody.
        var hiddenIDs: Int64
    }

    var metadata: StreamMetadata
    var idempotence: Idempotence?
    var groups: [Group] = []

    /// Whether it holds what no command shows.
    var lacksProducerIDs: Bool { (idempotence?.hiddenIDs ?? 0) > 0 }
}

extension BigStreamState {
    /// - Parameter reply: To `XINFO STREAM key`, or with `FULL`: then with the groups.
    init?(_ reply: Reply) {
        let fields = Fields(reply)
        guard let length = fields.count("length"), let lastID = fields.id("last-generated-id") else { return nil }
        var history: StreamMetadata.History?
        if let added = fields.count("entries-added"), let deleted = fields.id("max-deleted-entry-id"),
            let first = fields.id("recorded-first-entry-id")
        {
            history = .init(firstID: first, greatestDeletedID: deleted, entriesAdded: added)
        }
        metadata = StreamMetadata(length: length, lastID: lastID, history: history)
        if let duration = fields.count("idmp-duration"), let maximum = fields.count("idmp-maxsize") {
            idempotence = Idempotence(
                duration: duration, maximum: maximum, added: fields.count("iids-added") ?? 0,
                duplicates: fields.count("iids-duplicates") ?? 0,
                hiddenIDs: max(fields["pids-tracked"]?.integer ?? 0, fields["iids-tracked"]?.integer ?? 0))
        }
        for reply in fields["groups"]?.elements ?? [] {
            guard let group = Group(reply) else { return nil }
            groups.append(group)
        }
    }
}

extension BigStreamState.Group {
    /// - Parameter reply: An element of the answer to `XINFO GROUPS`, or of the groups of `XINFO STREAM … FULL`.
    init?(_ reply: Reply) {
        let fields = Fields(reply)
        guard let name = fields["name"]?.bytes, let lastID = fields.id("last-delivered-id") else { return nil }
        // `XINFO GROUPS` calls the number what FULL calls the list.
        let number = fields.count("pel-count") ?? fields.count("pending")
        guard let number, let count = Int(exactly: number) else { return nil }
        self.init(name: name, lastID: lastID, entriesRead: fields["entries-read"]?.integer, pendingCount: count)
        if case .array(let entries)? = fields["pending"] {
            for entry in entries {
                // ID, consumer, time, count.
                guard let parts = entry.elements, parts.count >= 4, let id = StreamID(parts[0]),
                    let time = parts[2].integer, let deliveries = parts[3].integer
                else { return nil }
                pending.append(.init(id: id, deliveryTime: time, deliveryCount: UInt64(clamping: deliveries)))
            }
        }
        if case .array(let replies)? = fields["consumers"] {
            for reply in replies {
                guard let consumer = BigStreamState.Consumer(reply) else { return nil }
                consumers.append(consumer)
            }
        }
    }
}

extension BigStreamState.Consumer {
    /// - Parameters:
    ///   - reply: An element of the answer to `XINFO CONSUMERS`, or of the consumers of `XINFO STREAM … FULL`.
    ///   - now: The source's time, from which the former's idle times go back.
    init?(_ reply: Reply, now: Int64 = 0) {
        let fields = Fields(reply)
        let number = fields.count("pel-count") ?? fields.count("pending")
        guard let name = fields["name"]?.bytes, let number, let count = Int(exactly: number) else { return nil }
        let seen = fields["seen-time"]?.integer ?? fields["idle"]?.integer.map { now - $0 }
        guard let seen else { return nil }
        self.init(name: name, seenTime: seen, activeTime: fields["active-time"]?.integer, ownedCount: count)
        if case .array(let entries)? = fields["pending"] {
            for entry in entries {
                guard let id = entry.elements?.first.flatMap({ StreamID($0) }) else { return nil }
                owned.append(id)
            }
        }
    }
}

/// Names and values that alternate.
private struct Fields {
    private var values: [String: Reply] = [:]

    init(_ reply: Reply) {
        let elements = reply.elements ?? []
        for index in stride(from: 0, to: elements.count - 1, by: 2) {
            if let name = elements[index].text { values[name] = elements[index + 1] }
        }
    }

    subscript(name: String) -> Reply? { values[name] }

    func count(_ name: String) -> UInt64? {
        guard let value = values[name], case .integer(let number) = value else { return nil }
        return UInt64(exactly: number)
    }

    func id(_ name: String) -> StreamID? { values[name].flatMap { StreamID($0) } }
}

extension StreamID {
    /// As servers write it.
    init?(_ reply: Reply) {
        guard let bytes = reply.bytes else { return nil }
        self.init(text: bytes.readableBytesSpan)
    }

    /// - Parameter text: `milliseconds-sequence`.
    init?(text: RawSpan) {
        var numbers: (UInt64, UInt64) = (0, 0)
        var isBehindDash = false
        for index in 0..<text.byteCount {
            let byte = text[index]
            if byte == UInt8(ascii: "-"), !isBehindDash, index > 0 {
                numbers = (numbers.1, 0)
                isBehindDash = true
                continue
            }
            let digit = byte &- UInt8(ascii: "0")
            let (tens, overflows) = numbers.1.multipliedReportingOverflow(by: 10)
            let (sum, carries) = tens.addingReportingOverflow(UInt64(digit))
            guard digit <= 9, !overflows, !carries else { return nil }
            numbers.1 = sum
        }
        guard isBehindDash else { return nil }
        self.init(numbers.0, numbers.1)
    }

    /// The next higher ID; `nil` behind the highest. (Exclusive ranges are known since 6.2 only.)
    var next: StreamID? {
        if sequence < .max { return StreamID(milliseconds, sequence + 1) }
        return milliseconds < .max ? StreamID(milliseconds + 1, 0) : nil
    }
}
