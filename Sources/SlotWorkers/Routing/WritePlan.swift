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
