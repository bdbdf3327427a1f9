/// What `docs/formats.md` says of a server, written down once more: the product's own table is what is tested.
struct ServerFormat: Sendable {
    let server: String

    init(_ server: String) { self.server = server }

    /// The RDB version in the footer of its payloads.
    var version: Int {
        switch server.split(separator: ".").prefix(2).joined(separator: ".") {
        case "redis-5.0", "redis-6.0", "redis-6.2": 9
        case "redis-7.0": 10
        case "redis-7.2", "valkey-8.0", "valkey-8.1": 11
        case "redis-7.4", "redis-8.0", "redis-8.2": 12
        case "redis-8.6": 13
        default: 80
        }
    }

    var knowsFieldExpiry: Bool { version >= 12 }
    var knowsFunctions: Bool { version >= 10 }
    /// Redis 8.6's encoding of vector sets, which only its own kind loads.
    var knowsVectorSets: Bool { version == 13 }

    /// What becomes of a key that has not expired.
    enum Fate: Hashable { case exact, lossy, unsupported }

    func fate(of value: NativeValue) -> Fate {
        switch value {
        case .vectorSet: knowsVectorSets ? .exact : .unsupported
        case .hash(let fields): knowsFieldExpiry || fields.allSatisfy { $0.expiry == nil } ? .exact : .lossy
        default: .exact
        }
    }

    /// What of a value a server can tell after it took it from another: what it cannot hold is left out.
    func visible(_ value: NativeValue, from source: ServerFormat) -> NativeValue {
        switch value {
        case .hash(let fields) where !knowsFieldExpiry:
            .hash(fields.map { NativeValue.HashField(field: $0.field, value: $0.value) })
        case .stream(let stream): .stream(visible(stream, from: source))
        default: value
        }
    }

    /// A value that a server tells, without what it made up itself.
    func comparable(_ value: NativeValue, from source: ServerFormat) -> NativeValue {
        guard case .stream(var stream) = value, source.version < 10 else { return value }
        // The first ID of an empty stream that never told one is the greatest there is, for every server.
        if stream.entries.isEmpty { stream.recordedFirstEntryId = nil }
        for group in stream.groups.indices { stream.groups[group].entriesRead = nil }
        return .stream(stream)
    }

    private func visible(_ stream: NativeStream, from source: ServerFormat) -> NativeStream {
        var stream = stream
        if version < 10 {
            stream.maxDeletedEntryId = nil
            stream.entriesAdded = nil
            stream.recordedFirstEntryId = nil
        } else if source.version < 10 {
            // Made up by the target: nothing was ever deleted.
            stream.maxDeletedEntryId = "0-0"
            stream.entriesAdded = stream.length
            stream.recordedFirstEntryId = stream.entries.first?.id
        }
        for group in stream.groups.indices {
            // A number that the target makes up from where the group stands is no matter of ours.
            if version < 10 || source.version < 10 { stream.groups[group].entriesRead = nil }
            for consumer in stream.groups[group].consumers.indices {
                let seen = stream.groups[group].consumers[consumer].seenTime
                if version < 11 {
                    stream.groups[group].consumers[consumer].activeTime = nil
                } else if source.version < 11 {
                    stream.groups[group].consumers[consumer].activeTime = seen
                }
            }
        }
        return stream
    }
}
