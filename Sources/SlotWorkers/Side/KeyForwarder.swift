internal import RDBParser

/// Hands the keys of a reader to a consumer of the floor above, but for those that the filter leaves out and our own.
struct KeyForwarder: KeyTaker {
    private let consumer: any KeyConsumer
    private let filter: KeyFilter
    private let takesAll: Bool
    private var database = 0
    private var version: RDBVersion?
    var tally = Tally()

    init(consumer: any KeyConsumer, filter: KeyFilter) {
        self.consumer = consumer
        self.filter = filter
        takesAll = filter.takesAll
    }

    mutating func read(version: RDBVersion) { self.version = version }

    mutating func select(_ database: Int) { self.database = database }

    private mutating func admits(_ key: RawSpan, type: UInt8, bytes: Int) -> Bool {
        if TemporaryKey.isOurs(key) { return false }
        tally.read += 1
        tally.bytes += bytes
        if takesAll || filter.takes(database: database, key: key, rdbType: type) { return true }
        tally.filtered += 1
        return false
    }

    mutating func take(key: RawSpan, type: UInt8, value: RawSpan, expiry: Int64?, eviction: EvictionHint?) {
        guard let version, admits(key, type: type, bytes: key.byteCount + value.byteCount) else { return }
        consumer.take(key, database: database, type: type, value: value, version: version, expiry: expiry)
    }

    mutating func take(bigKey key: RawSpan, type: UInt8, expiry: Int64?) -> ForwardedValue? {
        guard admits(key, type: type, bytes: key.byteCount),
            consumer.beginLarge(key, database: database, expiry: expiry)
        else { return nil }
        return ForwardedValue(consumer: consumer)
    }

    mutating func commit(_ value: inout ForwardedValue) { value.consumer.endLarge() }

    mutating func forget(_ value: inout ForwardedValue) {
        tally.read -= 1
        value.consumer.forgetLarge()
    }

    mutating func wants(name key: RawSpan, database: Int) -> Bool {
        if TemporaryKey.isOurs(key) { return false }
        if takesAll || filter.takes(name: key, database: database) {
            if consumer.wants(name: key, database: database) { return true }
        } else {
            tally.filtered += 1
        }
        tally.read += 1
        return false
    }

    mutating func fail(_ key: RawSpan, _ reason: String) {
        tally.read += 1
        tally.fail(CollectionOfOne(key.array), reason)
        consumer.fail(key, database: database, reason)
    }

    mutating func flush() { consumer.flush() }

    mutating func flushIfMuch() {}

    mutating func finish() { consumer.finish() }
}

/// Hands the elements of one large value to a consumer.
struct ForwardedValue: ValueVisitor {
    fileprivate(set) var consumer: any KeyConsumer
    /// Bytes of all strings so far.
    private(set) var byteCount = 0

    init(consumer: any KeyConsumer) { self.consumer = consumer }

    mutating func begin(_ kind: ValueKind, count: UInt64?) { consumer.begin(kind, count: count) }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        byteCount += piece.byteCount
        consumer.bytes(piece, of: part, length: length, isLast: isLast)
    }

    mutating func score(_ score: Double) { consumer.score(score) }
    mutating func expiry(_ milliseconds: Int64) { consumer.expiry(milliseconds) }
    mutating func stream(_ event: borrowing StreamEvent) { consumer.stream(event) }
    mutating func module(_ event: ModuleEvent) { consumer.module(event) }
    mutating func end() { consumer.end() }
}
