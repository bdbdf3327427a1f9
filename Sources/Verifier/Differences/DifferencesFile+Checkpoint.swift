internal import FoundationEssentials
internal import GRDB

extension DifferencesFile {
    /// What there was at a path, and so what a run does that writes there.
    package enum Start: Hashable, Sendable {
        /// Nothing, or a run that came to its end: it begins anew.
        case new
        /// A run that was stopped in its first reading, of which nothing can be used: it begins anew.
        case instead(startedAt: Int64)
        /// A run that was stopped behind it: it goes on.
        case goingOn(DifferencesRun)
    }

    /// Opens the file of a run that was stopped and can go on, or makes a new one, as ``create(at:for:)`` does.
    ///
    /// - Parameter run: What a new file says of its run.
    /// - Throws: `foreignFile`, `damagedFile`, `unusableFile`.
    package static func start(
        at path: String, for run: DifferencesRun
    ) throws(VerifierError) -> (file: DifferencesFile, start: Start) {
        var start = Start.new
        if try DifferencesFormat.look(at: path) == .ours {
            let file = try open(path)
            let earlier = try file.run()
            if earlier.verdict == nil {
                if try file.holdsCheckpoint() { return (file, .goingOn(earlier)) }
                start = .instead(startedAt: earlier.startedAt)
            }
            try file.close()
        }
        return (try create(at: path, for: run), start)
    }

    /// Whether a run can go on from here.
    package func holdsCheckpoint() throws(VerifierError) -> Bool {
        try Self.attempt(path) {
            try queue.read { try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM checkpoint)") ?? false }
        }
    }

    /// Where the run was stopped; `nil` for a new file, and for a run that came to its end.
    ///
    /// - Throws: `damagedFile` also where the file's keys are not those that the checkpoint tells of.
    func checkpoint() throws(VerifierError) -> Checkpoint? {
        let run = try run()
        return try Self.attempt(path) {
            try queue.read { database in
                guard
                    let row = try Row.fetchOne(
                        database, sql: "SELECT conditions, reading, buckets, progress, digest FROM checkpoint")
                else { return nil }
                let checkpoint = try Checkpoint(
                    Checkpoint.Stored(
                        conditions: try row.field(0), reading: try row.field(1), buckets: try row.field(2),
                        progress: try row.field(3), digest: try row.field(4)), seed: run.seed)
                let counts = try Row.fetchAll(database, sql: "SELECT class, COUNT(*) FROM difference GROUP BY class")
                var found: [String: UInt64] = [:]
                for row in counts { found[try row.field(0)] = try row.field(1) }
                for outcome in KeyOutcome.allCases where outcome.isLogged {
                    let told = checkpoint.progress.findings.counts[outcome]
                    guard found[outcome.rawValue, default: 0] == told else {
                        throw Self.damaged(
                            path,
                            "it holds \(found[outcome.rawValue, default: 0]) keys of class \(outcome.rawValue), "
                                + "and \(told) were found")
                    }
                }
                return checkpoint
            }
        }
    }

    /// Begins a portion: none of what is added from here is kept without ``keep(_:)``.
    func begin() throws(VerifierError) {
        try Self.attempt(path) {
            try queue.writeWithoutTransaction { try $0.beginTransaction(.immediate) }
        }
    }

    /// Keeps what was added since ``begin()``, if it was called, and where the run stands then: both or none.
    func keep(_ checkpoint: Checkpoint) throws(VerifierError) {
        try Self.attempt(path) {
            let stored = try checkpoint.stored()
            let arguments: [(any DatabaseValueConvertible)?] = [
                stored.conditions, stored.reading, stored.buckets, stored.progress, stored.digest,
            ]
            try queue.writeWithoutTransaction { database in
                try database.execute(
                    sql: "INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?, ?, ?, ?)",
                    arguments: StatementArguments(arguments))
                if database.isInsideTransaction { try database.commit() }
            }
        }
    }
}
