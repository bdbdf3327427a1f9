internal import NIOCore
internal import RDBParser
internal import RESP

/// Streams: entries by `XRANGE`, then everything else.
///
/// `XINFO STREAM … FULL COUNT n` is one command, so one moment, and the only one that tells delivery and seen times as they
/// are; but its `COUNT` bounds entries and pending entries alike and cannot go on. So it is asked once, with a count that
/// keeps the answer small: that is the whole of most streams. What is pending behind the first n comes by `XPENDING`.
extension BigValueReader {
    /// Pending entries that one answer should hold, over all groups.
    private static let pendingAtOnce = 4096

    /// - Returns: `nil` when the key is gone.
    func readStream<V: ValueVisitor & ~Copyable>(
        _ key: [UInt8], _ digest: inout ValueDigest, _ visitor: inout V,
        _ betweenPages: (inout V) async throws -> Void
    ) async throws -> BigStreamState? {
        var size = PageSize(limits)
        let entries = try await readEntries(key, &size, &digest, &visitor, betweenPages)
        guard let state = try await state(of: key, size) else { return nil }
        guard state.metadata.length == entries else { throw BigValueError.changed }
        digest.stream(.metadata(state.metadata))
        visitor.stream(.metadata(state.metadata))
        for group in state.groups {
            try await readGroup(group, of: key, &digest, &visitor, betweenPages)
        }
        if let memory = state.idempotence {
            memory.pass(into: &digest)
            memory.pass(into: &visitor)
        }
        return state
    }

    // MARK: Entries

    private func readEntries<V: ValueVisitor & ~Copyable>(
        _ key: [UInt8], _ size: inout PageSize, _ digest: inout ValueDigest, _ visitor: inout V,
        _ betweenPages: (inout V) async throws -> Void
    ) async throws -> UInt64 {
        var asked = size.count
        var total: UInt64 = 0
        var answer = try await ask([["XRANGE", key, "-", "+", "COUNT", asked]])
        while true {
            let page = answer
            let (count, last) = try page.endOfEntries()
            size.learn(elements: count, bytes: page.bytes.readableBytes)
            total += UInt64(count)
            let start = count < asked ? nil : last?.next
            asked = size.count
            let next = start.map { send([["XRANGE", key, "\($0)", "+", "COUNT", asked]]) }
            try page.passEntries(into: &digest)
            try page.passEntries(into: &visitor)
            guard let next else { return total }
            try await betweenPages(&visitor)
            answer = Answer(bytes: try await next.get())
        }
    }

    // MARK: State

    private func state(of key: [UInt8], _ size: PageSize) async throws -> BigStreamState? {
        let short = try await decode([["XINFO", "STREAM", key]])[0]
        if let error = short.error {
            if error.code == "ERR", error.description.contains("no such key") { return nil }
            throw BigValueError(reply: error.description)
        }
        guard let elements = short.elements,
            let groups = stride(from: 0, to: elements.count - 1, by: 2).first(where: { elements[$0].text == "groups" }),
            let count = elements[groups + 1].integer
        else { throw BigValueError.malformed }
        if !abilities.showsStreamInFull { return try await oldState(of: key, short) }
        let shown = max(1, min(Self.pendingAtOnce / max(Int(clamping: count), 1), size.count))
        let full = try await decode([["XINFO", "STREAM", key, "FULL", "COUNT", shown]])[0]
        if let error = full.error { throw BigValueError(reply: error.description) }
        guard let state = BigStreamState(full) else { throw BigValueError.malformed }
        return state
    }

    /// Redis 5: without lists of what is pending, and with times as they were some time ago.
    private func oldState(of key: [UInt8], _ stream: Reply) async throws -> BigStreamState {
        guard var state = BigStreamState(stream) else { throw BigValueError.malformed }
        let groups = try await decode([["XINFO", "GROUPS", key]])[0]
        for reply in groups.elements ?? [] {
            guard var group = BigStreamState.Group(reply) else { throw BigValueError.malformed }
            let replies = try await decode([["TIME"], ["XINFO", "CONSUMERS", key, group.name]])
            if let error = replies.lazy.compactMap(\.error).first { throw BigValueError(reply: error.description) }
            let now =
                (replies[0].elements?.first?.integer ?? 0) * 1000
                + (replies[0].elements?.last?.integer ?? 0) / 1000
            for reply in replies[1].elements ?? [] {
                guard let consumer = BigStreamState.Consumer(reply, now: now) else { throw BigValueError.malformed }
                group.consumers.append(consumer)
            }
            state.groups.append(group)
        }
        return state
    }

