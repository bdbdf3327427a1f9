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

    /// Keys by database, over all primaries.
    var keyCounts: [Int: Int] {
        var counts: [Int: Int] = [:]
        for primary in primaries { counts.merge(facts[primary]?.keyCounts ?? [:]) { $0 + $1 } }
        return counts
    }
}
