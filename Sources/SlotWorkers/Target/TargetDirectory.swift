internal import NIOConcurrencyHelpers
internal import NIOCore
internal import RESP

/// The target as it is now: which primary serves which slot, and who those primaries are.
///
/// Asked again whenever a worker finds that something changed. It notices a failover, or a restart, by the run ID: the
/// slots of a primary that is gone may have lost writes that it had acknowledged.
actor TargetDirectory {
    nonisolated let url: DeploymentURL
    nonisolated let settings: ConnectionSettings
    nonisolated let addressMap: AddressMap
    nonisolated let workers: [SlotRange]
    nonisolated let patience: Duration
    nonisolated let temporaryKey = TemporaryKey()
    /// The layout, for readers, who look at it between two chunks.
    nonisolated let layout: NIOLockedValueBox<RoutingTable>
    private nonisolated let loop: any EventLoop
    private var deployment: Deployment
    private(set) var table: RoutingTable
    /// Slots whose primary was replaced or restarted during the run.
    private(set) var lostSlots = SlotSet()
    private var refreshing: Task<RoutingTable, any Error>?

    /// - Parameter deployment: What was found at the start; all its slots are covered.
    init(
        _ deployment: Deployment, url: DeploymentURL, addressMap: AddressMap, workers: [SlotRange], patience: Duration,
        loop: any EventLoop
    ) {
        self.deployment = deployment
        self.url = url
        settings = deployment.settings
        self.addressMap = addressMap
        self.workers = workers
        self.patience = patience
        self.loop = loop
        let table = Self.table(of: deployment, epoch: 1, workers: workers)
        self.table = table
        layout = NIOLockedValueBox(table)
    }

    private static func table(of deployment: Deployment, epoch: Int, workers: [SlotRange]) -> RoutingTable {
        switch deployment.topology {
        case .standalone(let primary, _):
            RoutingTable(epoch: epoch, isCluster: false, workers: workers) { _ in primary }
        case .cluster(let map):
            RoutingTable(epoch: epoch, isCluster: true, workers: workers) { slot in
                map.primaries[map[slot] ?? 0].endpoint
            }
        }
    }

    nonisolated func connect(to endpoint: Endpoint, on loop: any EventLoop) async throws -> Connection {
        try await Connection.open(endpoint, settings: settings, on: loop)
    }

    /// The server that a reply such as `ASK 3999 10.0.0.5:6381` names.
    nonisolated func endpoint(named text: String) throws -> Endpoint {
        addressMap.apply(to: try Endpoint(parsing: text, defaultPort: Endpoint.defaultPort))
    }

    /// All primaries.
    var primaries: [Endpoint] { deployment.primaries }

    /// Asks the target for its layout. Workers that ask at the same time get the same answer.
    ///
    /// - Throws: What says that it must be asked again later, or a `RunError` where that would not help.
    func refresh() async throws -> RoutingTable {
        if let refreshing { return try await refreshing.value }
        let task = Task { try await lookAgain() }
        refreshing = task
        defer { refreshing = nil }
        return try await task.value
    }

    private func lookAgain() async throws -> RoutingTable {
        let found = try await Deployment.discover(
            url, settings: settings, addressMap: addressMap, known: deployment.endpoints, patience: .seconds(2),
            on: loop)
        for primary in found.primaries {
            guard let facts = found.facts[primary] else { throw Unsettled(what: "\(primary) does not answer") }
            guard facts.role == .primary else { throw Unsettled(what: "\(primary) is not a primary any more") }
            if facts.isLoading { throw Unsettled(what: "\(primary) is loading its data") }
        }
        if case .cluster(let map) = found.topology, !map.uncovered.isEmpty {
            throw Unsettled(what: "no primary serves the slots \(map.uncovered)")
        }
        await note(changesTo: found)
        let isSame = found.topology == deployment.topology
        deployment = found
        if !isSame {
            table = Self.table(of: found, epoch: table.epoch + 1, workers: workers)
            layout.withLockedValue { $0 = table }
        }
        return table
    }

    /// Remembers the slots whose former primary is gone: those that merely moved are served by another one while
    /// the old one lives.
    private func note(changesTo found: Deployment) async {
        let before = Self.owners(of: deployment)
        let after = Self.owners(of: found)
        for (endpoint, old) in before {
            let new = after[endpoint]
            if let new, new.runID == old.runID {
                continue
            }
            let lives = await isAlive(endpoint, runID: old.runID)
            if !lives { lostSlots = lostSlots.union(old.slots) }
        }
    }

    private func isAlive(_ endpoint: Endpoint, runID: String) async -> Bool {
        guard let connection = try? await connect(to: endpoint, on: loop) else { return false }
        let facts = try? await ServerFacts.fetch(from: connection)
        await connection.close()
        return facts?.runID == runID && facts?.role == .primary
    }

    private static func owners(of deployment: Deployment) -> [Endpoint: (runID: String, slots: SlotSet)] {
        switch deployment.topology {
        case .standalone(let primary, _): [primary: (deployment.facts[primary]?.runID ?? "", .all)]
        case .cluster(let map):
            Dictionary(
                map.primaries.map { ($0.endpoint, (deployment.facts[$0.endpoint]?.runID ?? "", $0.slots)) },
                uniquingKeysWith: { first, _ in first })
        }
    }

    /// Looks whether a primary was replaced without any worker having noticed it.
    func checkForLosses() async throws -> SlotSet {
        _ = try await refresh()
        return lostSlots
    }

    /// Forgets the slots that were copied once more.
    func forgetLosses(_ slots: SlotSet) {
        lostSlots = lostSlots.subtracting(slots)
    }

    /// Sum of `evicted_keys` over the primaries that answer.
    func evictedKeys() async -> Int64 {
        var sum: Int64 = 0
        for primary in primaries {
            guard let connection = try? await connect(to: primary, on: loop) else { continue }
            sum += (try? await ServerFacts.fetch(from: connection))?.evictedKeys ?? 0
            await connection.close()
        }
        return sum
    }
}

/// The target is there, but not yet as it must be.
struct Unsettled: Error, CustomStringConvertible {
    let what: String
    var description: String { "the target is not settled: \(what)" }
}
