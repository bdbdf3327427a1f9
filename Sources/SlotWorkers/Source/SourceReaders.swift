internal import NIOCore
internal import NIOPosix
internal import RESP

/// Who reads the source of a run.
extension RunSetup {
    /// One reader for a file, or for each primary of the source.
    func makeReaders(_ context: ReaderContext) throws -> [any Reader] {
        switch configuration.source {
        case .file(let path): [FileReader(input: try FileInput(path: path), loop: loop, context: context)]
        case .standardInput: [FileReader(input: try FileInput(path: nil), loop: loop, context: context)]
        case .server: try serverReaders(slots: nil, context)
        }
    }

    /// How to read some slots once more, by the source's layout of now; `nil` where that cannot be done.
    func again(for slots: SlotSet) async throws -> (setup: RunSetup, readers: [any Reader])? {
        let context = restricted(to: slots)
        switch configuration.source {
        case .standardInput:
            return nil
        case .file(let path):
            return (self, [FileReader(input: try FileInput(path: path), loop: loop, context: context)])
        case .server(let url):
            guard configuration.read == .scan else { return nil }
            var again = self
            again.source = try await Preflight(configuration: configuration, loop: loop).discover(
                url, configuration.sourceSettings, configuration.sourceAddressMap)
            return (again, try again.serverReaders(slots: slots, context))
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
            var scanContext = context
            if context.bigValues != nil { scanContext.bigValueOutlet = BigValueWrites(context, on: loop) }
            return ScanReader(scan, dialect: dialect, loop: loop, context: scanContext)
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
