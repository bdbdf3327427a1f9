/// What one server says about itself.
package struct ServerFacts: Sendable, Hashable {
    /// Its part in replication.
    package enum Role: Sendable, Hashable {
        case primary
        /// - Parameters:
        ///   - of: Its primary, as it was told (the address map is not applied).
        ///   - isLinkUp: Whether it is connected and in sync.
        case replica(of: Endpoint, isLinkUp: Bool)
        case sentinel
    }

    package let product: ServerProduct
    package let version: ServerVersion
    /// The highest RDB version that its `RESTORE` accepts.
    package let rdbVersion: Int
    /// New at each start; the same server under two names has the same.
    package let runID: String
    package let role: Role
    /// The replication ID of the data it holds, 40 hexadecimal digits.
    package let replicationID: String
    /// The replication ID before its promotion; `nil` where it has none.
    package let previousReplicationID: String?
    /// End of its replication stream, in bytes.
    package let replicationOffset: Int64
    /// Replicas connected to it, as they announce themselves (the address map is not applied).
    package let replicas: [Endpoint]
    package let isClusterEnabled: Bool
    /// Number of databases; `nil` where the server does not let us ask (`CONFIG GET`).
    package let databases: Int?
    /// Such as `noeviction` or `allkeys-lru`.
    package let maxmemoryPolicy: String
    /// Keys per database, those that hold any.
    package let keyCounts: [Int: Int]
    /// Keys that it has evicted since it started.
    package let evictedKeys: Int64
    /// Its clock, milliseconds since 1970; `nil` where the server does not let us ask (`TIME`).
    package let clockMilliseconds: Int64?
    /// Whether it is still reading its data from disk or from its primary, and answers only a few commands.
    package let isLoading: Bool

    /// - Parameters:
    ///   - configuration: The answer to `CONFIG GET *databases`, a flat array of names and values.
    ///   - time: The answer to `TIME`, seconds and microseconds.
    /// - Returns: `nil` where `info` does not say what the server is.
    package init?(info: ServerInfo, configuration: Reply = .null, time: Reply = .null) {
        guard let (product, version) = ServerProduct.identify(info) else { return nil }
        self.product = product
        self.version = version
        rdbVersion = product.rdbVersion(version)
        runID = info["run_id"] ?? ""
        role = Self.role(info)
        replicationID = info["master_replid"] ?? ""
        let previous = info["master_replid2"] ?? ""
        previousReplicationID = previous.contains { $0 != "0" } ? previous : nil
        replicationOffset = info.integer("master_repl_offset") ?? 0
        replicas = info.replicas
        isClusterEnabled = info["cluster_enabled"] == "1"
        databases = Self.databases(configuration, isClusterEnabled: isClusterEnabled)
        maxmemoryPolicy = info["maxmemory_policy"] ?? "noeviction"
        keyCounts = info.keyCounts
        evictedKeys = info.integer("evicted_keys") ?? 0
        clockMilliseconds = Self.milliseconds(time)
        isLoading = info["loading"] == "1" || info["async_loading"] == "1"
    }

    private static func role(_ info: ServerInfo) -> Role {
        switch info["role"] {
        case "slave", "replica":
            let primary = Endpoint.tcp(
                host: info["master_host"]?.lowercased() ?? "", port: Int(info.integer("master_port") ?? 0))
            return .replica(of: primary, isLinkUp: info["master_link_status"] == "up")
        default: return info["redis_mode"] == "sentinel" ? .sentinel : .primary
        }
    }

    /// A cluster holds one database, unless `cluster-databases` (Valkey 9) says otherwise.
    private static func databases(_ configuration: Reply, isClusterEnabled: Bool) -> Int? {
        guard let values = configuration.elements, values.count.isMultiple(of: 2) else { return nil }
        var settings: [String: Int] = [:]
        for index in stride(from: 0, to: values.count, by: 2) {
            if let name = values[index].text, let value = values[index + 1].integer { settings[name] = Int(value) }
        }
        return isClusterEnabled ? settings["cluster-databases"] ?? 1 : settings["databases"]
    }

    private static func milliseconds(_ time: Reply) -> Int64? {
        guard let parts = time.elements, parts.count == 2, let seconds = parts[0].integer,
            let microseconds = parts[1].integer, (0..<1 << 40).contains(seconds), (0..<1_000_000).contains(microseconds)
        else { return nil }
        return seconds * 1000 + microseconds / 1000
    }

    /// Asks a server. `INFO` is needed; `CONFIG GET` and `TIME` may be refused.
    ///
    /// `INFO` also says what `ROLE` would, and more users are allowed to run it.
    package static func fetch(from connection: Connection) async throws(ConnectionError) -> ServerFacts {
        let replies = try await connection.pipeline([["INFO"], ["CONFIG", "GET", "*databases"], ["TIME"]])
        if let error = replies[0].error { throw connection.diagnosis.command("INFO", failed: error) }
        guard let text = replies[0].text,
            let facts = ServerFacts(info: ServerInfo(parsing: text), configuration: replies[1], time: replies[2])
        else {
            throw connection.diagnosis.error(
                .protocolViolation, "INFO of \(connection.endpoint) does not say which server it is.")
        }
        return facts
    }
}
