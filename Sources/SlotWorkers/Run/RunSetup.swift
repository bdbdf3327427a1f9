internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import RDBParser
internal import RESP

/// Everything that a run stands on once it may begin: both sides found, checked and known to fit.
struct RunSetup: Sendable {
    let loop: any EventLoop
    let directory: TargetDirectory
    let workers: [SlotWorker]
    let context: ReaderContext
    /// `nil` for a file.
    private(set) var source: Deployment?
    let evictedBefore: Int64
    var warnings: [String] = []
    private let configuration: RunConfiguration
    private let group: MultiThreadedEventLoopGroup

    init(
        _ configuration: RunConfiguration, control: RunControl, group: MultiThreadedEventLoopGroup,
        checking: @escaping @Sendable (Double) -> Void
    ) async throws {
        self.configuration = configuration
        self.group = group
        loop = group.next()
        let preflight = Preflight(configuration: configuration, loop: loop)
        let target = try await preflight.target()
        let databases = try await preflight.databases(of: target)
        var keys: [Int: Int] = [:]
        switch configuration.source {
        case .server(let url):
            let source = try await preflight.discover(url, configuration.sourceSettings, configuration.sourceAddressMap)
            try preflight.expectDifferent(source, target)
            try await preflight.probeReads(source)
            keys = Self.keyCounts(of: source)
            self.source = source
        case .file(let path):
            source = nil
            keys = try Self.check(path, control, checking)
        case .standardInput:
            source = nil
        }
        try preflight.expectRoom(for: keys, in: databases)
        if let warning = preflight.mergeWarning(for: keys) { warnings.append(warning) }
        let targetTime = target.primaries.lazy.compactMap { target.facts[$0]?.clockMilliseconds }.first
        let sourceFacts = source?.facts ?? [:]
        let sourceTime = source?.primaries.lazy.compactMap { sourceFacts[$0]?.clockMilliseconds }.first
        if let sourceTime, let targetTime, abs(sourceTime - targetTime) > 1000 + Self.surveyTolerance {
            warnings.append(
                "The clocks of source and target differ by \(Self.seconds(sourceTime - targetTime)) s: expiries are absolute, "
                    + "so keys expire that much \(sourceTime > targetTime ? "later" : "earlier") on the target.")
        }
        let clock = SourceClock(serverTime: sourceTime ?? targetTime ?? SourceClock.local)
        let ranges = SlotRange.partition(into: configuration.workers ?? min(target.primaries.count, System.coreCount))
        let directory = TargetDirectory(
            target, url: configuration.target, addressMap: configuration.targetAddressMap, workers: ranges,
            patience: configuration.targetPatience, loop: loop)
        evictedBefore = target.facts.values.reduce(0) { $0 + ($1.role == .primary ? $1.evictedKeys : 0) }
        let pressure = BytePressure(limit: configuration.inFlightBytes)
        let layout = directory.layout
        self.directory = directory
        let loops = Array(group.makeIterator())
        workers = ranges.enumerated().map { index, range in
            SlotWorker(
                index: index, range: range, loop: loops[index % loops.count], directory: directory,
                table: layout.withLockedValue { $0 }, pressure: pressure, control: control,
                onConflict: configuration.onConflict, silence: configuration.targetSettings.replyTimeout)
        }
        context = ReaderContext(
            plan: Self.plan(configuration, target, databases: databases), workers: workers, pressure: pressure,
            control: control, layout: layout, clock: clock, ledger: configuration.deletesExtra ? try KeyLedger() : nil)
    }

    /// Between asking the two servers for their time some of it passes.
    private static let surveyTolerance: Int64 = 200

