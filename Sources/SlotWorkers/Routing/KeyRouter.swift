internal import NIOCore
internal import RDBParser
internal import RESP

/// Takes a reader's keys: filter, slot, transformation, and into the open batch of the worker and primary that serve them.
///
/// One for each reader, used on the reader's loop alone. This is the hot path: no allocation for a key, and a value, so that
/// no access to its parts has to be checked at run time.
struct KeyRouter: KeyTaker {
    let plan: WritePlan
    private let takesAll: Bool
    private let replaces: Bool
    private let workers: [SlotWorker]
    /// `nil` in a dry run.
    private let bigValues: BigValues?
    private let pressure: BytePressure
    private let ledger: KeyLedger?
    private var table: RoutingTable
    private var needsSlot = false
    private var isCluster = false
    /// Batches that are being filled, by destination: `MSET`s, and everything else. Empty ones are not begun.
    private var grouped: [Batch] = []
    private var single: [Batch] = []
    private var stamps = StampTable()
    private(set) var version: RDBVersion?
    /// A value as it was converted; kept for its memory.
    var converted: [UInt8] = []
    private var database = 0
    private var targetDatabase: Int
    private var databaseIsThere: Bool

    /// The source's time in milliseconds, by which expiries are judged; the reader renews it with each chunk.
    var now: Int64
    var tally = Tally()

    /// Most bytes in open batches before all of them are sent, however many destinations there are.
    private static let mostOpenBytes = 4 << 20

    init(
        plan: WritePlan, table: RoutingTable, workers: [SlotWorker], bigValues: BigValues?, pressure: BytePressure,
        ledger: KeyLedger?, now: Int64
    ) {
        self.plan = plan
        self.table = table
        self.workers = workers
        self.bigValues = bigValues
        self.pressure = pressure
        self.ledger = ledger
        self.now = now
        takesAll = plan.filter.takesAll
        replaces = plan.onConflict == .replace
        targetDatabase = plan.targetDatabase(0)
        databaseIsThere = plan.targetHolds(0)
        use(table)
    }

    /// Follows a new layout of the target, between two chunks.
    mutating func follow(_ table: RoutingTable) {
        guard table.epoch != self.table.epoch else { return }
        flush()
        use(table)
    }

    private mutating func use(_ table: RoutingTable) {
        self.table = table
        needsSlot = table.needsSlot
        isCluster = table.isCluster
        grouped = Array(repeating: Batch(), count: table.destinations.count)
        single = grouped
    }

    /// The version of what comes next decides what its type bytes mean.
    mutating func read(version: RDBVersion) {
        guard version != self.version else { return }
        self.version = version
        stamps = StampTable(from: version, to: plan.format)
    }

    /// The database of the keys that come next.
    mutating func select(_ database: Int) {
        guard database != self.database else { return }
        flush()
        self.database = database
        targetDatabase = plan.targetDatabase(database)
        databaseIsThere = plan.targetHolds(database)
    }

    // MARK: Keys

    /// Takes one key.
    ///
    /// - Parameters:
    ///   - value: The raw value behind its type byte.
    ///   - expiry: Absolute milliseconds; `nil` for none.
    mutating func take(key: RawSpan, type: UInt8, value: RawSpan, expiry: Int64?, eviction: EvictionHint?) {
        guard admits(key, type: type, expiry: expiry, bytes: key.byteCount + value.byteCount) else { return }
        let stamp = stamps[type]
        guard stamp > 0 else {
            return convert(key: key, type: type, value: value, expiry: expiry, eviction: eviction)
        }
        if plan.checksValues, type != 0, !isSound(key: key, type: type, value: value) { return }
        write(key: key, type: type, value: value, stamp: stamp, expiry: expiry, eviction: eviction)
    }

    /// Whether a key is to be written. All are counted, and one that is not has its outcome.
    @inline(__always)
    private mutating func admits(_ key: RawSpan, type: UInt8, expiry: Int64?, bytes: Int) -> Bool {
        // What another run of ours left behind is no key of the user's.
        if TemporaryKey.isOurs(key) { return false }
        tally.read += 1
        tally.bytes += bytes
        if !takesAll, !plan.filter.takes(database: database, key: key, rdbType: type) {
            tally.filtered += 1
            return false
        }
        if let expiry, expiry <= now {
            tally.expired += 1
            return false
        }
        if let ledger { ledger.record(database: targetDatabase, key: key) }
        guard databaseIsThere else {
            failForDatabase(key)
            return false
        }
        return true
    }

    /// Takes one key whose value comes in elements.
    ///
    /// - Returns: Who takes them; `nil` when the key has its outcome already.
    mutating func take(bigKey key: RawSpan, type: UInt8, expiry: Int64?) -> BigValueSink? {
        guard admits(key, type: type, expiry: expiry, bytes: key.byteCount) else { return nil }
        guard let bigValues else {
            tally.copied += 1
            return nil
        }
        var sink = BigValueSink(
            bigValues.begin(key.array, database: targetDatabase), format: plan.format, onLossy: plan.onLossy,
            now: now)
        sink.expiry = expiry
        return sink
    }

