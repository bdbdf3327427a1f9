internal import NIOConcurrencyHelpers
internal import RDBParser
internal import SlotWorkers

/// Takes the keys of one reader in the first reading: adds their digests to the sums.
final class SummingConsumer: KeyConsumer {
    private let digester: KeyDigester
    private let sample: SampleFilter
    /// What time it is on the side, in milliseconds since 1970.
    private let time: Int64
    private let collected: NIOLockedValueBox<SideStatistics>
    private var table: DigestTable?
    private var batch: DigestBatch
    private var statistics = SideStatistics()
    /// The key whose value comes in elements.
    private var large: (database: Int, key: [UInt8], place: KeyPlace, expiry: Int64?)?

    /// - Parameter collected: Gets what was counted.
    init(
        _ side: ComparedSide, seed: RunSeed, scope: ComparisonScope, sample: SampleFilter, table: DigestTable,
        time: Int64, collected: NIOLockedValueBox<SideStatistics>
    ) throws {
        digester = try KeyDigester(seed: seed, scope: scope)
        self.sample = sample
        self.time = time
        self.collected = collected
        self.table = table
        batch = DigestBatch(side: side)
    }

    func wants(name: RawSpan, database: Int) -> Bool {
        sample.takesAll || sample.takes(digester.place(database: database, key: name))
    }

    func take(_ key: RawSpan, database: Int, type: UInt8, value: RawSpan, version: RDBVersion, expiry: Int64?) {
        let place = digester.place(database: database, key: key)
        if !sample.takesAll {
            note(key, database: database, type: type, bytes: UInt64(value.byteCount))
            guard sample.takes(place) else { return }
        }
        do throws(RDBError) {
            let record = try digester.record(
                database: database, key: key, expiry: expiry, type: type, value: value, version: version)
            count(record, key, database: database, place, expiry)
        } catch {
            statistics.countUnsupported(key, database: database)
        }
    }

    /// Looks at a key whether or not it is of the sample.
    private func note(_ key: RawSpan, database: Int, type: UInt8, bytes: UInt64) {
        guard let kind = ValueKind(type: type) else { return }
        statistics.countSeen(kind, bytes: bytes)
        guard statistics.largest.wants(bytes: bytes) else { return }
        let name = [UInt8](copying: key)
        statistics.largest.insert(bytes: bytes, database: database, key: name)
    }

    private func count(
        _ record: RecordDigest, _ key: RawSpan, database: Int, _ place: KeyPlace, _ expiry: Int64?
    ) {
        switch record.inclusion {
        case .included:
            statistics.count(record, lifetime: expiry.map { $0 - time })
            if batch.append(record.digest, at: place) { table?.apply(&batch) }
        case .expiring: statistics.countExpiring()
        case .unsupported: statistics.countUnsupported(key, database: database)
        }
    }

    // MARK: Large values

    func beginLarge(_ key: RawSpan, database: Int, expiry: Int64?) -> Bool {
        let place = digester.place(database: database, key: key)
        // All are read to their ends, for the largest of them are compared in any case.
        large = (database, [UInt8](copying: key), place, expiry)
        digester.beginRecord(database: database, key: key, expiry: expiry)
        return true
    }

    func endLarge() {
        guard let (database, key, place, expiry) = large else { return }
        large = nil
        let record = digester.finishRecord()
        if !sample.takesAll {
            statistics.countSeen(record.kind, bytes: record.bytes)
            statistics.largest.insert(bytes: record.bytes, database: database, key: key)
            guard sample.takes(place) else { return }
        }
        let name = key.span
        // SAFETY: every byte of an array of bytes is initialised.
        count(record, unsafe name.bytes, database: database, place, expiry)
    }

    func forgetLarge() { large = nil }

    func fail(_ key: RawSpan, database: Int, _ reason: String) {
        statistics.countUnsupported(key, database: database)
    }

    // MARK: The end

    func flush() {}

    func finish() {
        if !batch.isEmpty { table?.apply(&batch) }
        table = nil
        collected.withLockedValue { $0.add(statistics) }
        statistics = SideStatistics()
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