    private static func seconds(_ milliseconds: Int64) -> String {
        let tenths = (abs(milliseconds) + 50) / 100
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func check(
        _ path: String, _ control: RunControl, _ checking: (Double) -> Void
    ) throws(RunError) -> [Int: Int] {
        // A pipe can be read once only; what it holds is found out on the way.
        guard try FileInput(path: path).size != nil else { return [:] }
        return try FileCheck(path: path, isEnding: { control.isEnding }, progress: checking).keys
    }

    private static func keyCounts(of deployment: Deployment) -> [Int: Int] {
        var counts: [Int: Int] = [:]
        for primary in deployment.primaries {
            counts.merge(deployment.facts[primary]?.keyCounts ?? [:]) { $0 + $1 }
        }
        return counts
    }

    private static func plan(_ configuration: RunConfiguration, _ target: Deployment, databases: Int) -> WritePlan {
        let facts = target.primaries.compactMap { target.facts[$0] }
        let policy = facts.first?.maxmemoryPolicy ?? "noeviction"
        return WritePlan(
            filter: configuration.filter, databaseMap: configuration.databaseMap, targetDatabases: databases,
            onConflict: configuration.onConflict, isDryRun: configuration.isDryRun,
            batchBytes: configuration.batchBytes,
            format: TargetFormat(version: facts.map(\.rdbVersion).min() ?? 11),
            eviction: policy.hasSuffix("-lru") ? .idle : policy.hasSuffix("-lfu") ? .frequency : .none,
            setTakesExpiry: facts.allSatisfy { $0.product != .redis || $0.version >= ServerVersion(6, 2) },
            keysComeOnce: configuration.read == .snapshot || !configuration.source.isServer)
    }
}

// MARK: - Readers

extension RunSetup {
    /// One reader for a file, or for each primary of the source.
    func makeReaders(_ context: ReaderContext) throws -> [any Reader] {
        switch configuration.source {
        case .file(let path): [FileReader(input: try FileInput(path: path), loop: loop, context: context)]
        case .standardInput: [FileReader(input: try FileInput(path: nil), loop: loop, context: context)]
        case .server: try serverReaders(slots: nil, context)
        }
    }

    /// Readers for some slots, to read them once more; `nil` where that cannot be done.
    func readersAgain(for slots: SlotSet) async throws -> [any Reader]? {
        let context = restricted(to: slots)
        switch configuration.source {
        case .standardInput:
            return nil
        case .file(let path):
            return [FileReader(input: try FileInput(path: path), loop: loop, context: context)]
        case .server(let url):
            guard configuration.read == .scan else { return nil }
            let preflight = Preflight(configuration: configuration, loop: loop)
            var again = self
            again.source = try await preflight.discover(
                url, configuration.sourceSettings, configuration.sourceAddressMap)
            return try again.serverReaders(slots: slots, context)
        }
    }

    private func restricted(to slots: SlotSet) -> ReaderContext {
        var context = context
        context.plan.filter.slots = context.plan.filter.slots?.intersection(slots) ?? slots
        return context
    }

    private func serverReaders(slots: SlotSet?, _ context: ReaderContext) throws -> [any Reader] {
        guard let source else { return [] }
        let loops = Array(group.makeIterator())
        return try places(of: source).enumerated().map { index, place in
            let loop = loops[index % loops.count]
            guard let facts = source.facts[place.primary] else {
                let reason = source.failures.first { $0.endpoint == place.primary }?.message ?? "no answer"
                throw RunError(.connection, "The source's primary \(place.primary) cannot be reached: \(reason)")
            }
            let expected = facts.keyCounts.reduce(0) { sum, count in
                configuration.filter.databases.isEmpty || configuration.filter.databases.contains(count.key)
                    ? sum + count.value : sum
            }
            if configuration.read == .snapshot {
                return SnapshotReader(
                    endpoint: place.endpoint, settings: source.settings, loop: loop, context: context,
                    expectedKeys: facts.keyCounts.values.reduce(0, +))
            }
            let wanted = configuration.filter.slots.map { place.slots?.intersection($0) } ?? place.slots
            let chosen = facts.keyCounts.keys.sorted().filter {
                configuration.filter.databases.isEmpty || configuration.filter.databases.contains($0)
            }
            let scan = ScanReader.Source(
                endpoint: place.endpoint, settings: source.settings, databases: chosen,
                slots: slots.map { wanted?.intersection($0) } ?? wanted,
                isClusterReplica: place.isReplica && place.slots != nil,
                expectedKeys: expected)
            let dialect = DumpDialect(
                tellsExpiryTime: facts.tellsExpiryTime,
                eviction: Self.sameKind(facts.maxmemoryPolicy, context.plan.eviction))
            return ScanReader(scan, dialect: dialect, loop: loop, context: context)
        }
    }

