internal import NIOCore
internal import RESP

extension Deployment {
    /// Finds a deployment.
    ///
    /// - Parameter patience: How long a server that is loading its data is waited for.
    /// - Throws: `RunError`.
    static func find(
        _ url: DeploymentURL, _ settings: ConnectionSettings, _ addressMap: AddressMap, patience: Duration,
        on loop: any EventLoop
    ) async throws -> Deployment {
        do {
            return try await discover(
                url, settings: settings, addressMap: addressMap,
                patience: .nanoseconds(Int64(patience / .nanoseconds(1))), on: loop)
        } catch {
            throw RunError(error.code == .severalPrimaries ? .usage : .connection, error.message)
        }
    }

    /// Refuses to take a deployment for two.
    func expectDifferent(from target: Deployment) throws(RunError) {
        for (sourceEndpoint, sourceFacts) in facts {
            for (targetEndpoint, targetFacts) in target.facts {
                if !sourceFacts.runID.isEmpty, sourceFacts.runID == targetFacts.runID {
                    throw RunError(
                        .usage, "Source and target are the same server: \(sourceEndpoint) is \(targetEndpoint).")
                }
                if !sourceFacts.replicationID.isEmpty, sourceFacts.replicationID == targetFacts.replicationID {
                    throw RunError(
                        .usage,
                        "Source and target belong together: \(sourceEndpoint) and \(targetEndpoint) replicate the same data."
                    )
                }
            }
        }
    }

    /// The modules that every primary has, with their versions. None where it does not say.
    func modules(on loop: any EventLoop) async throws -> [String: Set<Int64>] {
        var common: [String: Set<Int64>]?
        for primary in primaries {
            let connection = try await Connection.open(primary, settings: settings, on: loop)
            let reply = try await connection.send("MODULE", "LIST")
            await connection.close()
            var found: [String: Set<Int64>] = [:]
            for module in reply.elements ?? [] {
                var fields: [String: Reply] = [:]
                let parts = module.elements ?? []
                for index in stride(from: 0, to: parts.count - 1, by: 2) {
                    if let name = parts[index].text { fields[name] = parts[index + 1] }
                }
                if let name = fields["name"]?.text { found[name] = [fields["ver"]?.integer ?? 0] }
            }
            guard let known = common else {
                common = found
                continue
            }
            common = known.filter { found[$0.key] != nil }.merging(found.filter { known[$0.key] != nil }) {
                $0.union($1)
            }
        }
        return common ?? [:]
    }

    /// Keys by database, over all primaries.
    var keyCounts: [Int: Int] {
        var counts: [Int: Int] = [:]
        for primary in primaries { counts.merge(facts[primary]?.keyCounts ?? [:]) { $0 + $1 } }
        return counts
    }
}
