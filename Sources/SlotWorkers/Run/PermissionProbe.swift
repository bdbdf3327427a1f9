internal import NIOCore
internal import RESP

/// Finds out what a deployment's user may not do, without doing it.
struct PermissionProbe: Sendable {
    let side: Deployment
    let loop: any EventLoop

    /// Makes sure that the deployment lets us read it by SCAN.
    ///
    /// - Parameter further: What else will be asked of each primary.
    func expectReads(and further: [[any CommandArgument]] = []) async throws {
        for primary in side.primaries {
            guard let facts = side.facts[primary] else { continue }
            var commands: [[any CommandArgument]] = [["SCAN", "0"], ["DUMP", "k"]]
            commands.append([facts.tellsExpiryTime ? "PEXPIRETIME" : "PTTL", "k"])
            if !facts.tellsExpiryTime { commands.append(["TIME"]) }
            try await expectTransactions(on: primary)
            if facts.isClusterEnabled {
                commands += [["CLUSTER", "COUNTKEYSINSLOT", "0"], ["CLUSTER", "GETKEYSINSLOT", "0", "1"]]
            } else {
                commands.append(["SELECT", "0"])
            }
            try await expect(commands + further, on: primary)
        }
    }

    /// Makes sure of the transactions in which keys are dumped.
    private func expectTransactions(on endpoint: Endpoint) async throws {
        let connection = try await Connection.open(endpoint, settings: side.settings, on: loop)
        var replies = try await connection.pipeline([["MULTI"], ["EXEC"]])
        // A transaction that cannot be ended is given up with its connection.
        await connection.close()
        for name in ["EXEC", "MULTI"] {
            if let error = replies.popLast()?.error, error.code == "NOPERM" {
                throw missing(name, on: endpoint, error)
            }
        }
    }

    private func missing(_ command: String, on endpoint: Endpoint, _ error: ServerError) -> RunError {
        RunError(
            .connection,
            "The \(side.settings.side)'s user may not run \(command) on \(endpoint): \(error). "
                + "Grant +\(command.lowercased()) to it.")
    }

    /// Asks whether we may run commands, without running them: permissions are looked at when a transaction queues them,
    /// and it is discarded.
    func expect(_ commands: [[any CommandArgument]], on endpoint: Endpoint) async throws {
        let connection = try await Connection.open(endpoint, settings: side.settings, on: loop)
        // Alone, and first: outside of a transaction the commands would run.
        guard try await connection.send("MULTI").isOK else {
            await connection.close()
            return
        }
        let replies = try await connection.pipeline(commands + [["DISCARD"]])
        await connection.close()
        for (command, reply) in zip(commands, replies) {
            guard let error = reply.error else { continue }
            let name = command.first.flatMap { $0 as? String } ?? ""
            if error.code == "READONLY" {
                throw RunError(.usage, "The \(side.settings.side) \(endpoint) is read-only: name a primary as --to.")
            }
            // A refusal of the made-up key says nothing about the user's keys.
            if error.code == "NOPERM", error.message.contains("command") || error.message.contains("run the") {
                throw missing(name, on: endpoint, error)
            }
        }
    }
}
