internal import NIOCore
internal import NIOPosix
internal import RESP

/// Makes the readers of one side: one for a file, or one for each primary of a deployment.
struct SourceReaders: Sendable {
    let location: SourceLocation
    /// `nil` for a file.
    var deployment: Deployment?
    let read: ReadMode
    /// Where PSYNC is refused, read by SCAN.
    var fallsBackToScan = false
    let prefersReplica: Bool
    /// Its databases and slots are not even asked for; all else is up to the taker.
    var filter: KeyFilter
    /// What to ask for beside value and expiry.
    var eviction = WritePlan.Eviction.none
    /// Readers take turns on them.
    let loops: [any EventLoop]

    func make<Taker: KeyTaker>(_ context: ReaderContext<Taker>) throws -> [any Reader] {
        switch location {
        case .file(let path): return [FileReader(input: try FileInput(path: path), loop: loops[0], context: context)]
        case .standardInput: return [FileReader(input: try FileInput(path: nil), loop: loops[0], context: context)]
        case .server: break
        }
        guard let deployment else { return [] }
        return try places(of: deployment).enumerated().map { index, place -> any Reader in
            let loop = loops[index % loops.count]
            guard let facts = deployment.facts[place.primary] else {
                let side = deployment.settings.side
                let reason = deployment.failures.first { $0.endpoint == place.primary }?.message ?? "no answer"
                throw RunError(.connection, "The \(side)'s primary \(place.primary) cannot be reached: \(reason)")
            }
            let settings = deployment.settings
            let scan = { @Sendable in scanReader(place, facts, settings, loop, context) }
            guard read == .snapshot else { return scan() }
            let snapshot = SnapshotReader(
                endpoint: place.endpoint, settings: settings, loop: loop, context: context,
                expectedKeys: facts.keyCounts.values.reduce(0, +))
            return fallsBackToScan ? FallbackReader(snapshot, orElse: scan) : snapshot
        }
    }

    private func scanReader<Taker: KeyTaker>(
        _ place: Place, _ facts: ServerFacts, _ settings: ConnectionSettings, _ loop: any EventLoop,
        _ context: ReaderContext<Taker>
    ) -> ScanReader<Taker> {
        // Keys that are named are asked for one by one, not looked for among all.
        let names = filter.only
        let chosen = facts.keyCounts.filter { filter.databases.isEmpty || filter.databases.contains($0.key) }
        let scan = ScanSource(
            endpoint: place.endpoint, settings: settings, databases: chosen.keys.sorted(),
            slots: filter.slots.map { place.slots?.intersection($0) } ?? place.slots,
            isClusterReplica: place.isReplica && place.slots != nil,
            expectedKeys: names?.count ?? chosen.values.reduce(0, +), names: names)
        let dialect = DumpDialect(
            tellsExpiryTime: facts.tellsExpiryTime, eviction: Self.sameKind(facts.maxmemoryPolicy, eviction))
        return ScanReader(scan, dialect: dialect, loop: loop, context: context)
    }

    private static func sameKind(_ policy: String, _ eviction: WritePlan.Eviction) -> WritePlan.Eviction {
        switch eviction {
        case .idle where policy.hasSuffix("-lru"): .idle
        case .frequency where policy.hasSuffix("-lfu"): .frequency
        default: .none
        }
    }

    private struct Place: Sendable {
        let primary: Endpoint
        /// Whom to read: the primary, or one of its replicas.
        let endpoint: Endpoint
        let isReplica: Bool
        /// On a cluster, what it serves.
        let slots: SlotSet?
    }

    private func places(of deployment: Deployment) -> [Place] {
        switch deployment.topology {
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
        if prefersReplica { return replicas.first ?? primary }
        guard case .server(let url) = location, case .servers(let seeds) = url.seeds, !seeds.contains(primary),
            let named = seeds.first(where: { deployment?.facts[$0]?.role.isReplica == true }),
            deployment?.facts[primary]?.isClusterEnabled == false
        else { return primary }
        return named
    }
}

/// The readers of a run.
extension RunSetup {
    var sourceReaders: SourceReaders {
        SourceReaders(
            location: configuration.source, deployment: source, read: configuration.read,
            prefersReplica: configuration.prefersReplica, filter: configuration.filter,
            eviction: context.plan.eviction, loops: Array(group.makeIterator()))
    }

    /// How to read some slots once more, by the source's layout of now; `nil` where that cannot be done.
    func again(for slots: SlotSet) async throws -> (setup: RunSetup, readers: [any Reader])? {
        var again = self
        switch configuration.source {
        case .standardInput: return nil
        case .file: break
        case .server(let url):
            guard configuration.read == .scan else { return nil }
            again.source = try await Deployment.find(
                url, configuration.sourceSettings, configuration.sourceAddressMap,
                patience: configuration.targetPatience, on: loop)
        }
        var restricted = context
        restricted.plan.filter.slots = restricted.plan.filter.slots?.intersection(slots) ?? slots
        var readers = again.sourceReaders
        readers.filter = restricted.plan.filter
        return (again, try readers.make(restricted.readers))
    }
}
