internal import RDBParser

/// Hands what an RDB stream holds to the router of its reader.
struct RoutingVisitor: RDBVisitor {
    var router: KeyRouter
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
