package import RDBParser

/// Where the writing of a stream stands.
struct StreamTextState {
    enum Phase { case entries, groups, producers }

    /// An entry that is pending in a group, until it is known who owns it.
    struct Pending {
        let id: StreamID
        let deliveryTime: Int64
        let deliveryCount: UInt64
        /// Index into the group's consumers; −1 while it is not known.
        var owner: Int32 = -1
    }

    var phase = Phase.entries
    var isEntryOpen = false
    var isInDeletedEntry = false
    var isGroupOpen = false
    /// Ascending by ID, as they come.
    var pending: [Pending] = []
    var consumers: [[UInt8]] = []
    /// Pending entries of the consumer that came last.
    var owned: UInt64 = 0
    var isProducerOpen = false
}

/// Streams as JSON: what a group's consumers own comes behind its pending entries, so these are held until then.
extension JSONLinesWriter {
    package mutating func stream(_ event: borrowing StreamEvent) {
        switch copy event {
        case .entry(let id, _, let isDeleted):
            closeEntry()
            value.stream.isInDeletedEntry = isDeleted
            if isDeleted { return }
            separate()
            output.append("[\"")
            append(id)
            output.append("\",[")
            value.stream.isEntryOpen = true
            value.isFirst = true
        case .metadata(let metadata): write(metadata)
        case .group(let name, let lastID, let entriesRead):
            closeGroup()
            separate()
            output.append(#"{"name":"#)
            writeString(name)
            output.append(#","last_delivered_id":""#)
            append(lastID)
            output.append(#"","entries_read":"#)
            if let entriesRead { output.append(decimal: entriesRead) } else { output.append("null") }
            output.append(#","consumers":["#)
            value.stream.isGroupOpen = true
        case .pending(let id, let time, let count):
            value.stream.pending.append(.init(id: id, deliveryTime: time, deliveryCount: count))
        case .consumer(let name, let seen, let active): write(consumer: name, seen, active)
        case .owned(let id): own(id)
        case .idempotence(let duration, let maximum):
            closeGroup()
            value.stream.phase = .producers
            value.isFirst = true
            output.append(#"],"idmp":{"duration":"#)
            output.append(decimal: duration)
            output.append(#","maxsize":"#)
            output.append(decimal: maximum)
            output.append(#","producers":["#)
        case .producer(let name):
            closeProducer()
            separate()
            output.append(#"{"pid":"#)
            writeString(name)
            output.append(#","iids":["#)
            value.isFirst = true
            value.stream.isProducerOpen = true
        case .producerID(let id, let entry):
            separate()
            output.append(byte: UInt8(ascii: "["))
            writeString(id)
            output.append(",\"")
            append(entry)
            output.append("\"]")
        case .idempotenceCounters(let added, let duplicates):
            closeProducer()
            output.append(#"],"iids_added":"#)
            output.append(decimal: added)
            output.append(#","iids_duplicates":"#)
            output.append(decimal: duplicates)
            output.append("}}")
        }
    }

    mutating func endStream() {
        if value.stream.phase == .producers { return }
        closeGroup()
        output.append("]}")
    }

    private mutating func append(_ id: StreamID) {
        output.append(decimal: id.milliseconds)
        output.append(byte: UInt8(ascii: "-"))
        output.append(decimal: id.sequence)
    }

    private mutating func closeEntry() {
        guard value.stream.isEntryOpen else { return }
        value.stream.isEntryOpen = false
        output.append("]]")
        value.isFirst = false
    }

    private mutating func write(_ metadata: StreamMetadata) {
        closeEntry()
        value.stream.isInDeletedEntry = false
        value.stream.phase = .groups
        value.isFirst = true
        output.append(#"],"length":"#)
        output.append(decimal: metadata.length)
        output.append(#","last_id":""#)
        append(metadata.lastID)
        if let history = metadata.history {
            output.append(#"","max_deleted_entry_id":""#)
            append(history.greatestDeletedID)
            output.append(#"","entries_added":"#)
            output.append(decimal: history.entriesAdded)
            output.append(#","recorded_first_entry_id":""#)
            append(history.firstID)
        }
        output.append(#"","groups":["#)
    }

    private mutating func write(consumer name: RawSpan, _ seen: Int64, _ active: Int64?) {
        closeConsumer()
        if !value.stream.consumers.isEmpty { output.append(byte: UInt8(ascii: ",")) }
        value.stream.consumers.append(Array(copying: name))
        output.append(#"{"name":"#)
        writeString(name)
        output.append(#","seen_time":"#)
        output.append(decimal: seen)
        output.append(#","active_time":"#)
        if let active { output.append(decimal: active) } else { output.append("null") }
    }

    private mutating func closeConsumer() {
        guard !value.stream.consumers.isEmpty else { return }
        output.append(#","pel_count":"#)
        output.append(decimal: value.stream.owned)
        output.append(byte: UInt8(ascii: "}"))
        value.stream.owned = 0
    }

    /// The consumer that came last owns a pending entry.
    private mutating func own(_ id: StreamID) {
        value.stream.owned += 1
        var (low, high) = (0, value.stream.pending.count)
        while low < high {
            let middle = (low + high) / 2
            if value.stream.pending[middle].id < id { low = middle + 1 } else { high = middle }
        }
        if low < value.stream.pending.count, value.stream.pending[low].id == id {
            value.stream.pending[low].owner = Int32(clamping: value.stream.consumers.count - 1)
        }
    }

    private mutating func closeGroup() {
        guard value.stream.isGroupOpen else { return }
        closeConsumer()
        output.append(#"],"pending":"#)
        output.append(decimal: UInt64(value.stream.pending.count))
        output.append(#","pel":["#)
        for (index, pending) in value.stream.pending.enumerated() {
            output.append(index == 0 ? "[\"" : ",[\"")
            append(pending.id)
            output.append("\",")
            if pending.owner >= 0 {
                let name = value.stream.consumers[Int(pending.owner)]
                // SAFETY: the bytes of integers are all initialized.
                unsafe writeString(name.span.bytes)
            } else {
                output.append("\"\"")
            }
            output.append(byte: UInt8(ascii: ","))
            output.append(decimal: pending.deliveryTime)
            output.append(byte: UInt8(ascii: ","))
            output.append(decimal: pending.deliveryCount)
            output.append(byte: UInt8(ascii: "]"))
        }
        output.append("]}")
        value.stream.pending = []
        value.stream.consumers = []
        value.stream.isGroupOpen = false
        value.isFirst = false
    }

    private mutating func closeProducer() {
        guard value.stream.isProducerOpen else { return }
        value.stream.isProducerOpen = false
        output.append("]}")
        value.isFirst = false
    }
}
