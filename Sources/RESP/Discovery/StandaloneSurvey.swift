/// Finds the one primary among candidates: whom to ask next, and what the answers mean. Pure: it asks nobody itself.
struct StandaloneSurvey {
    enum Step {
        case visit(Endpoint)
        case found(primary: Endpoint, replicas: [Endpoint])
        case refused(DiscoveryError)
    }

    /// A server that answered, under the name by which it was asked first.
    private struct Visit {
        let endpoint: Endpoint
        let facts: ServerFacts
        /// Its primary, for a replica, as it is reached from here.
        let follows: Endpoint?
    }

    /// Replicas of replicas are followed this many servers far.
    private static let maximumVisits = 256

    private let addressMap: AddressMap
    private var queue: [Endpoint]
    private var seen: Set<Endpoint>
    private var visits: [Visit] = []
    /// The names of each server, by its run ID.
    private var names: [String: [Endpoint]] = [:]
    private var failures: [ConnectionError] = []

    init(candidates: [Endpoint], addressMap: AddressMap) {
        self.addressMap = addressMap
        seen = []
        queue = []
        for candidate in candidates where seen.insert(candidate).inserted { queue.append(candidate) }
    }

    /// What to do now. After `visit`, call ``visited(_:_:)`` or ``failed(_:)``.
    mutating func next() -> Step {
        guard queue.isEmpty || visits.count >= Self.maximumVisits else { return .visit(queue.removeFirst()) }
        let primaries = visits.filter { $0.facts.role == .primary }
        guard let primary = primaries.first else { return .refused(noPrimary()) }
        guard primaries.count == 1 else { return .refused(several(primaries)) }
        let strangers = visits.filter { !belongs($0, to: primary) }
        guard strangers.isEmpty else { return .refused(several([primary] + strangers)) }
        return .found(primary: primary.endpoint, replicas: replicas(of: primary))
    }

    mutating func visited(_ endpoint: Endpoint, _ facts: ServerFacts) {
        names[facts.runID, default: []].append(endpoint)
        // The same server under another name.
        guard !visits.contains(where: { $0.facts.runID == facts.runID }) else { return }
        guard case .replica(let primary, _) = facts.role else {
            visits.append(Visit(endpoint: endpoint, facts: facts, follows: nil))
            return
        }
        let mapped = addressMap.apply(to: primary)
        visits.append(Visit(endpoint: endpoint, facts: facts, follows: mapped))
        if seen.insert(mapped).inserted { queue.append(mapped) }
    }

    mutating func failed(_ error: ConnectionError) {
        failures.append(error)
    }

    /// A replica belongs to the primary that it follows, or that has the history of its data: its own primary may be
    /// dead, and the other one promoted.
    private func belongs(_ visit: Visit, to primary: Visit) -> Bool {
        guard let followed = visit.follows else { return visit.facts.runID == primary.facts.runID }
        if names[primary.facts.runID, default: []].contains(followed) { return true }
        // Along a chain of replicas, and after a promotion, the history is the same.
        return [primary.facts.replicationID, primary.facts.previousReplicationID].contains(visit.facts.replicationID)
    }

    /// Those asked, then those that the primary lists.
    private func replicas(of primary: Visit) -> [Endpoint] {
        var endpoints = visits.filter { $0.follows != nil }.map(\.endpoint)
        for announced in primary.facts.replicas.map(addressMap.apply) {
            guard !seen.contains(announced), !endpoints.contains(announced) else { continue }
            endpoints.append(announced)
        }
        return endpoints
    }

    private func several(_ visits: [Visit]) -> DiscoveryError {
        let list = visits.map { visit in
            visit.follows.map { "\(visit.endpoint) (a replica of \($0))" } ?? "\(visit.endpoint)"
        }
        return DiscoveryError(
            .severalPrimaries,
            "\(list.joined(separator: " and ")) are independent of each other, but the hosts of one URL are one deployment: "
                + "name one of them, and copy the others in runs of their own.")
    }

    private func noPrimary() -> DiscoveryError {
        guard !visits.isEmpty else { return .unreachable(failures) }
        let list = visits.map { visit in
            visit.follows.map { "\(visit.endpoint) is a replica of \($0)" } ?? "\(visit.endpoint) is a Sentinel"
        }
        let reasons = failures.map { " " + $0.message }.joined()
        return DiscoveryError(
            .noPrimary, "No primary was found: \(list.joined(separator: ", ")).\(reasons)", causes: failures)
    }
}
