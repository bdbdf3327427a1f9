import NIOCore

/// One search for a deployment: asks servers, and remembers what they said.
struct DeploymentSearch {
    let settings: ConnectionSettings
    let addressMap: AddressMap
    /// Until when a loading server or a failover is waited for.
    let deadline: NIODeadline
    let loop: any EventLoop
    private var facts: [Endpoint: ServerFacts] = [:]
    private(set) var failures: [ConnectionError] = []

    init(settings: ConnectionSettings, addressMap: AddressMap, deadline: NIODeadline, loop: any EventLoop) {
        self.settings = settings
        self.addressMap = addressMap
        self.deadline = deadline
        self.loop = loop
    }

    /// Asks servers; the first that answers tells whether it is a cluster.
    mutating func askServers(_ candidates: [Endpoint]) async throws(DiscoveryError) -> Deployment {
        var survey = StandaloneSurvey(candidates: candidates, addressMap: addressMap)
        while true {
            switch survey.next() {
            case .found(let primary, let replicas):
                return deployment(.standalone(primary: primary, replicas: replicas))
            case .refused(let error): throw error
            case .visit(let endpoint):
                let facts: ServerFacts
                do throws(ConnectionError) {
                    facts = try await visit(endpoint)
                } catch {
                    failures.append(error)
                    survey.failed(error)
                    continue
                }
                if facts.isClusterEnabled {
                    return try await askCluster([endpoint] + candidates.filter { $0 != endpoint })
                }
                survey.visited(endpoint, facts)
            }
        }
    }

    private func deployment(_ topology: Deployment.Topology) -> Deployment {
        Deployment(topology: topology, facts: facts, failures: failures, settings: settings)
    }
}

// MARK: - Single servers

extension DeploymentSearch {
    /// What a server says about itself, once it has loaded its data.
    private mutating func visit(_ endpoint: Endpoint) async throws(ConnectionError) -> ServerFacts {
        if let known = facts[endpoint] { return known }
        let found = try await withConnection(to: endpoint) { [deadline] connection throws(ConnectionError) in
            while true {
                let facts = try await ServerFacts.fetch(from: connection)
                guard facts.isLoading else { return facts }
                guard NIODeadline.now() < deadline else {
                    throw connection.diagnosis.error(
                        .loading, "the \(connection.settings.side) at \(connection.endpoint) is still loading its data."
                    )
                }
                try await Self.pause(connection)
            }
        }
        facts[endpoint] = found
        return found
    }

