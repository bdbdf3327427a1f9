internal import NIOConcurrencyHelpers
internal import RDBParser
internal import RESP
internal import SlotWorkers

/// Keys that a further reading looks at one by one: part of the differing buckets, so that memory is bounded.
struct KeyPortion: Sendable {
    let buckets: BucketSet
    let range: Range<UInt32>
    let sample: SampleFilter
    /// Taken whatever their bucket is.
    let named: Set<KeyName>
    /// Where the keys are that are wanted.
    let slots: SlotSet

    func takes(_ key: RawSpan, database: Int, at place: KeyPlace) -> Bool {
        if range.contains(place.bucket), buckets.contains(place), sample.takes(place) { return true }
        return !named.isEmpty && named.contains(KeyName(database: database, key: [UInt8](copying: key)))
    }
}

/// What the readings of a portion found, by key.
struct PortionReadings: Sendable {
    private var keys: [KeyName: (source: KeyReading?, target: KeyReading?)] = [:]

    /// By database and name, so that a report of the same data is the same.
    var sorted: [(name: KeyName, found: (source: KeyReading?, target: KeyReading?))] {
        keys.map { (name: $0.key, found: $0.value) }.sorted { first, second in
            first.name.database == second.name.database
                ? first.name.key.lexicographicallyPrecedes(second.name.key)
                : first.name.database < second.name.database
        }
    }

    /// A key that is to be looked at whether or not it is found.
    mutating func name(_ name: KeyName) { keys[name, default: (nil, nil)] = (nil, nil) }

    /// A key that comes twice on a side counts once.
    mutating func note(_ reading: KeyReading, of name: KeyName, on side: ComparedSide) {
        switch side {
        case .source: keys[name, default: (nil, nil)].source = reading
        case .target: keys[name, default: (nil, nil)].target = reading
        }
    }
}

/// Takes the keys of one reader in a further reading: digests of the single values of a portion.
final class PortionConsumer: KeyConsumer {
    private let side: ComparedSide
    private let portion: KeyPortion
    private let digester: KeyDigester
    private var readings: NIOLockedValueBox<PortionReadings>?
    private var found: [(name: KeyName, reading: KeyReading)] = []
    /// The key whose value comes in elements.
    private var large: (name: KeyName, expiry: Int64?)?
    private static let mostFound = 1024

    init(
        _ side: ComparedSide, _ portion: KeyPortion, seed: RunSeed, scope: ComparisonScope,
        into readings: NIOLockedValueBox<PortionReadings>
    ) throws {
        self.side = side
        self.portion = portion
        self.readings = readings
        digester = try KeyDigester(seed: seed, scope: scope)
    }

    func wants(name: RawSpan, database: Int) -> Bool {
        portion.takes(name, database: database, at: digester.place(database: database, key: name))
    }

    func take(_ key: RawSpan, database: Int, type: UInt8, value: RawSpan, version: RDBVersion, expiry: Int64?) {
        guard wants(name: key, database: database) else { return }
        var reading = KeyReading(.unreadable)
        if let value = try? digester.value(type: type, value: value, version: version) {
            reading = KeyReading(.present(value, expiry: expiry))
        }
        note(reading, of: KeyName(database: database, key: [UInt8](copying: key)))
    }

    private func note(_ reading: KeyReading, of name: KeyName) {
        found.append((name, reading))
        if found.count >= Self.mostFound { flush() }
    }

    func beginLarge(_ key: RawSpan, database: Int, expiry: Int64?) -> Bool {
        guard wants(name: key, database: database) else { return false }
        large = (KeyName(database: database, key: [UInt8](copying: key)), expiry)
        digester.beginValue()
        return true
    }

    func endLarge() {
        guard let (name, expiry) = large else { return }
        large = nil
        note(KeyReading(.present(digester.finishValue(), expiry: expiry)), of: name)
    }

    func forgetLarge() { large = nil }

    func fail(_ key: RawSpan, database: Int, _ reason: String) {
        note(KeyReading(.unreadable), of: KeyName(database: database, key: [UInt8](copying: key)))
    }

    func flush() {
        guard !found.isEmpty else { return }
        readings?.withLockedValue { readings in
            for (name, reading) in found { readings.note(reading, of: name, on: side) }
        }
        found.removeAll(keepingCapacity: true)
    }

    func finish() {
        flush()
        readings = nil
    }

    // MARK: Elements

    func begin(_ kind: ValueKind, count: UInt64?) { digester.begin(kind, count: count) }
    func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        digester.bytes(piece, of: part, length: length, isLast: isLast)
    }
    func score(_ score: Double) { digester.score(score) }
    func expiry(_ milliseconds: Int64) { digester.expiry(milliseconds) }
    func stream(_ event: borrowing StreamEvent) { digester.stream(event) }
    func module(_ event: ModuleEvent) { digester.module(event) }
    func end() { digester.end() }
}
