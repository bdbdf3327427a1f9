internal import FoundationEssentials
internal import GRDB

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// All keys that differ, in an SQLite file: millions of them, without memory for them.
///
/// The file holds names of keys, and is therefore for its owner only (0600). While it is open no other process gets at it.
package final class DifferencesFile: Sendable {
    package let path: String
    let queue: DatabaseQueue

    private init(path: String, queue: DatabaseQueue) {
        self.path = path
        self.queue = queue
    }

    /// Makes a new file for a run. One of an earlier run is replaced, at once and whole; nothing else ever is.
    ///
    /// - Throws: `foreignFile` for any other file that is not empty, `damagedFile`, `unusableFile`.
    package static func create(at path: String, for run: DifferencesRun) throws(VerifierError) -> DifferencesFile {
        // An earlier file must be sound, and used by nobody; SQLite then leaves no journal of it behind.
        if try DifferencesFormat.look(at: path) == .ours { try open(path).close() }
        let new = "\(path).\(UInt64.random(in: .min ... .max)).new"
        let descriptor = unsafe Glibc.open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DifferencesFormat.unusable(path, "cannot be made", errno) }
        _ = Glibc.close(descriptor)
        defer { unsafe _ = unlink(new) }
        try attempt(path) {
            let queue = try DatabaseQueue(path: new, configuration: configuration)
            try queue.write { try DifferencesFormat.create(in: $0) }
            // Before it has its name: no file of that name is ever without its run.
            try DifferencesFile(path: path, queue: queue).write(run)
            try queue.close()
        }
        guard unsafe rename(new, path) == 0 else { throw DifferencesFormat.unusable(path, "cannot be made", errno) }
        return try open(path)
    }

    /// Makes a file without a name: gone with the process, whatever happens to it.
    ///
    /// - Throws: `unusableFile` where the folder for temporary files (`TMPDIR`) takes none.
    package static func temporary(for run: DifferencesRun) throws(VerifierError) -> DifferencesFile {
        let name = "a temporary file"
        // SQLite's own way to ask for one.
        let queue = try attempt(name) {
            let queue = try DatabaseQueue(path: "", configuration: configuration)
            try queue.write { try DifferencesFormat.create(in: $0) }
            return queue
        }
        let file = DifferencesFile(path: name, queue: queue)
        try file.write(run)
        return file
    }

    /// Opens the file of an earlier run.
    ///
    /// - Throws: `foreignFile`, `damagedFile`, `unusableFile`, also where there is none.
    package static func open(_ path: String) throws(VerifierError) -> DifferencesFile {
        guard try DifferencesFormat.look(at: path) == .ours else {
            throw VerifierError(.unusableFile, "There are no differences in '\(path)'.")
        }
        let (queue, version, faults) = try attempt(path) {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            var found: (version: Int, faults: String?) = (0, nil)
            // Takes the lock without writing.
            try queue.inTransaction(.exclusive) { database in
                found.version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                found.faults = try String.fetchOne(database, sql: "PRAGMA quick_check(1)")
                return .commit
            }
            return (queue, found.version, found.faults)
        }
        guard version == DifferencesFormat.version else {
            throw VerifierError(
                .damagedFile,
                "'\(path)' has version \(version) of its format, and only \(DifferencesFormat.version) is known: "
                    + "it was left as it is."
            )
        }
        guard faults == "ok" else { throw damaged(path, faults ?? "it cannot be checked") }
        return DifferencesFile(path: path, queue: queue)
    }

    /// Lets go of the file. A portion that was not kept is forgotten.
    package func close() throws(VerifierError) {
        try Self.attempt(path) {
            try queue.writeWithoutTransaction { if $0.isInsideTransaction { try $0.rollback() } }
            try queue.close()
        }
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "differences"
        // A portion is added in many steps, and kept at once.
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { database in
            // One journal at a time under the file's name: two writers would play theirs into each other's file.
            try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL;")
        }
        return configuration
    }

    // MARK: Writing

    /// Writes what is known of the run; all of it, each time. With its verdict there is nothing left to go on with.
    package func write(_ run: DifferencesRun) throws(VerifierError) {
        try Self.attempt(path) {
            let arguments: [(any DatabaseValueConvertible)?] = [
                run.seed, try Self.json(run.source), try Self.json(run.target), try Self.json(run.scope), run.startedAt,
                run.endedAt, run.verdict?.rawValue,
            ]
            try queue.write { database in
                try database.execute(
                    sql: "INSERT OR REPLACE INTO run VALUES (1, ?, ?, ?, ?, ?, ?, ?)",
                    arguments: StatementArguments(arguments))
                if run.verdict != nil { try database.execute(sql: "DELETE FROM checkpoint") }
            }
        }
    }

    /// Adds keys, in one transaction, or in that of a portion: give it hundreds at once. From any thread.
    package func append(_ differences: [KeyDifference]) throws(VerifierError) {
        guard !differences.isEmpty else { return }
        try Self.attempt(path) {
            try queue.writeWithoutTransaction { database in
                try database.inSavepoint {
                    try Self.insert(differences, into: database)
                    return .commit
                }
            }
        }
    }

    private static func insert(_ differences: [KeyDifference], into database: Database) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT INTO difference VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        for difference in differences {
            let arguments: [(any DatabaseValueConvertible)?] = [
                difference.database, Data(difference.key), difference.keyHash, difference.slot,
                difference.outcome.rawValue, difference.type, difference.sourceExpiry, difference.targetExpiry,
                difference.differences.isEmpty ? "[]" : try json(difference.differences),
            ]
            try statement.execute(arguments: StatementArguments(arguments))
        }
    }

    // MARK: Reading

    /// The run that the file is of.
    package func run() throws(VerifierError) -> DifferencesRun {
        try Self.attempt(path) {
            try queue.read { database in
                guard
                    let row = try Row.fetchOne(
                        database,
                        sql: "SELECT seed, source, target, scope, started_ms, ended_ms, verdict FROM run")
                else { throw Self.damaged(path, "it does not say which run it is of") }
                var run = DifferencesRun(
                    seed: try row.field(0), source: try Self.value(try row.field(1)),
                    target: try Self.value(try row.field(2)), startedAt: try row.field(4))
                run.scope = try Self.value(try row.field(3))
                run.endedAt = row.optionalField(5)
                run.verdict = row.optionalField(6).flatMap(Verdict.init(rawValue:))
                return run
            }
        }
    }

    /// How many keys of some outcomes it holds.
    package func count(of outcomes: Set<KeyOutcome>) throws(VerifierError) -> Int {
        try Self.attempt(path) {
            try queue.read { database in
                try Int.fetchOne(
                    database, sql: "SELECT COUNT(*) FROM difference WHERE class IN (\(Self.list(outcomes)))") ?? 0
            }
        }
    }

    /// Part of the file's keys, in the order in which they were added.
    package struct Page: Sendable {
        package var differences: [KeyDifference] = []
        /// Where the next page begins.
        package var end: Int64
    }

    /// Reads the next keys of some outcomes.
    ///
    /// - Parameters:
    ///   - position: 0, or the ``Page/end`` of the page before.
    ///   - bytes: The page ends once its names have so many, however few they are.
    /// - Returns: An empty page behind the last.
    package func page(
        from position: Int64 = 0, of outcomes: Set<KeyOutcome>, most: Int = 100_000, bytes: Int = 32 << 20
    ) throws(VerifierError) -> Page {
        try Self.attempt(path) {
            try queue.read { database in
                var page = Page(end: position)
                var size = 0
                let rows = try Row.fetchCursor(
                    database,
                    sql: """
                        SELECT id, db, key, key_hash, slot, class, type, source_expire_ms, target_expire_ms, differences
                        FROM difference WHERE id > ? AND class IN (\(Self.list(outcomes))) ORDER BY id
                        """,
                    arguments: [position])
                while page.differences.count < most, size < bytes, let row = try rows.next() {
                    let difference = try Self.difference(row)
                    page.differences.append(difference)
                    page.end = try row.field(0)
                    size += difference.key.count
                }
                return page
            }
        }
    }

    // MARK: Parts

    private static func difference(_ row: Row) throws -> KeyDifference {
        guard let outcome = KeyOutcome(rawValue: try row.field(5)) else { throw BadField() }
        var difference = KeyDifference(
            database: try row.field(1), key: [UInt8](try row.field(2) as Data), keyHash: try row.field(3),
            slot: try row.field(4), outcome: outcome)
        difference.type = row.optionalField(6)
        difference.sourceExpiry = row.optionalField(7)
        difference.targetExpiry = row.optionalField(8)
        let parts: String = try row.field(9)
        if parts != "[]" { difference.differences = try Self.value(parts) }
        return difference
    }

    private static func list(_ outcomes: Set<KeyOutcome>) -> String {
        outcomes.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    }

    private static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    private static func value<T: Decodable>(_ text: String) throws -> T {
        try JSONDecoder().decode(T.self, from: Data(text.utf8))
    }

    static func damaged(_ path: String, _ how: String) -> VerifierError {
        VerifierError(.damagedFile, "'\(path)' is damaged, and was left as it is: \(how).")
    }

    /// Runs what may fail in SQLite, and says of what file.
    static func attempt<Result>(_ path: String, _ body: () throws -> Result) throws(VerifierError) -> Result {
        do {
            return try body()
        } catch let error as VerifierError {
            throw error
        } catch let error as DatabaseError {
            let reason = error.message ?? "\(error.resultCode)"
            switch error.resultCode {
            case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR: throw damaged(path, reason)
            case .SQLITE_BUSY, .SQLITE_LOCKED:
                throw VerifierError(.unusableFile, "'\(path)' is being used by another process.")
            default: throw VerifierError(.unusableFile, "'\(path)' cannot be used: \(reason).")
            }
        } catch {
            throw damaged(path, "\(error)")
        }
    }
}

/// What a row holds is not what was written there.
private struct BadField: Error, CustomStringConvertible {
    let description = "a row holds what was never written there"
}

extension Row {
    /// A value that must be there. GRDB's own subscripts end the process when it is not.
    func field<T: DatabaseValueConvertible>(_ index: Int) throws -> T {
        guard let value: T = optionalField(index) else { throw BadField() }
        return value
    }

    fileprivate func optionalField<T: DatabaseValueConvertible>(_ index: Int) -> T? {
        T.fromDatabaseValue(self[index] as DatabaseValue)
    }
}
