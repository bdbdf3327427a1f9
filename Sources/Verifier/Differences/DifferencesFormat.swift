internal import GRDB

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The structure of a file of differences, and how it is told from other files.
///
/// An SQLite 3 database, version 2: 1 had no checkpoint. A change of the digests, or of what buckets hold, is a new
/// version too, since a run goes on with what an earlier one put there. Its `application_id` ("BKFD") lies in the
/// file's header, so that a file of somebody else's is known without being opened as a database.
enum DifferencesFormat {
    static let version = 2
    private static let applicationID: Int32 = 0x424B_4644

    private static let schema = """
        CREATE TABLE run (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            seed TEXT NOT NULL,
            source TEXT NOT NULL,
            target TEXT NOT NULL,
            scope TEXT NOT NULL,
            started_ms INTEGER NOT NULL,
            ended_ms INTEGER,
            verdict TEXT
        ) STRICT;
        CREATE TABLE difference (
            id INTEGER PRIMARY KEY,
            db INTEGER NOT NULL,
            key BLOB NOT NULL,
            key_hash TEXT NOT NULL,
            slot INTEGER NOT NULL,
            class TEXT NOT NULL,
            type TEXT,
            source_expire_ms INTEGER,
            target_expire_ms INTEGER,
            differences TEXT NOT NULL
        ) STRICT;
        CREATE TABLE checkpoint (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            conditions BLOB NOT NULL,
            reading BLOB NOT NULL,
            buckets BLOB NOT NULL,
            progress BLOB NOT NULL,
            digest TEXT NOT NULL
        ) STRICT;
        """

    static func create(in database: Database) throws {
        try database.execute(sql: "PRAGMA application_id = \(applicationID); PRAGMA user_version = \(version);")
        try database.execute(sql: schema)
    }

    /// What lies at a path.
    enum Finding {
        case nothing
        /// By its header, a file of differences.
        case ours
    }

    /// Looks at the first bytes of a file, and at what SQLite may have left beside it.
    ///
    /// - Throws: `foreignFile`, `unusableFile`.
    static func look(at path: String) throws(VerifierError) -> Finding {
        var status = stat()
        // SAFETY: `status` is a structure of ours, which `stat` fills.
        guard unsafe stat(path, &status) == 0 else {
            guard errno == ENOENT else { throw unusable(path, "cannot be looked at", errno) }
            try expectNoJournal(of: path)
            return .nothing
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw VerifierError(.foreignFile, "'\(path)' is no regular file: name another file for --differences.")
        }
        guard status.st_size > 0 else {
            try expectNoJournal(of: path)
            return .nothing
        }
        let header = try start(of: path)
        guard header.count == 100, header.starts(with: "SQLite format 3\0".utf8) else {
            throw VerifierError(
                .foreignFile,
                "'\(path)' holds something else, and was left as it is: name another file for --differences.")
        }
        // Big-endian, at byte 68 of the header.
        let application = header[68..<72].reduce(Int32(0)) { $0 << 8 | Int32($1) }
        guard application == applicationID else {
            throw VerifierError(
                .foreignFile,
                "'\(path)' is an SQLite file of another program, and was left as it is: name another for --differences."
            )
        }
        return .ours
    }

    /// SQLite would play a journal that was left behind into whatever file stands beside it.
    private static func expectNoJournal(of path: String) throws(VerifierError) {
        for name in ["\(path)-journal", "\(path)-wal"] where unsafe access(name, F_OK) == 0 {
            throw VerifierError(
                .foreignFile,
                "'\(name)' lies there without its database: remove it, or name another file for --differences.")
        }
    }

    private static func start(of path: String) throws(VerifierError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unusable(path, "cannot be read", errno) }
        defer { _ = close(descriptor) }
        var header = [UInt8](repeating: 0, count: 100)
        // SAFETY: at most the array's bytes are read into it.
        let count = unsafe header.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw unusable(path, "cannot be read", errno) }
        return Array(header.prefix(count))
    }

    static func unusable(_ path: String, _ what: String, _ code: CInt) -> VerifierError {
        // SAFETY: `strerror` gives a C string, which is copied at once.
        VerifierError(.unusableFile, "'\(path)' \(what): \(unsafe String(cString: strerror(code))).")
    }
}