    mutating func commit(_ sink: inout BigValueSink) { sink.commit() }

    /// A key whose value did not come to its end was not read.
    mutating func forget(_ sink: inout BigValueSink) {
        sink.leave(.abandoned)
        tally.read -= 1
    }

    /// Writes a value that the target takes, under a version that it takes.
    mutating func write(
        key: RawSpan, type: UInt8, value: RawSpan, stamp: UInt16, expiry: Int64?, eviction: EvictionHint?
    ) {
        if plan.isDryRun {
            tally.copied += 1
            return
        }
        var slot: UInt16?
        var destination = 0
        if needsSlot {
            let hash = HashSlot(key: key)
            slot = isCluster ? hash.rawValue : nil
            destination = table.destination(of: hash)
        }
        let hint = eviction.flatMap(usable)
        if type == 0, hint == nil, write(string: value, of: key, expiry: expiry, slot: slot, to: destination) { return }
        if single[destination].isEmpty { single[destination] = newBatch(destination) }
        single[destination].restore(
            key, type: type, value: value, version: stamp, expiry: expiry, replace: replaces, eviction: hint)
        if single[destination].byteCount >= plan.batchBytes { send(&single[destination]) }
    }

    /// Writes a string by `SET` or `MSET` where that is exact and cheaper.
    ///
    /// - Returns: `false` for a compressed one, which the target expands itself.
    @inline(__always)
    private mutating func write(
        string value: RawSpan, of key: RawSpan, expiry: Int64?, slot: UInt16?, to destination: Int
    ) -> Bool {
        if expiry != nil, !plan.setTakesExpiry { return false }
        switch RDBString.read(value) {
        case .raw(let text): write(text: text, of: key, expiry: expiry, slot: slot, to: destination)
        case .integer(let number):
            write(text: DecimalText(number).bytes, of: key, expiry: expiry, slot: slot, to: destination)
        case .compressed, nil: return false
        }
        return true
    }

    private mutating func write(text: RawSpan, of key: RawSpan, expiry: Int64?, slot: UInt16?, to destination: Int) {
        if expiry == nil, plan.keysComeOnce, replaces, key.byteCount + text.byteCount <= Batch.largestGroupedKey {
            if grouped[destination].isEmpty { grouped[destination] = newBatch(destination) }
            grouped[destination].group(key, text, slot: slot)
            if grouped[destination].byteCount >= plan.batchBytes { send(&grouped[destination]) }
        } else {
            if single[destination].isEmpty { single[destination] = newBatch(destination) }
            single[destination].set(key, to: text, expiry: expiry, onlyIfAbsent: !replaces)
            if single[destination].byteCount >= plan.batchBytes { send(&single[destination]) }
        }
    }

    private func usable(_ hint: EvictionHint) -> EvictionHint? {
        switch (hint, plan.eviction) {
        case (.idle, .idle), (.frequency, .frequency): hint
        default: nil
        }
    }

    // MARK: Keys that are not written

    private mutating func failForDatabase(_ key: RawSpan) {
        failed(key, "the target has no database \(targetDatabase)")
    }

    mutating func failed(_ key: RawSpan, _ reason: String) {
        tally.fail(CollectionOfOne(key.array), reason)
    }

    mutating func refuse(_ key: RawSpan, _ reason: String) {
        tally.refuse(key, reason)
    }

    /// Whether a key that was only named so far is worth reading. One that is not is counted.
    mutating func wants(name key: RawSpan, database: Int) -> Bool {
        if takesAll || plan.filter.takes(name: key, database: database) { return true }
        tally.read += 1
        tally.filtered += 1
        return false
    }

    /// Counts a key that the source could not give.
    mutating func fail(_ key: RawSpan, _ reason: String) {
        tally.read += 1
        ledger?.record(database: targetDatabase, key: key)
        tally.fail(CollectionOfOne(key.array), reason)
    }

    // MARK: Batches

    private func newBatch(_ destination: Int) -> Batch {
        let worker = workers[table.destinations[destination].worker]
        return Batch(
            database: targetDatabase, epoch: table.epoch, destination: destination, recycling: worker.spareBuffer())
    }

    private func send(_ open: inout Batch) {
        var batch = Batch()
        swap(&batch, &open)
        batch.closeGroup()
        pressure.spend(batch.byteCount)
        workers[table.destinations[batch.destination].worker].deliver(batch)
    }

    /// Sends all that is open.
    mutating func flush() {
        for destination in grouped.indices {
            if !grouped[destination].isEmpty { send(&grouped[destination]) }
            if !single[destination].isEmpty { send(&single[destination]) }
        }
    }

    /// Sends all that is open once that is much: with many primaries, batches that fill slowly must not add up.
    mutating func flushIfMuch() {
        let open = grouped.reduce(0) { $0 + $1.byteCount } + single.reduce(0) { $0 + $1.byteCount }
        if open >= Self.mostOpenBytes { flush() }
    }

    mutating func finish() { flush() }
}
