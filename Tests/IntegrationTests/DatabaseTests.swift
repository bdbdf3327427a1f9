import Foundation
import TestServers
import Testing

/// Numbered databases: which go where, and which have no place.
@Suite(.fewAtOnce) struct DatabaseTests {
    private func start(_ name: String, _ databases: [Int], _ directives: [String] = []) async throws -> TestServer {
        let source = try await TestServer.start(name, ServerOptions(directives))
        for database in databases {
            let keys = (0..<20).map { ["SET", "key:\($0)", "in \(database)"] }
            try source.client().pipeline([["SELECT", String(database)]] + keys + [["SADD", "set", "\(database)"]])
        }
        return source
    }

    @Test(arguments: ["snapshot", "scan", "file"])
    func `each database keeps its number, also above nine`(read: String) async throws {
        let source = try await start("redis-7.0.15", [0, 1, 9, 10, 15, 123], ["databases 200"])
        let target = try await TestServer.start("valkey-9.1.2", ServerOptions(["databases 200"]))
        let from = read == "file" ? try source.save() : source.url
        let outcome = try await Run.run(from: from, to: target.url, read == "scan" ? ["--read", "scan"] : [])
        try expectAllCopied(outcome, keys: 126)
        try await expectEqual(source.port, target.port)
    }

    @Test(arguments: ["snapshot", "scan", "file"])
    func `databases that the target cannot hold are refused before the first write`(read: String) async throws {
        let source = try await start("redis-7.0.15", [0, 3, 14], ["databases 20"])
        let small = try await TestServer.start("valkey-8.0.1", ServerOptions(["databases 4"]))
        let cluster = try await TestCluster.start("valkey-8.0.1")
        let from = read == "file" ? try source.save() : source.url
        let how = read == "scan" ? ["--read", "scan"] : []

        expectRefusal(try await Run.run(from: from, to: small.url, how), 2, "14 (21 keys)", "--db-map")
        #expect(try small.keys() == 0)
        let refused = try await Run.run(from: from, to: cluster.url, how)
        expectRefusal(refused, 2, "3 (21 keys), 14 (21 keys)", "--db-map")
        #expect(!refused.error.contains("0 (21 keys)"))
        #expect(try cluster.keys() == 0)

        let mapped = try await Run.run(from: from, to: small.url, how + ["--db-map", "14=2", "--db-map", "3=1"])
        try expectAllCopied(mapped, keys: 63)
        try await expectEqual(source.port, small.port, ["--db-map", "14=2", "--db-map", "3=1"])
        let chosen = try await Run.run(from: from, to: cluster.url, how + ["--db", "14", "--db-map", "14=0"])
        #expect(try chosen.summary.copied == 21, "\(chosen)")
        try await expectEqual(source.port, cluster.port, ["--db", "14", "--db-map", "14=0"])
    }

    @Test func `a pipe with a database that the target cannot hold fails its keys`() async throws {
        let source = try await start("redis-7.0.15", [0, 14])
        let target = try await TestServer.start("valkey-8.0.1", ServerOptions(["databases 4"]))
        let file = try source.save()
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        let outcome = try await Run.run(from: "-", to: target.url, input: bytes)
        #expect(outcome.exit == .code(1), "\(outcome)")
        #expect(try outcome.summary.failed == 21 && outcome.summary.copied == 21, "\(outcome)")
        try await expectEqual(source.port, target.port, ["--db", "0"])
    }

    @Test(arguments: ["snapshot", "scan"])
    func `databases that are merged are told, and the later one wins`(read: String) async throws {
        let source = try await start("redis-7.0.15", [0, 3])
        let target = try await TestServer.start("valkey-8.0.1")
        let outcome = try await Run.run(from: source.url, to: target.url, ["--read", read, "--db-map", "3=0"])
        try expectAllCopied(outcome, keys: 42)
        #expect(try outcome.summary.warnings.contains { $0.contains("0 and 3 are merged") }, "\(outcome)")
        #expect(try target.keys() == 21)
        #expect(try target.client().command(["GET", "key:5"]).text == "in 3")
    }

    @Test(arguments: ["snapshot", "scan"])
    func `a Valkey 9 cluster holds several databases`(read: String) async throws {
        let source = try await start("redis-7.0.15", [0, 1, 3])
        try await Filler.run(source, .demo, keys: 1500, database: 3)
        let target = try await TestCluster.start("valkey-9.1.2", ServerOptions(["cluster-databases 4"]))
        let keys = try source.keys(inDatabase: 3) + 42
        let outcome = try await Run.run(from: source.url, to: target.url, ["--read", read])
        try expectAllCopied(outcome, keys: keys)
        try await expectEqual(source.port, target.port)

        // And back: from a cluster of several databases.
        let back = try await TestServer.start("valkey-9.1.2")
        let second = try await Run.run(from: target.url, to: back.url, ["--read", read])
        try expectAllCopied(second, keys: keys)
        try await expectEqual(source.port, back.port)

        try source.client().pipeline([["SELECT", "4"], ["SET", "homeless", "1"]])
        expectRefusal(try await Run.run(from: source.url, to: target.url, ["--read", read]), 2, "4 (1 keys)")
    }
}
