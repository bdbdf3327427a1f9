import Foundation
import TestServers
import Testing

/// Expects that every key of both sides is equal, by the servers' own commands.
func expectEqual(
    _ from: Int, _ to: Int, _ arguments: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let comparison = try await Comparer.run(from: from, to: to, arguments)
    #expect(comparison.isEqual, "\(comparison)", sourceLocation: sourceLocation)
}

/// Expects a run that is done, with every key copied.
func expectAllCopied(
    _ outcome: Outcome, keys: Int, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let summary = try outcome.summary
    #expect(outcome.exit == .code(0), "\(outcome)", sourceLocation: sourceLocation)
    #expect(summary.result == "done", "\(outcome)", sourceLocation: sourceLocation)
    #expect(summary.read == keys && summary.copied == keys, "\(outcome)", sourceLocation: sourceLocation)
}

/// Expects a run that was refused before its first write, with this code, and a message that says all of `words`.
func expectRefusal(
    _ outcome: Outcome, _ code: Int32, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(outcome.exit == .code(code), "\(outcome)", sourceLocation: sourceLocation)
    for word in words {
        #expect(outcome.error.contains(word), "'\(word)' is missing: \(outcome)", sourceLocation: sourceLocation)
    }
}

extension TestServer {
    /// Keys of a database.
    func keys(inDatabase database: Int = 0) throws -> Int {
        let replies = try client().pipeline([["SELECT", String(database)], ["DBSIZE"]])
        return Int(replies[1].integer ?? -1)
    }

    /// A digest of everything that it holds, in all databases.
    func digest() throws -> String { try client().require("DEBUG", "DIGEST").text ?? "" }

    /// How often it ran a command, such as `scan`, since it started.
    func calls(of command: String) throws -> Int {
        let line = try client().info("commandstats")["cmdstat_\(command)"] ?? ""
        let field = line.split(separator: ",").first { $0.hasPrefix("calls=") }
        return field.flatMap { Int($0.dropFirst("calls=".count)) } ?? 0
    }

    /// A number of INFO.
    func number(_ field: String, of section: String) throws -> Int {
        try Int(#require(try client().info(section)[field])) ?? -1
    }

    func flush() throws { try client().require("FLUSHALL") }

    /// Saves its data, and gives the path of the file.
    func save() throws -> String {
        try client().require("SAVE")
        return folder + "/dump.rdb"
    }

    /// Waits until it holds more than so many keys: `run`, which writes to it, is then in the middle.
    /// - Throws: `TestError` with what `run` said, where it ends before.
    func wait(forKeys keys: Int, of run: Program, limit: Duration = .seconds(30)) async throws {
        let client = try client()
        let deadline = ContinuousClock.now + limit
        while try client.require("DBSIZE").integer ?? 0 <= keys {
            guard run.isRunning else { throw TestError("it ended too soon: \(try await run.wait())") }
            guard ContinuousClock.now < deadline else { throw TestError("\(name) never had more than \(keys) keys") }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

extension TestCluster {
    func keys() throws -> Int { try primaries.reduce(0) { try $0 + $1.keys() } }

    func flush() throws {
        for primary in primaries { try primary.flush() }
    }
}