    private func decode(_ commands: [[any CommandArgument]]) async throws -> [Reply] {
        var bytes = try await ask(commands).bytes
        var decoder = ReplyDecoder()
        return try commands.map { _ in
            guard let reply = try decoder.next(from: &bytes) else { throw BigValueError.malformed }
            return reply
        }
    }

    // MARK: Groups

    private func readGroup<V: ValueVisitor & ~Copyable>(
        _ group: BigStreamState.Group, of key: [UInt8], _ digest: inout ValueDigest, _ visitor: inout V,
        _ betweenPages: (inout V) async throws -> Void
    ) async throws {
        group.passHead(into: &digest)
        group.passHead(into: &visitor)
        for pending in group.pending {
            digest.stream(.pending(pending))
            visitor.stream(.pending(pending))
        }
        var count = group.pending.count
        var last = group.pending.last?.id ?? StreamID(0, 0)
        var owned: [ByteBuffer: [StreamID]] = [:]
        while count < group.pendingCount {
            let page = try await pending(of: group, in: key, behind: last)
            for (pending, owner) in page {
                digest.stream(.pending(pending))
                visitor.stream(.pending(pending))
                // To Redis 5, asking for a consumer's part of them would mean that the consumer was seen.
                if !abilities.showsStreamInFull { owned[owner, default: []].append(pending.id) }
            }
            guard let end = page.last?.pending.id else { throw BigValueError.changed }
            last = end
            count += page.count
            try await betweenPages(&visitor)
        }
        for var consumer in group.consumers {
            if !abilities.showsStreamInFull {
                consumer.owned = owned[consumer.name] ?? []
                guard consumer.owned.count == consumer.ownedCount else { throw BigValueError.changed }
            }
            consumer.pass(into: &digest)
            consumer.pass(into: &visitor)
            var count = consumer.owned.count
            var last = consumer.owned.last ?? StreamID(0, 0)
            while count < consumer.ownedCount {
                let answer = try await ask([
                    ["XPENDING", key, group.name, "\(try Self.behind(last))", "+", pendingPage, consumer.name]
                ])
                let page = try answer.read { cursor throws(BigValueError) in try cursor.pendingEntries() }
                for entry in page {
                    digest.stream(.owned(entry.id))
                    visitor.stream(.owned(entry.id))
                }
                guard let end = page.last?.id else { throw BigValueError.changed }
                last = end
                count += page.count
                try await betweenPages(&visitor)
            }
        }
    }

    private var pendingPage: Int { min(Self.pendingAtOnce, limits.elements) }

    private static func behind(_ id: StreamID) throws(BigValueError) -> StreamID {
        // No entry has the ID 0-0.
        guard let next = id.next else { throw .changed }
        return next
    }

    /// A page of a group's pending entries. They come with their idle time: the server's clock of that moment is found by
    /// an entry whose delivery time is known, as `TIME` is not quite what idle times are reckoned from.
    private func pending(
        of group: BigStreamState.Group, in key: [UInt8], behind last: StreamID
    ) async throws -> [(pending: BigStreamState.Pending, owner: ByteBuffer)] {
        let anchor = group.pending.first
        let anchorID = anchor?.id ?? last
        let answer = try await ask([
            ["MULTI"], ["TIME"], ["XPENDING", key, group.name, "\(anchorID)", "\(anchorID)", 1],
            ["XPENDING", key, group.name, "\(try Self.behind(last))", "+", pendingPage], ["EXEC"],
        ])
        return try answer.read { cursor throws(BigValueError) in
            try cursor.transaction(of: 3)
            var now = try cursor.time()
            let shown = try cursor.pendingEntries()
            if let anchor, let idle = shown.first?.idle, idle > 0, shown.first?.id == anchor.id {
                let (clock, overflows) = anchor.deliveryTime.addingReportingOverflow(idle)
                // Unless it was delivered again since.
                if !overflows, abs(clock.subtractingReportingOverflow(now).partialValue) < 1000 { now = clock }
            }
            return try cursor.pendingEntries().map { entry in
                let pending = BigStreamState.Pending(
                    id: entry.id, deliveryTime: now.subtractingReportingOverflow(entry.idle).partialValue,
                    deliveryCount: UInt64(clamping: entry.deliveries))
                return (pending, entry.owner)
            }
        }
    }
}