    private func withConnection<Result: Sendable>(
        to endpoint: Endpoint, settings: ConnectionSettings? = nil,
        _ body: (Connection) async throws(ConnectionError) -> Result
    ) async throws(ConnectionError) -> Result {
        let connection = try await Connection.open(endpoint, settings: settings ?? self.settings, on: loop)
        do throws(ConnectionError) {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    private static func pause(_ connection: Connection) async throws(ConnectionError) {
        do {
            try await Task.sleep(for: .milliseconds(100))
        } catch {
            throw connection.diagnosis.closed()
        }
    }
}

// MARK: - Clusters

extension DeploymentSearch {
    /// Takes the first map that covers all slots, else the one that covers most.
    private mutating func askCluster(_ nodes: [Endpoint]) async throws(DiscoveryError) -> Deployment {
        var best: SlotMap?
        var complaint: TopologyError?
        for node in nodes {
            do {
                guard try await visit(node).isClusterEnabled else { continue }
                let reply = try await withConnection(to: node) { connection throws(ConnectionError) in
                    try await connection.demand("CLUSTER", "SLOTS")
                }
                let map = try SlotMap(clusterSlots: reply, asked: node, addressMap: addressMap)
                if map.uncovered.count < best?.uncovered.count ?? .max { best = map }
                if map.uncovered.isEmpty { break }
            } catch let error as ConnectionError {
                failures.append(error)
            } catch {
                complaint = error as? TopologyError
            }
        }
        guard let best else {
            if let complaint { throw DiscoveryError(.topology, complaint.description, causes: failures) }
            throw .unreachable(failures)
        }
        for primary in best.primaries where facts[primary.endpoint] == nil {
            do {
                _ = try await visit(primary.endpoint)
            } catch {
                failures.append(error)
            }
        }
        return deployment(.cluster(best))
    }
}

// MARK: - Sentinels

extension DeploymentSearch {
    /// What one Sentinel knows.
    private struct Answer: Sendable {
        let primary: Endpoint?
        let replicas: [Endpoint]
    }

    /// Asks each Sentinel in turn until one names a server that is a primary indeed; during a failover they may name
    /// the old one for a while.
    mutating func askSentinels(_ sentinels: [Endpoint], name: String) async throws(DiscoveryError) -> Deployment {
        while true {
            var isKnown = false
            var answers = 0
            for sentinel in sentinels {
                do throws(ConnectionError) {
                    let answer = try await ask(sentinel, name: name)
                    answers += 1
                    guard let primary = answer.primary else { continue }
                    isKnown = true
                    facts[primary] = nil
                    if try await visit(primary).role == .primary {
                        return deployment(.standalone(primary: primary, replicas: answer.replicas))
                    }
                } catch {
                    failures.append(error)
                }
            }
            if answers > 0, !isKnown {
                throw DiscoveryError(
                    .unknownName,
                    "The Sentinels at \(sentinels.map(\.description).joined(separator: ", ")) know no primary "
                        + "'\(name)'.", causes: failures)
            }
            guard answers > 0 else { throw .unreachable(failures) }
            guard NIODeadline.now() < deadline, !Task.isCancelled else {
                throw DiscoveryError(
                    .noPrimary,
                    "The Sentinels name no server for '\(name)' that can be reached and is a primary. "
                        + failures.map(\.message).joined(separator: " "), causes: failures)
            }
            failures = []
            try? await Task.sleep(for: .milliseconds(250))
        }
    }

    private func ask(_ sentinel: Endpoint, name: String) async throws(ConnectionError) -> Answer {
        do throws(ConnectionError) {
            // Sentinels mostly have no password, and refuse one then.
            var settings = settings
            settings.credentials = Credentials()
            return try await ask(sentinel, name: name, settings: settings)
        } catch {
            guard error.code == .authentication else { throw error }
            return try await ask(sentinel, name: name, settings: settings)
        }
    }

    private func ask(
        _ sentinel: Endpoint, name: String, settings: ConnectionSettings
    ) async throws(ConnectionError) -> Answer {
        try await withConnection(to: sentinel, settings: settings) { connection throws(ConnectionError) in
            let address = try await connection.demand("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
            guard let primary = endpoint(host: address.elements?.first, port: address.elements?.last) else {
                return Answer(primary: nil, replicas: [])
            }
            let replicas = try await connection.send("SENTINEL", "REPLICAS", name).elements ?? []
            return Answer(primary: primary, replicas: replicas.compactMap(replica))
        }
    }

    /// A replica of `SENTINEL REPLICAS`, a flat array of names and values; `nil` where the Sentinel sees it down.
    private func replica(_ reply: Reply) -> Endpoint? {
        guard let values = reply.elements, values.count.isMultiple(of: 2) else { return nil }
        var fields: [String: Reply] = [:]
        for index in stride(from: 0, to: values.count, by: 2) {
            if let name = values[index].text { fields[name] = values[index + 1] }
        }
        let flags = fields["flags"]?.text?.split(separator: ",") ?? []
        guard !flags.contains(where: { ["s_down", "o_down", "disconnected"].contains($0) }) else { return nil }
        return endpoint(host: fields["ip"], port: fields["port"])
    }

    private func endpoint(host: Reply?, port: Reply?) -> Endpoint? {
        guard let host = host?.text, !host.isEmpty, let port = port?.integer, (1...65535).contains(port) else {
            return nil
        }
        return addressMap.apply(to: .tcp(host: host.lowercased(), port: Int(port)))
    }
}
