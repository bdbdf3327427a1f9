package import RESP

/// Where a run reads from.
package enum SourceLocation: Sendable, Equatable {
    /// An RDB file, also compressed with LZ4.
    case file(String)
    case standardInput
    case server(DeploymentURL)
}

/// How a run reads from servers.
package enum ReadMode: String, Sendable, CaseIterable {
    /// As a replica: PSYNC, and the RDB stream that answers it.
    case snapshot
    /// SCAN, then DUMP and PEXPIRETIME.
    case scan
}

/// What to do with a key that the target has already.
package enum ConflictPolicy: String, Sendable, CaseIterable {
    /// The source's state takes its place.
    case replace
    /// It stays, and is counted in `existing`.
    case skip
    /// It stays, and is counted in `failed`.
    case error
}

/// What to do with a value that the target cannot hold whole.
package enum LossPolicy: String, Sendable, CaseIterable {
    /// It is not written, and counted in `unsupported`.
    case error
    /// It is written without what the target cannot hold, and counted in `lossy` too.
    case convert
    /// It is not written, and counted in `filtered`.
    case skip
}

/// Everything that a run is told.
package struct RunConfiguration: Sendable {
    package var source: SourceLocation
    package var target: DeploymentURL
    package var sourceSettings: ConnectionSettings
    package var targetSettings: ConnectionSettings
    package var sourceAddressMap: AddressMap
    package var targetAddressMap: AddressMap
    package var read = ReadMode.snapshot
    /// Read from a replica where there is one, so that the primary neither forks nor scans. Default false.
    package var prefersReplica = false
    package var filter = KeyFilter()
    /// Source database → target database, for those that are not the same.
    package var databaseMap: [Int: Int] = [:]
    package var onConflict = ConflictPolicy.replace
    package var onLossy = LossPolicy.error
    /// Remove, within the filters, what the source does not have. Default false.
    package var deletesExtra = false
    /// Copy function libraries too. Default true.
    package var copiesFunctions = true
    /// Read and count all, write nothing. Default false.
    package var isDryRun = false
    /// Slot ranges, 1 ... 256, each with a connection of its own to each primary in it. Default: the target's primaries,
    /// at most one a core.
    package var workers: Int?
    /// Most bytes that are read and not acknowledged by the target, 1 MiB ... 4 GiB. Default 16 MiB.
    package var inFlightBytes = 16 << 20
    /// Bytes of commands that go to a primary at once, 4 KiB ... 16 MiB. Default 256 KiB.
    package var batchBytes = 256 << 10
    /// Values of more bytes, as the source encodes them, are written in pieces under a temporary key, 64 KiB ... 512 MiB.
    /// Default 16 MiB.
    package var bigValueBytes = 16 << 20
    /// Over SCAN, ask the source for each key's size before it is dumped. Default true.
    package var probesBigValues = true
    /// How long the target may be away, loading, full or without a primary before the run stops. Default 5 minutes.
    package var targetPatience = Duration.seconds(300)
    /// What the source's servers are asked for at most, all of them together; `nil` for no limit. A file is not asked.
    package var sourceLimit: RateLimit?

    package init(
        source: SourceLocation, target: DeploymentURL, sourceSettings: ConnectionSettings,
        targetSettings: ConnectionSettings, sourceAddressMap: AddressMap, targetAddressMap: AddressMap
    ) {
        self.source = source
        self.target = target
        self.sourceSettings = sourceSettings
        self.targetSettings = targetSettings
        self.sourceAddressMap = sourceAddressMap
        self.targetAddressMap = targetAddressMap
    }
}
