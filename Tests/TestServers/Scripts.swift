/// What `scripts/compare` found.
package struct Comparison: Sendable, CustomStringConvertible {
    package let isEqual: Bool
    /// Counts and examples, for the failure message.
    package let description: String
}

/// `scripts/compare`: every key of both sides by the servers' own commands.
package enum Comparer {
    /// Compares two deployments, given as ports of any of their nodes on 127.0.0.1.
    /// - Parameters:
    ///   - arguments: More options of the script, such as `--db-map`, `3=0`.
    /// - Throws: `TestError` when it could not compare.
    package static func run(
        from: Int, to: Int, _ arguments: [String] = [], timeout: Duration = .seconds(120)
    ) async throws -> Comparison {
        let result = try await Program.run(
            TestFolder.package + "/scripts/compare",
            ["--from", "127.0.0.1:\(from)", "--to", "127.0.0.1:\(to)"] + arguments, timeout: timeout)
        guard result.exit == .code(0) || result.exit == .code(1) else { throw TestError(result.description) }
        return Comparison(isEqual: result.exit == .code(0), description: result.outputText)
    }

    /// Compares two servers, with the passwords that they have.
    package static func run(
        from: TestServer, to: TestServer, _ arguments: [String] = [], timeout: Duration = .seconds(120)
    ) async throws -> Comparison {
        let access = ["from": from, "to": to].flatMap { side, server in
            server.passwordFile.map { ["--\(side)-password-file", $0] } ?? []
        }
        return try await run(from: from.port, to: to.port, access + arguments, timeout: timeout)
    }
}

/// `scripts/fill`: deterministic data.
package enum Filler {
    /// What the data is made of; see the script.
    package enum Data: String, Sendable {
        case strings, mixed, large, demo, big
    }

    /// Fills the server, or the whole cluster of the node, on 127.0.0.1.
    package static func run(
        port: Int, _ data: Data, keys: Int, database: Int = 0, _ arguments: [String] = []
    ) async throws {
        let result = try await Program.run(
            TestFolder.package + "/scripts/fill",
            ["--port", String(port), "--data", data.rawValue, "--keys", String(keys), "--db", String(database)]
                + ["--quiet"] + arguments)
        guard result.exit == .code(0) else { throw TestError(result.description) }
    }

    /// Fills a server, with the password that it has.
    package static func run(
        _ server: TestServer, _ data: Data, keys: Int, database: Int = 0, _ arguments: [String] = []
    ) async throws {
        let access = server.passwordFile.map { ["--password-file", $0] } ?? []
        try await run(port: server.port, data, keys: keys, database: database, access + arguments)
    }
}
