internal import RDBParser
internal import RESP

/// What all readers of a run must know to turn keys into commands. Fixed before the first write.
struct WritePlan: Sendable {
    /// Which kind of eviction knowledge the target can use.
    enum Eviction: Sendable { case none, idle, frequency }

    var filter: KeyFilter
    var databaseMap: [Int: Int]
    /// Databases that the target has; `nil` where it does not say.
    var targetDatabases: Int?
    var onConflict: ConflictPolicy
    var isDryRun: Bool
    var batchBytes: Int
    var format: TargetFormat
    var onLossy: LossPolicy
    /// Values of more bytes, as the source encodes them, are written in pieces.
    var bigValueBytes = 16 << 20
    /// Over SCAN, whether the source is asked for each key's size before it is dumped.
    var probesBigValues = true
    /// Whether values are looked into before they are passed on: where no checksum has proved their bytes.
    var checksValues = false
    var eviction: Eviction
    /// Whether the target knows `SET … PXAT` (since 6.2).
    var setTakesExpiry: Bool
    /// Whether each key comes once, so that strings may be gathered into `MSET`s, past the commands between them.
    var keysComeOnce: Bool

    func targetDatabase(_ source: Int) -> Int { databaseMap[source] ?? source }

    /// Whether the target has the database that a source database goes to.
    func targetHolds(_ source: Int) -> Bool {
        targetDatabases.map { targetDatabase(source) < $0 } ?? true
    }
}

extension WritePlan {
    /// - Parameters:
    ///   - target: As it was found before the first write.
    ///   - databases: How many it has.
    ///   - modules: The names of its modules.
    init(_ configuration: RunConfiguration, _ target: Deployment, databases: Int, modules: Set<String>) throws(RunError)
    {
        let facts = target.primaries.compactMap { target.facts[$0] }
        let policy = facts.first?.maxmemoryPolicy ?? "noeviction"
        // Of a target in the middle of an upgrade, what its oldest primary takes.
        let number = facts.map(\.rdbVersion).min() ?? 11
        let version = RDBVersion(family: number >= 80 ? .valkey : .redis, number: number)
        guard let format = TargetFormat(version: version, modules: modules) else {
            throw RunError(.usage, "The target is older than Redis 5.0, which is the oldest that Backfill writes to.")
        }
        self.init(
            filter: configuration.filter, databaseMap: configuration.databaseMap, targetDatabases: databases,
            onConflict: configuration.onConflict, isDryRun: configuration.isDryRun,
            batchBytes: configuration.batchBytes, format: format, onLossy: configuration.onLossy,
            bigValueBytes: configuration.bigValueBytes, probesBigValues: configuration.probesBigValues,
            eviction: policy.hasSuffix("-lru") ? .idle : policy.hasSuffix("-lfu") ? .frequency : .none,
            setTakesExpiry: facts.allSatisfy { $0.product != .redis || $0.version >= ServerVersion(6, 2) },
            keysComeOnce: configuration.read == .snapshot || !configuration.source.isServer)
    }
}