// MARK: - Answers

extension Answer {
    /// How many entries a page holds, and the ID of the last one.
    fileprivate func endOfEntries() throws(BigValueError) -> (count: Int, last: StreamID?) {
        try read { cursor throws(BigValueError) in
            let count = try cursor.array()
            for _ in 0..<max(count - 1, 0) { try cursor.skip() }
            guard count > 0 else { return (0, nil) }
            _ = try cursor.array()
            guard let id = StreamID(text: cursor.contents(try cursor.bulk())) else { throw .malformed }
            return (count, id)
        }
    }

    fileprivate func passEntries<V: ValueVisitor & ~Copyable>(into visitor: inout V) throws(BigValueError) {
        var cursor = ReplyCursor(bytes.readableBytesSpan)
        for _ in 0..<(try cursor.array()) {
            guard try cursor.array() == 2, let id = StreamID(text: cursor.contents(try cursor.bulk())) else {
                throw .malformed
            }
            let count = try cursor.array()
            guard count.isMultiple(of: 2) else { throw .malformed }
            visitor.stream(.entry(id, fieldCount: UInt64(count / 2), isDeleted: false))
            for index in 0..<count {
                cursor.contents(try cursor.bulk()).pass(index.isMultiple(of: 2) ? .field : .value, into: &visitor)
            }
        }
    }
}

/// An element of the answer to `XPENDING` with a range.
private struct PendingEntry {
    let id: StreamID
    let owner: ByteBuffer
    let idle: Int64
    let deliveries: Int64
}

extension ReplyCursor {
    @_lifetime(self: copy self)
    fileprivate mutating func pendingEntries() throws(BigValueError) -> [PendingEntry] {
        var entries: [PendingEntry] = []
        for _ in 0..<(try array()) {
            guard try array() == 4, let id = StreamID(text: contents(try bulk())) else { throw .malformed }
            let owner = ByteBuffer(bytes: contents(try bulk()).array)
            entries.append(PendingEntry(id: id, owner: owner, idle: try integer(), deliveries: try integer()))
        }
        return entries
    }
}

// MARK: - Events

extension StreamEvent {
    @_lifetime(immortal)
    fileprivate static func pending(_ pending: BigStreamState.Pending) -> StreamEvent {
        .pending(pending.id, deliveryTime: pending.deliveryTime, deliveryCount: pending.deliveryCount)
    }
}

extension BigStreamState.Group {
    fileprivate func passHead<V: ValueVisitor & ~Copyable>(into visitor: inout V) {
        visitor.stream(.group(name: name.readableBytesSpan, lastID: lastID, entriesRead: entriesRead))
    }
}

extension BigStreamState.Consumer {
    /// The consumer and those of its IDs that are known.
    fileprivate func pass<V: ValueVisitor & ~Copyable>(into visitor: inout V) {
        visitor.stream(.consumer(name: name.readableBytesSpan, seenTime: seenTime, activeTime: activeTime))
        for id in owned { visitor.stream(.owned(id)) }
    }
}

extension BigStreamState.Idempotence {
    fileprivate func pass<V: ValueVisitor & ~Copyable>(into visitor: inout V) {
        visitor.stream(.idempotence(duration: duration, maximum: maximum))
        visitor.stream(.idempotenceCounters(added: added, duplicates: duplicates))
    }
}