    private static func sameKind(_ policy: String, _ eviction: WritePlan.Eviction) -> WritePlan.Eviction {
        switch eviction {
        case .idle where policy.hasSuffix("-lru"): .idle
        case .frequency where policy.hasSuffix("-lfu"): .frequency
        default: .none
        }
    }

    private struct Place {
        let primary: Endpoint
        /// Whom to read: the primary, or one of its replicas.
        let endpoint: Endpoint
        let isReplica: Bool
        /// On a cluster, what it serves.
        let slots: SlotSet?
    }

    private func places(of source: Deployment) -> [Place] {
        switch source.topology {
        case .standalone(let primary, let replicas):
            let endpoint = reader(primary, replicas)
            return [Place(primary: primary, endpoint: endpoint, isReplica: endpoint != primary, slots: nil)]
        case .cluster(let map):
            return map.primaries.map { primary in
                let endpoint = reader(primary.endpoint, primary.replicas.map(\.endpoint))
                return Place(
                    primary: primary.endpoint, endpoint: endpoint, isReplica: endpoint != primary.endpoint,
                    slots: primary.slots)
            }
        }
    }

    /// The server to read: a replica where that is wished, or where only replicas were named.
    private func reader(_ primary: Endpoint, _ replicas: [Endpoint]) -> Endpoint {
        if configuration.prefersReplica { return replicas.first ?? primary }
        guard case .server(let url) = configuration.source, case .servers(let seeds) = url.seeds,
            !seeds.contains(primary), let named = seeds.first(where: { source?.facts[$0]?.role.isReplica == true }),
            source?.facts[primary]?.isClusterEnabled == false
        else { return primary }
        return named
    }
}

// MARK: - Slots that moved at the source

extension RunSetup {
    /// Slots that were not where they were looked for, or are served by another source primary now.
    func movedSlots(_ readers: [any Reader]) async throws -> SlotSet {
        guard let source, case .server(let url) = configuration.source, case .cluster(let before) = source.topology
        else {
            return SlotSet()
        }
        var moved = SlotSet()
        for case let reader as ScanReader in readers { moved = moved.union(reader.strayed.withLockedValue { $0 }) }
        let preflight = Preflight(configuration: configuration, loop: loop)
        let now = try await preflight.discover(url, configuration.sourceSettings, configuration.sourceAddressMap)
        guard case .cluster(let after) = now.topology else { return moved }
        for slot in SlotSet.all.slots {
            let old = before[slot].map { before.primaries[$0].nodeID }
            let new = after[slot].map { after.primaries[$0].nodeID }
            if old != new { moved.insert(slot) }
        }
        return configuration.filter.slots.map { moved.intersection($0) } ?? moved
    }

    /// Asks a source that is read by SCAN whether it has keys after all: one that was added while it was read must not be
    /// removed from the target. A snapshot is the truth by itself.
    var sourcePresence: (@Sendable (_ database: Int, _ keys: [[UInt8]]) async throws -> [Bool])? {
        guard let source, configuration.read == .scan else { return nil }
        let plan = context.plan
        let loop = loop
        return { database, keys in
            var origins = Set(plan.databaseMap.filter { $0.value == database }.keys)
            if plan.databaseMap[database] == nil { origins.insert(database) }
            var isThere = [Bool](repeating: false, count: keys.count)
            for (index, primary) in source.primaries.enumerated() {
                let connection = try await Connection.open(primary, settings: source.settings, on: loop)
                let mine = keys.indices.filter { key in
                    guard case .cluster(let map) = source.topology else { return true }
                    return map[HashSlot(key: keys[key])] == index
                }
                for origin in origins {
                    // A database that the source does not have holds no key.
                    if origin > 0, try await connection.send("SELECT", origin).error != nil { continue }
                    let replies = try await connection.pipeline(bytes: mine.map { [Array("EXISTS".utf8), keys[$0]] })
                    if let error = replies.lazy.compactMap(\.error).first {
                        throw RunError(
                            .connection,
                            "The source \(primary) does not tell whether it has keys, so none was removed: \(error)")
                    }
                    for (key, reply) in zip(mine, replies) where reply.integer != 0 { isThere[key] = true }
                }
                await connection.close()
            }
            return isThere
        }
    }
}

extension SourceLocation {
    var isServer: Bool {
        if case .server = self { true } else { false }
    }
}
