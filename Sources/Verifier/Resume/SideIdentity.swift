internal import RESP
internal import SlotWorkers

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Which data a side is: what must be the same for a verification that was stopped to go on.
///
/// Addresses say nothing: a server may have several names, and another one may take its place under the same.
enum SideIdentity: Hashable, Sendable, Codable {
    /// The primaries of a deployment, in the order of their run IDs.
    case servers([Server])
    case file(File)

    /// A primary.
    struct Server: Hashable, Sendable, Codable {
        /// New at each start; empty where the server does not tell it.
        var runID: String
        var replicationID: String
        /// Before its promotion; `nil` where it has none.
        var previousReplicationID: String?
        var replicationOffset: Int64
    }

    /// A file as the file system tells it from others. Times are in nanoseconds since 1970.
    struct File: Hashable, Sendable, Codable {
        var device: UInt64
        var number: UInt64
        var bytes: Int64
        var modified: Int64
    }

    /// - Throws: `RunError` for a file that cannot be looked at.
    init(_ side: DataSide) throws(RunError) {
        if let deployment = side.deployment {
            let servers = deployment.primaries.compactMap { deployment.facts[$0] }.map { facts in
                Server(
                    runID: facts.runID, replicationID: facts.replicationID,
                    previousReplicationID: facts.previousReplicationID, replicationOffset: facts.replicationOffset)
            }
            self = .servers(servers.sorted { $0.runID < $1.runID })
            return
        }
        guard case .file(let path) = side.configuration.location else {
            throw RunError(.usage, "Standard input cannot be read again.")
        }
        var status = stat()
        // SAFETY: `status` is a structure of ours, which `stat` fills.
        guard unsafe stat(path, &status) == 0 else {
            throw RunError(.input, "'\(path)' cannot be looked at: \(unsafe String(cString: strerror(errno))).")
        }
        self = .file(
            File(
                device: UInt64(status.st_dev), number: UInt64(status.st_ino), bytes: Int64(status.st_size),
                modified: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)))
    }

    /// Why this is not the side that it was.
    ///
    /// - Parameter earlier: The side when it was first read.
    /// - Returns: Words behind "the source"; `nil` for the same side.
    func difference(from earlier: SideIdentity) -> String? {
        switch (earlier, self) {
        case (.file(let earlier), .file(let now)):
            return earlier == now ? nil : "is another file, or was written since"
        case (.servers(let earlier), .servers(let now)):
            guard earlier.count == now.count else { return "has \(now.count) primaries, and had \(earlier.count)" }
            return zip(now, earlier).lazy.compactMap { $0.difference(from: $1) }.first
        case (.file, .servers): return "is a server, and was a file"
        case (.servers, .file): return "is a file, and was a server"
        }
    }
}

extension SideIdentity.Server {
    /// A server that has not restarted has the data that it had, unless it was a replica of another meanwhile: then the
    /// replication ID before its promotion is a new one, or its stream ends earlier. The replication ID itself says
    /// less: a primary takes a new one when its first replica comes, and an hour after its last has gone.
    func difference(from earlier: Self) -> String? {
        guard !runID.isEmpty, !earlier.runID.isEmpty else { return "does not say which server it is (run_id)" }
        guard runID == earlier.runID else { return "is another server, or was restarted, or failed over" }
        guard replicationID != earlier.replicationID else { return nil }
        let wasPromoted = previousReplicationID != nil && previousReplicationID != earlier.previousReplicationID
        return wasPromoted || replicationOffset < earlier.replicationOffset
            ? "was a replica of another server meanwhile" : nil
    }
}
