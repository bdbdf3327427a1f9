internal import RDBParser

/// What is known of a stream while its events come.
struct StreamHashing {
    /// What `outer` and `inner` are of.
    enum Phase {
        case entries, between, group, consumer, producer
    }

    var phase = Phase.entries
    var isInLiveEntry = false
    var entries = Digest128.zero

    var history: StreamMetadata.History?
    /// Of what each group has read.
    var entriesRead = Digest128.zero

    var groups = Digest128.zero
    var groupCount: UInt64 = 0
    var pendingCount: UInt64 = 0
    var consumers = Digest128.zero
    var consumerCount: UInt64 = 0

    var settings: (duration: UInt64, maximum: UInt64)?
    var producers = Digest128.zero
    var producerCount: UInt64 = 0
    var producerIDs = Digest128.zero
    var producerIDCount: UInt64 = 0
    var counters: (added: UInt64, duplicates: UInt64) = (0, 0)
}

/// Groups, consumers and producers are summed, since servers keep them in trees; entries and pending entries come in
/// the order of their IDs, which the decoder checks.
extension ValueHashing {
    mutating func hash(_ event: borrowing StreamEvent) {
        switch copy event {
        case .entry(let id, let fieldCount, let isDeleted):
            stream.isInLiveEntry = !isDeleted
            guard !isDeleted else { return }
            countEntry()
            outer.append(id.halves)
            outer.append(fieldCount)
        case .metadata(let metadata):
            stream.isInLiveEntry = false
            outer.append(metadata.length)
            stream.entries = outer.finish()
            outer.begin(.stream)
            outer.append(stream.entries)
            outer.append(metadata.lastID.halves)
            stream.entries = outer.finish()
            stream.history = metadata.history
            stream.phase = .between
        case .group(let name, let lastID, let entriesRead):
            finishPart()
            stream.phase = .group
            outer.begin(.group)
            outer.append(prefixed: name)
            outer.append(lastID.halves)
            inner.begin(.entriesRead)
            inner.append(prefixed: name)
            inner.append(UInt8(entriesRead == nil ? 0 : 1))
            inner.append(entriesRead ?? 0)
            stream.entriesRead &+= inner.finish()
            count(bytes: name.byteCount)
        case .pending(let id, let deliveryTime, let deliveryCount):
            stream.pendingCount += 1
            outer.append(id.halves)
            outer.append(deliveryTime)
            outer.append(deliveryCount)
        case .consumer(let name, _, _):
            finishConsumer()
            stream.phase = .consumer
            inner.begin(.consumer)
            inner.append(prefixed: name)
            count(bytes: name.byteCount)
        case .owned(let id):
            inner.append(id.halves)
        case .idempotence(let duration, let maximum):
            finishPart()
            stream.settings = (duration, maximum)
        case .producer(let name):
            finishPart()
            stream.phase = .producer
            outer.begin(.producer)
            outer.append(prefixed: name)
        case .producerID(let id, let entry):
            inner.begin(.producerID)
            inner.append(prefixed: id)
            inner.append(entry.halves)
            stream.producerIDs &+= inner.finish()
            stream.producerIDCount += 1
        case .idempotenceCounters(let added, let duplicates):
            finishPart()
            stream.counters = (added, duplicates)
        }
    }

    /// Ends what `outer` is of behind the entries.
    private mutating func finishPart() {
        switch stream.phase {
        case .entries, .between: break
        case .group, .consumer:
            finishConsumer()
            outer.append(stream.pendingCount)
            outer.append(stream.consumerCount)
            outer.append(stream.consumers)
            stream.groups &+= outer.finish()
            stream.groupCount += 1
            (stream.pendingCount, stream.consumerCount, stream.consumers) = (0, 0, .zero)
        case .producer:
            outer.append(stream.producerIDCount)
            outer.append(stream.producerIDs)
            stream.producers &+= outer.finish()
            stream.producerCount += 1
            (stream.producerIDCount, stream.producerIDs) = (0, .zero)
        }
        stream.phase = .between
    }

    private mutating func finishConsumer() {
        guard stream.phase == .consumer else { return }
        stream.consumers &+= inner.finish()
        stream.consumerCount += 1
        stream.phase = .group
    }

    mutating func finishStream() {
        finishPart()
        outer.begin(.collection)
        outer.append(ValueKind.stream.code)
        outer.append(stream.entries)
        outer.append(stream.groupCount)
        outer.append(stream.groups)
        let value = outer.finish()
        var history: Digest128?
        if let known = stream.history {
            outer.begin(.streamHistory)
            outer.append(known.entriesAdded)
            outer.append(known.greatestDeletedID.halves)
            outer.append(stream.entriesRead)
            history = outer.finish()
        }
        setStream(value: value, history: history, idempotence: idempotence())
    }

    /// Zero for what a server writes that was never told anything of producers, and for one that knows none.
    private mutating func idempotence() -> Digest128 {
        guard let settings = stream.settings,
            settings != (100, 100) || stream.producerCount > 0 || stream.counters != (0, 0)
        else { return .zero }
        outer.begin(.idempotence)
        outer.append((settings.duration, settings.maximum))
        outer.append((stream.counters.added, stream.counters.duplicates))
        outer.append(stream.producerCount)
        outer.append(stream.producers)
        return outer.finish()
    }
}

extension StreamID {
    fileprivate var halves: (UInt64, UInt64) { (milliseconds, sequence) }
}
