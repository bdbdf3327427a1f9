internal import NIOCore
internal import RESP

/// What is looked at before the first write. Each finding that forbids the run is an error that says what to do.
struct Preflight: Sendable {
    let configuration: RunConfiguration
    let loop: any EventLoop

    /// Finds the target, and makes sure that it can be written to.
    func target() async throws -> Deployment {
        let target = try await Deployment.find(
            configuration.target, configuration.targetSettings, configuration.targetAddressMap,
            patience: configuration.targetPatience, on: loop)
        if case .servers(let seeds) = configuration.target.seeds {
            let roles = seeds.compactMap { target.facts[$0]?.role }
            if case .standalone(let primary, _) = target.topology, !seeds.contains(primary),
                roles.allSatisfy(\.isReplica)
            {
                throw RunError(
                    .usage,
                    "The target \(seeds.map(\.description).joined(separator: ", ")) is a replica, which takes no writes: "
                        + "name its primary \(primary) as --to.")
            }
        }
        if case .cluster(let map) = target.topology, !map.uncovered.isEmpty {
            throw RunError(
                .connection,
                "The target cluster does not cover all slots: \(map.uncovered) are served by nobody. Mend it first "
                    + "(valkey-cli --cluster fix).")
        }
        for primary in target.primaries where target.facts[primary] == nil {
            let reason = target.failures.first { $0.endpoint == primary }?.message ?? "no answer"
            throw RunError(.connection, "The target's primary \(primary) cannot be reached: \(reason)")
        }
        try await probeWrites(target)
        return target
    }

    // MARK: Permissions

    private func probeWrites(_ target: Deployment) async throws {
        guard !configuration.isDryRun else { return }
        var commands: [[any CommandArgument]] = [
            ["SET", "k", "v", "PXAT", "1"], ["MSET", "k", "v"], ["RESTORE", "k", "0", "v"],
        ]
        if configuration.deletesExtra { commands += [["UNLINK", "k"], ["SCAN", "0"], ["TYPE", "k"]] }
        if target.facts.values.contains(where: { ($0.databases ?? 2) > 1 }) { commands.append(["SELECT", "0"]) }
        let probe = PermissionProbe(side: target, loop: loop)
        for primary in target.primaries { try await probe.expect(commands, on: primary) }
    }

    // MARK: Databases

    /// Number of databases of the target; asked by trying where it does not say.
    func databases(of target: Deployment) async throws -> Int {
        guard let primary = target.primaries.first else { return 1 }
        if let known = target.primaries.compactMap({ target.facts[$0]?.databases }).min() { return known }
        let connection = try await Connection.open(primary, settings: target.settings, on: loop)
        var low = 0
        var high = 16384
        while high - low > 1 {
            let middle = (low + high) / 2
            let error = try await connection.send("SELECT", middle).error
            if let error, error.code == "NOPERM" {
                throw RunError(
                    .connection, "The target's user may not run SELECT on \(primary): \(error). Grant +select to it.")
            }
            if error == nil { low = middle } else { high = middle }
        }
        await connection.close()
        return low + 1
    }

    /// Refuses source databases that the target has no place for.
    ///
    /// - Parameter keys: Keys by source database.
    func expectRoom(for keys: [Int: Int], in databases: Int) throws {
        let homeless = keys.filter { database, _ in
            (configuration.filter.databases.isEmpty || configuration.filter.databases.contains(database))
                && (configuration.databaseMap[database] ?? database) >= databases
        }
        guard !homeless.isEmpty else { return }
        let list = homeless.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value) keys)" }.joined(separator: ", ")
        throw RunError(
            .usage,
            "The target has \(databases) database\(databases == 1 ? "" : "s"), and no place for the source's "
                + "database\(homeless.count == 1 ? "" : "s") \(list). Send them elsewhere with --db-map, or choose others with --db."
        )
    }

    /// Warns where two source databases end in one.
    func mergeWarning(for keys: [Int: Int]) -> String? {
        let chosen = keys.keys.filter {
            configuration.filter.databases.isEmpty || configuration.filter.databases.contains($0)
        }
        let merged = Dictionary(grouping: chosen) { configuration.databaseMap[$0] ?? $0 }.filter { $0.value.count > 1 }
        guard let (target, sources) = merged.min(by: { $0.key < $1.key }) else { return nil }
        return
            "Source databases \(sources.sorted().map(String.init).joined(separator: " and ")) are merged into database "
            + "\(target): where both have a key, the one that is read later stays, unless --on-conflict says otherwise."
    }
}

extension ServerFacts {
    /// Whether it knows `PEXPIRETIME`.
    var tellsExpiryTime: Bool { product != .redis || version >= ServerVersion(7, 0) }
}

extension ServerFacts.Role {
    var isReplica: Bool {
        if case .replica = self { true } else { false }
    }
}
