internal import NIOCore
internal import RDBParser
internal import RESP

/// Takes a reader's keys: filter, slot, transformation, and into the open batch of the worker and primary that serve them.
///
/// One for each reader, used on the reader's loop alone. This is the hot path: no allocation for a key.
final class KeyRouter {
    private let plan: WritePlan
    private let takesAll: Bool
    private let workers: [SlotWorker]
    private let pressure: BytePressure
    private let ledger: KeyLedger?
    /// Batches that are being filled, by destination: `MSET`s, and everything else.
    private var grouped: [Batch?] = []
    private var single: [Batch?] = []
    private var table: RoutingTable
    private var actions: [TargetFormat.Action] = []
    private var version: RDBVersion?
    private var database = 0
    private var targetDatabase = 0
    private var databaseIsThere = true

    /// The source's time in milliseconds, by which expiries are judged; the reader renews it with each chunk.
    var now: Int64
    private(set) var tally = Tally()

    /// Most bytes in open batches before all of them are sent, however many destinations there are.
    private static let mostOpenBytes = 4 << 20

    init(
        plan: WritePlan, table: RoutingTable, workers: [SlotWorker], pressure: BytePressure, ledger: KeyLedger?, now: Int64
    ) {
        self.plan = plan
        self.table = table
        self.workers = workers
        self.pressure = pressure
        self.ledger = ledger
        self.now = now
        takesAll = plan.filter.takesAll
        use(table)
    }

    /// Follows a new layout of the target, between two chunks.
    func follow(_ table: RoutingTable) {
        guard table.epoch != self.table.epoch else { return }
        flush()
        use(table)
    }

    private func use(_ table: RoutingTable) {
        self.table = table
        grouped = Array(repeating: nil, count: table.destinations.count)
        single = grouped
    }

    /// The version of what comes next decides what its type bytes mean.
    func read(version: RDBVersion) {
        guard version != self.version else { return }
        self.version = version
        actions = plan.format.actions(for: version)
    }

    /// The database of the keys that come next.
    func select(_ database: Int) {
        guard database != self.database else { return }
        flush()
        self.database = database
        targetDatabase = plan.targetDatabase(database)
        databaseIsThere = plan.targetHolds(database)
    }

    /// Takes one key.
    ///
    /// - Parameters:
    ///   - value: The raw value behind its type byte.
    ///   - expiry: Absolute milliseconds; `nil` for none.
    func take(key: RawSpan, type: UInt8, value: RawSpan, expiry: Int64?, eviction: EvictionHint?) {
        tally.read += 1
        tally.bytes += key.byteCount + value.byteCount
        if !takesAll, !plan.filter.takes(database: database, key: key, rdbType: type) {
            tally.filtered += 1
            return
        }
        if let expiry, expiry <= now {
            tally.expired += 1
            return
        }
        ledger?.record(database: targetDatabase, key: key)
        guard databaseIsThere else {
            tally.fail(CollectionOfOne(key.array), "the target has no database \(targetDatabase)")
            return
        }
        guard case .restore(let stamp) = actions[Int(type)] else {
            if case .unsupported(let reason) = actions[Int(type)] { tally.refuse(key, reason) }
            return
        }
        if plan.isDryRun {
            tally.copied += 1
            return
        }
        var slot: UInt16?
        var destination = 0
        if table.needsSlot {
            let hash = HashSlot(key: key)
            slot = hash.rawValue
            destination = table.destination(of: hash)
        }
        let hint = usable(eviction)
        if type == 0, hint == nil, write(string: value, of: key, expiry: expiry, slot: slot, to: destination) { return }
        let batch = open(&single, destination)
        batch.restore(
            key, type: type, value: value, version: stamp, expiry: expiry, replace: plan.onConflict == .replace,
            eviction: hint)
        sendIfFull(&single, destination)
    }

    /// Whether a key that was only named so far is worth reading. One that is not is counted.
    func wants(name key: RawSpan) -> Bool {
        if takesAll || plan.filter.takes(name: key) && plan.filter.takes(slotOf: key) { return true }
        tally.read += 1
        tally.filtered += 1
        return false
    }

    /// Counts a key that the source could not give.
    func fail(_ key: RawSpan, _ reason: String) {
        tally.read += 1
        ledger?.record(database: targetDatabase, key: key)
        tally.fail(CollectionOfOne(key.array), reason)
    }

    /// Writes a string by `SET` or `MSET` where that is exact and cheaper.
    ///
    /// - Returns: `false` for a compressed one, which the target expands itself.
    private func write(
        string value: RawSpan, of key: RawSpan, expiry: Int64?, slot: UInt16?, to destination: Int
    ) -> Bool {
        if expiry != nil, !plan.setTakesExpiry { return false }
        switch RDBString.read(value) {
        case .raw(let text):
            write(text: text, of: key, expiry: expiry, slot: slot, to: destination)
            return true
        case .integer(let number):
            write(text: DecimalText(number).bytes, of: key, expiry: expiry, slot: slot, to: destination)
            return true
        case .compressed, nil:
            return false
        }
    }

    @inline(__always)
    private func write(text: RawSpan, of key: RawSpan, expiry: Int64?, slot: UInt16?, to destination: Int) {
        let mayGroup = plan.keysComeOnce && plan.onConflict == .replace && expiry == nil
        if mayGroup, key.byteCount + text.byteCount <= Batch.largestGroupedKey {
            open(&grouped, destination).group(key, text, slot: table.isCluster ? slot : nil)
            sendIfFull(&grouped, destination)
        } else {
            open(&single, destination).set(key, to: text, expiry: expiry, onlyIfAbsent: plan.onConflict != .replace)
            sendIfFull(&single, destination)
        }
    }

    private func usable(_ hint: EvictionHint?) -> EvictionHint? {
        switch (hint, plan.eviction) {
        case (.idle, .idle), (.frequency, .frequency): hint
        default: nil
        }
    }

    @inline(__always)
    private func open(_ batches: inout [Batch?], _ destination: Int) -> Batch {
        if let batch = batches[destination] { return batch }
        let worker = workers[table.destinations[destination].worker]
        let batch = Batch(
            database: targetDatabase, epoch: table.epoch, destination: destination, recycling: worker.spareBuffer())
        batches[destination] = batch
        return batch
    }

    @inline(__always)
    private func sendIfFull(_ batches: inout [Batch?], _ destination: Int) {
        guard let batch = batches[destination], batch.byteCount >= plan.batchBytes else { return }
        batches[destination] = nil
        send(batch, destination)
    }

    private func send(_ batch: Batch, _ destination: Int) {
        batch.closeGroup()
        pressure.spend(batch.byteCount)
        workers[table.destinations[destination].worker].deliver(batch)
    }

    /// Sends all that is open.
    func flush() {
        for destination in grouped.indices {
            if let batch = grouped[destination] { send(batch, destination) }
            grouped[destination] = nil
            if let batch = single[destination] { send(batch, destination) }
            single[destination] = nil
        }
    }

    /// Sends all that is open once that is much: with many primaries, batches that fill slowly must not add up.
    func flushIfMuch() {
        var open = 0
        for destination in grouped.indices {
            open += (grouped[destination]?.byteCount ?? 0) + (single[destination]?.byteCount ?? 0)
        }
        if open >= Self.mostOpenBytes { flush() }
    }
}
