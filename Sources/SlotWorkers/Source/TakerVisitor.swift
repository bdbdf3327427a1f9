internal import RDBParser

/// Hands what an RDB stream holds to the taker of its reader.
struct TakerVisitor<Taker: KeyTaker>: RDBVisitor {
    var taker: Taker
    /// Takes the value that comes in elements.
    private var large: Taker.LargeValue?
    /// Sources of function libraries.
    var functions: [[UInt8]] = []

    init(taker: Taker) { self.taker = taker }

    mutating func header(_ version: RDBVersion) { taker.read(version: version) }

    mutating func auxiliary(name: RawSpan, value: RawSpan) {}

    mutating func database(_ index: UInt64) { taker.select(Int(clamping: index)) }

    mutating func sizes(keys: UInt64, expiries: UInt64) {}

    mutating func function(_ code: RawSpan) { functions.append(code.array) }

    mutating func record(_ record: borrowing RDBRecord) {
        var eviction: EvictionHint?
        if let idle = record.idleSeconds { eviction = .idle(idle) }
        if let frequency = record.frequency { eviction = .frequency(frequency) }
        taker.take(
            key: record.key, type: record.type, value: record.value, expiry: record.expiry, eviction: eviction)
    }
}

extension TakerVisitor: LargeRecordVisitor {
    mutating func beginRecord(_ record: borrowing RDBRecord) {
        large = taker.take(bigKey: record.key, type: record.type, expiry: record.expiry)
    }

    mutating func begin(_ kind: ValueKind, count: UInt64?) { large?.begin(kind, count: count) }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        taker.tally.bytes += piece.byteCount
        large?.bytes(piece, of: part, length: length, isLast: isLast)
    }

    mutating func score(_ score: Double) { large?.score(score) }

    mutating func expiry(_ milliseconds: Int64) { large?.expiry(milliseconds) }

    mutating func stream(_ event: borrowing StreamEvent) { large?.stream(event) }

    mutating func module(_ event: ModuleEvent) { large?.module(event) }

    mutating func end() {
        guard var value = large.take() else { return }
        value.end()
        taker.commit(&value)
    }

    /// Nothing more comes: a value that has not come to its end is forgotten.
    mutating func finish() {
        if var open = large.take() { taker.forget(&open) }
        taker.finish()
    }
}
