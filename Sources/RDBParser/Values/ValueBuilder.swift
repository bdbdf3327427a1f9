/// Builds a `Value` from its elements.
struct ValueBuilder: ValueVisitor {
    private(set) var value = Value.string([])
    private var kind = ValueKind.string
    /// The string that comes in pieces.
    private var string: [UInt8] = []
    private var strings: [[UInt8]] = []
    private var scored: [ScoredMember] = []
    private var fields: [HashField] = []
    private var stream = StreamValue()
    private var isInDeletedEntry = false
    private var module = ModuleValue(type: ModuleType(id: 0))

    mutating func begin(_ kind: ValueKind, count: UInt64?) { self.kind = kind }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        unsafe piece.withUnsafeBytes { buffer in
            // SAFETY: the buffer is only read within the closure.
            unsafe string.append(contentsOf: buffer)
        }
        guard isLast else { return }
        let whole = string
        string = []
        switch (kind, part) {
        case (.string, _): value = .string(whole)
        case (.sortedSet, _): scored.append(ScoredMember(member: whole, score: 0))
        case (.hash, .field): fields.append(HashField(field: whole, value: []))
        case (.hash, _): fields[fields.count - 1].value = whole
        case (.stream, _): if !isInDeletedEntry { stream.entries[stream.entries.count - 1].fields.append(whole) }
        case (.module, _): module.fields.append(.string(whole))
        case (.list, _), (.set, _): strings.append(whole)
        }
    }

    mutating func score(_ score: Double) { scored[scored.count - 1].score = score }

    mutating func expiry(_ milliseconds: Int64) { fields[fields.count - 1].expiry = milliseconds }

    mutating func stream(_ event: borrowing StreamEvent) {
        let group = stream.groups.count - 1
        switch copy event {
        case .entry(let id, _, let isDeleted):
            isInDeletedEntry = isDeleted
            if !isDeleted { stream.entries.append(.init(id: id)) }
        case .metadata(let metadata):
            stream.metadata = metadata
        case .group(let name, let lastID, let entriesRead):
            stream.groups.append(.init(name: Array(copying: name), lastID: lastID, entriesRead: entriesRead))
        case .pending(let id, let time, let count):
            stream.groups[group].pending.append(.init(id: id, deliveryTime: time, deliveryCount: count))
        case .consumer(let name, let seen, let active):
            stream.groups[group].consumers.append(
                .init(name: Array(copying: name), seenTime: seen, activeTime: active))
        case .owned(let id):
            stream.groups[group].consumers[stream.groups[group].consumers.count - 1].owned.append(id)
        case .idempotence(let duration, let maximum):
            stream.idempotence = .init(duration: duration, maximum: maximum)
        case .producer(let name):
            stream.idempotence?.producers.append(.init(name: Array(copying: name)))
        case .producerID(let id, let entry):
            let producer = (stream.idempotence?.producers.count ?? 0) - 1
            stream.idempotence?.producers[producer].ids.append(.init(id: Array(copying: id), entry: entry))
        case .idempotenceCounters(let added, let duplicates):
            stream.idempotence?.added = added
            stream.idempotence?.duplicates = duplicates
        }
    }

    mutating func module(_ event: ModuleEvent) {
        switch event {
        case .type(let type): module.type = type
        case .signed(let number): module.fields.append(.signed(number))
        case .unsigned(let number): module.fields.append(.unsigned(number))
        case .float(let number): module.fields.append(.float(number.bitPattern))
        case .double(let number): module.fields.append(.double(number.bitPattern))
        }
    }

    mutating func end() {
        switch kind {
        case .string: break
        case .list: value = .list(strings)
        case .set: value = .set(strings.sorted(by: ascending))
        case .sortedSet:
            value = .sortedSet(
                scored.sorted { $0.score == $1.score ? ascending($0.member, $1.member) : $0.score < $1.score })
        case .hash: value = .hash(fields.sorted { ascending($0.field, $1.field) })
        case .stream:
            // The servers keep them in trees, ordered by name.
            for index in stream.groups.indices {
                stream.groups[index].consumers.sort { ascending($0.name, $1.name) }
            }
            stream.groups.sort { ascending($0.name, $1.name) }
            stream.idempotence?.producers.sort { ascending($0.name, $1.name) }
            value = .stream(stream)
        case .module: value = .module(module)
        }
    }
}

private func ascending(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.lexicographicallyPrecedes(right) }

extension Array where Element == UInt8 {
    /// A copy of borrowed bytes.
    init(copying bytes: RawSpan) {
        // SAFETY: the buffer is only read within the closure.
        self = unsafe bytes.withUnsafeBytes { buffer in unsafe Array(buffer) }
    }
}
