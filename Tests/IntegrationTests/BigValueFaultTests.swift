import Foundation
import TestServers
import Testing

/// What happens on the target to the temporary key of a big value, and to its slot, while it is written.
@Suite(.fewAtOnce) struct BigValueFaultTests {
    private static let pieces = ["--big-value-bytes", "64KiB", "--in-flight-bytes", "1MiB"]

    private static let padding = String(repeating: "padding ", count: 10)

    private static func temporaryKeys(of client: TestClient) throws -> [String] {
        try client.require("KEYS", "backfill:~*").elements.compactMap(\.text)
    }

    /// The one key of a server: bytes or elements that do not compress.
    private static func fill(_ source: TestServer, _ type: String) throws -> String {
        let client = try source.client()
        let key = "{big}:\(type)"
        for start in stride(from: 0, to: 100_000, by: 1000) {
            let words = (start..<start + 1000).map { "element \($0) \(Self.padding)" }
            switch type {
            case "string": try client.require("APPEND", key, words.joined())
            case "hash": _ = try client.command(["HSET", key] + words.flatMap { [$0, $0] })
            default: _ = try client.command(["RPUSH", key] + words)
            }
        }
        return key
    }

    @Test(arguments: ["string", "hash", "list"])
    func `a value whose temporary key expires while the target is full is no value`(type: String) async throws {
        let source = try await TestServer.start("redis-7.4.1")
        let key = try Self.fill(source, type)
        let target = try await TestServer.start("redis-7.4.1", ServerOptions(["maxmemory 6mb"]))
        if type == "hash" {
            try source.client().require("HPEXPIRE", key, "10000000", "FIELDS", "1", "element 0 \(Self.padding)")
        }
        let run = try Run.start(from: source.url, to: target.url, Self.pieces)
        let client = try target.client()
        try await target.wait(until: "full") { _ in
            try client.command(["SET", "probe", String(repeating: "1", count: 400_000)]).text?.hasPrefix("OOM") == true
        }
        // What five minutes would do to it.
        for key in try Self.temporaryKeys(of: client) { try client.require("DEL", key) }
        try client.require("CONFIG", "SET", "maxmemory", "0")
        let outcome = try await run.outcome()
        let summary = try outcome.summary
        #expect(summary.copied == 0 && summary.failed == 1, "\(outcome)")
        #expect(try client.require("EXISTS", key).integer == 0)
        #expect(try Self.temporaryKeys(of: client) == [])
    }

    @Test func `on a target that loses nothing, a value that waited for its slot is copied`() async throws {
        let source = try await TestServer.start("redis-6.2.14")
        let key = try Self.fill(source, "list")
        let target = try await TestCluster.start("redis-6.2.14")
        let slot = try target.primaries[0].client().require("CLUSTER", "KEYSLOT", key).integer
        let number = try Int(#require(slot))
        let owner = try #require(target.primaries.indices.first { target.slots(ofPrimary: $0).contains(number) })
        let other = (owner + 1) % 3
        // Clients of somebody else, who must not be taken for ours.
        let strangers = try (0..<100).map { _ in try target.primaries[other].client() }
        for stranger in strangers { try stranger.require("PING") }
        let run = try Run.start(from: source.url, to: target.url, Self.pieces)
        try await target.primaries[owner].wait(forKeys: 0, of: run)
        run.send(signal: SIGSTOP)
        try target.beginMove(slot: number, from: target.primaries[owner], to: target.primaries[other])
        run.send(signal: SIGCONT)
        // It is whole, and may not have its name before both keys are in one place.
        try await Task.sleep(for: .milliseconds(1500))
        #expect(run.isRunning)
        _ = try target.moveKeys(slot: number, from: target.primaries[owner], to: target.primaries[other])
        try target.finishMove(slot: number, to: target.primaries[other])
        try expectAllCopied(try await run.outcome(timeout: .seconds(60)), keys: 1)
        try await expectEqual(source.port, target.port)
        for stranger in strangers { try stranger.require("PING") }
    }

    @Test func `a temporary key that cannot be removed still expires`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let key = try Self.fill(source, "list")
        let target = try await TestServer.start("redis-7.0.15", ServerOptions(["rename-command UNLINK \"\""]))
        let run = try Run.start(from: source.url, to: target.url, Self.pieces + ["--on-conflict", "skip"])
        try await target.wait(forKeys: 0, of: run)
        run.send(signal: SIGSTOP)
        let client = try target.client()
        try client.require("SET", key, "mine")
        run.send(signal: SIGCONT)
        let summary = try await run.outcome().summary
        #expect(summary.existing == 1)
        #expect(try client.require("GET", key).text == "mine")
        let left = try Self.temporaryKeys(of: client)
        #expect(left.count == 1)
        for key in left { #expect((1...300_000).contains(try client.require("PTTL", key).integer ?? -1)) }
    }

    /// The outcome of a reading that is given up counts nowhere.
    @Test(arguments: ["existing", "lossy"])
    func `a key that changes while it is read counts once`(kind: String) async throws {
        let source = try await TestServer.start("redis-7.4.1")
        let key = try Self.fill(source, "hash")
        let target = try await TestServer.start("valkey-8.0.1")
        if kind == "existing" {
            try target.client().require("SET", key, "mine")
        } else {
            try source.client().require("HPEXPIRE", key, "10000000", "FIELDS", "1", "element 0 \(Self.padding)")
        }
        let run = try Run.start(
            from: source.url, to: target.url, Self.pieces + ["--on-conflict", "skip", "--read", "scan"])
        let client = try source.client()
        var number = 0
        while run.isRunning {
            number += 1
            try client.require("HSET", key, "changing", "\(number)")
        }
        let outcome = try await run.outcome()
        let summary = try outcome.summary
        let settled = summary.copied + summary.existing + summary.failed + summary.unsupported
        #expect(summary.read == 1 && settled == 1, "\(outcome)")
    }

    @Test(arguments: ["redis-6.0.16", "redis-6.2.14"])
    func `consumers go to targets that have no command to make one`(name: String) async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let client = try source.client()
        for start in stride(from: 0, to: 20_000, by: 500) {
            try client.pipeline(
                (start..<start + 500).map { ["XADD", "s", "1-\($0 + 1)", "f", "\($0 &* 0x9E37_79B9_7F4A_7C1)"] })
        }
        try client.require("XGROUP", "CREATE", "s", "g", "0")
        try client.require("XREADGROUP", "GROUP", "g", "busy", "COUNT", "10", "STREAMS", "s", ">")
        try client.require("XGROUP", "CREATECONSUMER", "s", "g", "idle")
        let target = try await TestServer.start(name)
        let outcome = try await Run.run(from: source.url, to: target.url, ["--big-value-bytes", "64KiB"])
        try expectAllCopied(outcome, keys: 1)
        let consumers = try target.client().require("XINFO", "CONSUMERS", "s", "g").elements
        #expect(Set(consumers.compactMap { $0.elements[1].text }) == ["busy", "idle"])
        #expect(consumers.compactMap { $0.elements[3].integer }.sorted() == [0, 10])
        if name != "redis-6.0.16" { try await expectEqual(source.port, target.port) }
    }
}
