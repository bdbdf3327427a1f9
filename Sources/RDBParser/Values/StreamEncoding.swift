extension StreamValue {
    /// How many entries, and about how many bytes, a node takes: the servers' defaults.
    private static let nodeEntries = 100
    private static let nodeBytes = 4096

    /// Appends the stream in the layout of a target.
    ///
    /// What the source did not know is made up as servers do it: entries added is the length, a consumer was active when
    /// it was seen.
    func encode(
        for target: TargetFormat, into output: inout [UInt8]
    ) -> (type: UInt8, losing: Conversion.Loss?) {
        let number = target.version.number
        let takesIdempotence = target.version.family == .redis && number >= 13
        encodeNodes(into: &output)
        RDBWriter.appendLength(UInt64(entries.count), to: &output)
        append(metadata.lastID, to: &output)
        if number >= 10 {
            let history =
                metadata.history
                ?? .init(
                    firstID: entries.first?.id ?? StreamID(0, 0), greatestDeletedID: StreamID(0, 0),
                    entriesAdded: UInt64(entries.count))
            append(history.firstID, to: &output)
            append(history.greatestDeletedID, to: &output)
            RDBWriter.appendLength(history.entriesAdded, to: &output)
        }
        RDBWriter.appendLength(UInt64(groups.count), to: &output)
        for group in groups { encode(group, number, into: &output) }
        guard let idempotence else { return (number < 10 ? 15 : number < 11 ? 19 : 21, nil) }
        if takesIdempotence {
            encode(idempotence, into: &output)
            return (26, nil)
        }
        return (number < 10 ? 15 : number < 11 ? 19 : 21, idempotence.isDefault ? nil : .idempotence)
    }

    // MARK: - Nodes

    private func encodeNodes(into output: inout [UInt8]) {
        var nodes: [(id: StreamID, listpack: [UInt8])] = []
        var index = 0
        while index < entries.count {
            let first = entries[index]
            var body: [Entry] = []
            var size = 0
            while index < entries.count, body.count < StreamValue.nodeEntries,
                body.isEmpty || size < StreamValue.nodeBytes
            {
                body.append(entries[index])
                size += entries[index].fields.reduce(0) { $0 + $1.count + 2 }
                index += 1
            }
            nodes.append((first.id, node(of: body, id: first.id)))
        }
        RDBWriter.appendLength(UInt64(nodes.count), to: &output)
        for node in nodes {
            output.append(16)
            RDBWriter.appendBigEndian(node.id.milliseconds, to: &output)
            RDBWriter.appendBigEndian(node.id.sequence, to: &output)
            RDBWriter.appendString(node.listpack, to: &output)
        }
    }

    /// See `StreamNode` for the layout.
    private func node(of entries: [Entry], id: StreamID) -> [UInt8] {
        var writer = ListpackWriter()
        let names = entries.first.map(\.names) ?? []
        for number in [entries.count, 0, names.count] { writer.append(Int64(number)) }
        for name in names { writer.append(name) }
        writer.append(0)
        for entry in entries {
            let hasNodeFields = entry.names == names
            writer.append(hasNodeFields ? 2 : 0)
            writer.append(Int64(bitPattern: entry.id.milliseconds &- id.milliseconds))
            writer.append(Int64(bitPattern: entry.id.sequence &- id.sequence))
            if hasNodeFields {
                for index in stride(from: 1, to: entry.fields.count, by: 2) { writer.append(entry.fields[index]) }
                writer.append(Int64(names.count + 3))
            } else {
                writer.append(Int64(entry.fields.count / 2))
                for field in entry.fields { writer.append(field) }
                writer.append(Int64(entry.fields.count + 4))
            }
        }
        return writer.finished()
    }

    // MARK: - What stands behind the nodes

    private func append(_ id: StreamID, to output: inout [UInt8]) {
        RDBWriter.appendLength(id.milliseconds, to: &output)
        RDBWriter.appendLength(id.sequence, to: &output)
    }

    private func appendWhole(_ id: StreamID, to output: inout [UInt8]) {
        RDBWriter.appendBigEndian(id.milliseconds, to: &output)
        RDBWriter.appendBigEndian(id.sequence, to: &output)
    }

    private func encode(_ group: Group, _ number: Int, into output: inout [UInt8]) {
        RDBWriter.appendString(group.name, to: &output)
        append(group.lastID, to: &output)
        if number >= 10 { RDBWriter.appendLength(UInt64(bitPattern: group.entriesRead ?? -1), to: &output) }
        RDBWriter.appendLength(UInt64(group.pending.count), to: &output)
        for pending in group.pending {
            appendWhole(pending.id, to: &output)
            RDBWriter.appendLittleEndian(pending.deliveryTime, to: &output)
            RDBWriter.appendLength(pending.deliveryCount, to: &output)
        }
        RDBWriter.appendLength(UInt64(group.consumers.count), to: &output)
        for consumer in group.consumers {
            RDBWriter.appendString(consumer.name, to: &output)
            RDBWriter.appendLittleEndian(consumer.seenTime, to: &output)
            if number >= 11 { RDBWriter.appendLittleEndian(consumer.activeTime ?? consumer.seenTime, to: &output) }
            RDBWriter.appendLength(UInt64(consumer.owned.count), to: &output)
            for id in consumer.owned { appendWhole(id, to: &output) }
        }
    }

    private func encode(_ idempotence: Idempotence, into output: inout [UInt8]) {
        RDBWriter.appendLength(idempotence.duration, to: &output)
        RDBWriter.appendLength(idempotence.maximum, to: &output)
        RDBWriter.appendLength(UInt64(idempotence.producers.count), to: &output)
        for producer in idempotence.producers {
            RDBWriter.appendString(producer.name, to: &output)
            RDBWriter.appendLength(UInt64(producer.ids.count), to: &output)
            for id in producer.ids {
                RDBWriter.appendString(id.id, to: &output)
                append(id.entry, to: &output)
            }
        }
        RDBWriter.appendLength(idempotence.added, to: &output)
        RDBWriter.appendLength(idempotence.duplicates, to: &output)
    }
}

extension StreamValue.Entry {
    /// The fields without their values.
    fileprivate var names: [[UInt8]] { stride(from: 0, to: fields.count, by: 2).map { fields[$0] } }
}

extension StreamValue.Idempotence {
    /// Whether it says nothing that a stream without it would not say.
    fileprivate var isDefault: Bool {
        (duration, maximum, added, duplicates) == (100, 100, 0, 0) && producers.isEmpty
    }
}
