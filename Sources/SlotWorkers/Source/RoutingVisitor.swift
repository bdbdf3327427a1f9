internal import RDBParser

/// Hands what an RDB stream holds to the router of its reader.
struct RoutingVisitor: RDBVisitor {
    var router: KeyRouter
    /// Takes the value that comes in elements.
    private var big: BigValueSink?
    /// Sources of function libraries.
    var functions: [[UInt8]] = []

    init(router: KeyRouter) { self.router = router }

    mutating func header(_ version: RDBVersion) { router.read(version: version) }

    mutating func auxiliary(name: RawSpan, value: RawSpan) {}

    mutating func database(_ index: UInt64) { router.select(Int(clamping: index)) }

    mutating func sizes(keys: UInt64, expiries: UInt64) {}

    mutating func function(_ code: RawSpan) { functions.append(code.array) }

    mutating func record(_ record: borrowing RDBRecord) {
        var eviction: EvictionHint?
        if let idle = record.idleSeconds { eviction = .idle(idle) }
        if let frequency = record.frequency { eviction = .frequency(frequency) }
        router.take(
            key: record.key, type: record.type, value: record.value, expiry: record.expiry, eviction: eviction)
    }
}

extension RoutingVisitor: LargeRecordVisitor {
    mutating func beginRecord(_ record: borrowing RDBRecord) {
        big = router.take(bigKey: record.key, type: record.type, expiry: record.expiry)
    }

    mutating func begin(_ kind: ValueKind, count: UInt64?) { big?.begin(kind, count: count) }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        router.tally.bytes += piece.byteCount
        big?.bytes(piece, of: part, length: length, isLast: isLast)
    }

    mutating func score(_ score: Double) { big?.score(score) }

    mutating func expiry(_ milliseconds: Int64) { big?.expiry(milliseconds) }

    mutating func stream(_ event: borrowing StreamEvent) { big?.stream(event) }

    mutating func module(_ event: ModuleEvent) { big?.module(event) }

    mutating func end() {
        big?.end()
        big?.commit()
        big = nil
    }

    /// Nothing more comes: what is open is sent, but for a value that has not come to its end.
    mutating func finish() {
        if var open = big.take() { router.forget(&open) }
        router.flush()
    }
}
