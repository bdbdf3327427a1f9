import Foundation
import TestServers
import Testing

/// Values that are written in pieces, under a temporary key.
@Suite(.fewAtOnce) struct BigValueTests {
    private static let pieces = ["--big-value-bytes", "64KiB"]

    private func filled(_ name: String, _ options: ServerOptions = ServerOptions()) async throws -> TestServer {
        let source = try await TestServer.start(name, options)
        try await Filler.run(source, .big, keys: 0, source.hasFieldExpiries ? ["--field-expiry"] : [])
        return source
    }

    @Test(arguments: [
        Pair("redis-6.2.14", "valkey-8.0.1"), Pair("redis-7.0.15", "valkey-9.1.2"), Pair("redis-8.6.3", "valkey-9.1.2"),
        Pair("valkey-9.1.2", "redis-8.6.3"), Pair("valkey-8.0.1", "redis-6.2.14"),
    ])
    func `of every type, by every way to read`(pair: Pair) async throws {
        let source = try await filled(pair.source)
        let target = try await TestServer.start(pair.target)
        let keys = try source.keys()
        let file = try source.save()
        for (from, more) in [(source.url, []), (source.url, ["--read", "scan"]), (file, [])] {
            try target.flush()
            let outcome = try await Run.run(from: from, to: target.url, Self.pieces + more)
            try expectAllCopied(outcome, keys: keys)
            try await expectEqual(source.port, target.port)
        }
    }

    @Test func `into a cluster, each in the slot of its key`() async throws {
        let source = try await filled("redis-7.4.1")
        let target = try await TestCluster.start("valkey-9.1.2")
        for read in ["snapshot", "scan"] {
            try target.flush()
            let outcome = try await Run.run(from: source.url, to: target.url, Self.pieces + ["--read", read])
            try expectAllCopied(outcome, keys: try source.keys())
            try await expectEqual(source.port, target.port)
        }
    }

    @Test(arguments: ["convert", "error", "skip"])
    func `field expiries that the target does not have`(policy: String) async throws {
        let source = try await filled("redis-7.4.1")
        let target = try await TestServer.start("valkey-8.0.1")
        let keys = try source.keys()
        let outcome = try await Run.run(
            from: source.url, to: target.url, Self.pieces + ["--on-lossy", policy])
        let summary = try outcome.summary
        #expect(summary.copied == (policy == "convert" ? keys : keys - 1), "\(outcome)")
        #expect(summary.unsupported == (policy == "error" ? 1 : 0), "\(outcome)")
        #expect(summary.filtered == (policy == "skip" ? 1 : 0), "\(outcome)")
        #expect(summary.reasons.values.flatMap(\.examples) == ["{big:hash}:expiring"], "\(outcome)")
        #expect(outcome.exit == .code(policy == "error" ? 1 : 0), "\(outcome)")
        // Nothing of a value that is refused, not even under another name.
        #expect(try target.keys() == summary.copied)
        #expect(
            try target.client().require("HLEN", "{big:hash}:expiring").integer == (policy == "convert" ? 20_000 : 0))
    }

    @Test func `pending entries that are gone from their stream are told`() async throws {
        let source = try await filled("redis-7.4.1")
        let target = try await TestServer.start("valkey-9.1.2")
        try source.client().require("XDEL", "big:stream", "1003-1")
        for (policy, count) in [("error", 0), ("convert", 1)] {
            let outcome = try await Run.run(
                from: source.url, to: target.url, Self.pieces + ["--on-lossy", policy])
            #expect(outcome.exit == .code(policy == "error" ? 1 : 0), "\(outcome)")
            #expect(try outcome.summary.reasons.keys.contains { $0.contains("pending entries") }, "\(outcome)")
            #expect(try target.client().require("EXISTS", "big:stream").integer == Int64(count))
        }
        // Held whole it goes over as it is.
        try target.flush()
        try expectAllCopied(try await Run.run(from: source.url, to: target.url), keys: try source.keys())
        try await expectEqual(source.port, target.port)
    }

    @Test(arguments: ["replace", "skip", "error"])
    func `a key that exists is treated as the user wants`(policy: String) async throws {
        let source = try await filled("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        let client = try target.client()
        try client.require("SET", "big:list", "mine", "EX", "1000")
        let outcome = try await Run.run(
            from: source.url, to: target.url, Self.pieces + ["--on-conflict", policy])
        let summary = try outcome.summary
        if policy == "replace" {
            try expectAllCopied(outcome, keys: try source.keys())
            return try await expectEqual(source.port, target.port)
        }
        #expect(try client.require("GET", "big:list").text == "mine")
        #expect(summary.existing == (policy == "skip" ? 1 : 0) && summary.failed == (policy == "skip" ? 0 : 1))
        #expect(summary.copied == (try source.keys()) - 1, "\(outcome)")
        #expect(outcome.exit == .code(policy == "skip" ? 0 : 1), "\(outcome)")
        #expect(try target.keys() == summary.copied + 1)
    }

    @Test(arguments: ["file", "snapshot", "scan"])
    func `connections that are cut are made again, and no element comes twice`(read: String) async throws {
        let source = try await filled("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        let from = read == "file" ? try source.save() : source.url
        let run = try Run.start(
            from: from, to: target.url,
            Self.pieces + ["--in-flight-bytes", "1MiB"] + (read == "file" ? [] : ["--read", read]))
        let client = try target.client()
        var cuts = 0
        while run.isRunning, cuts < 200 {
            // A connection that has begun to write, in its middle.
            if let list = try client.require("CLIENT", "LIST", "TYPE", "normal").text {
                for line in list.split(separator: "\n") where line.contains("cmd=exec") {
                    let id = line.dropFirst("id=".count).prefix { $0 != " " }
                    if try client.command(["CLIENT", "KILL", "ID", String(id)]).integer == 1 { cuts += 1 }
                }
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(cuts > 0)
        try expectAllCopied(try await run.outcome(timeout: .seconds(120)), keys: try source.keys())
        try await expectEqual(source.port, target.port)
    }

    @Test func `a target that is full for a while gets everything in its order`() async throws {
        let source = try await filled("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1", ServerOptions(["maxmemory 6mb"]))
        let run = try Run.start(from: source.url, to: target.url, Self.pieces)
        let client = try target.client()
        try await target.wait(until: "full") { _ in
            try client.command(["SET", "probe", "1"]).text?.hasPrefix("OOM") == true
        }
        for memory in ["8mb", "10mb", "0"] {
            try await Task.sleep(for: .milliseconds(300))
            try client.require("CONFIG", "SET", "maxmemory", memory)
        }
        try client.require("DEL", "probe")
        try expectAllCopied(try await run.outcome(timeout: .seconds(120)), keys: try source.keys())
        try client.require("DEL", "probe")
        try await expectEqual(source.port, target.port)
    }

    @Test func `a slot that moves in the middle takes what was written along`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestCluster.start("valkey-8.0.1")
        let client = try source.client()
        for start in stride(from: 0, to: 300_000, by: 1000) {
            _ = try client.command(["RPUSH", "{moving}:list"] + (start..<start + 1000).map { "element \($0)" })
        }
        let slot = try target.primaries[0].client().require("CLUSTER", "KEYSLOT", "{moving}:list").integer
        let number = try Int(#require(slot))
        let owner = try #require(target.primaries.indices.first { target.slots(ofPrimary: $0).contains(number) })
        let other = (owner + 1) % 3
        let run = try Run.start(from: source.url, to: target.url, Self.pieces + ["--in-flight-bytes", "1MiB"])
        try await target.primaries[owner].wait(forKeys: 0, of: run)
        run.send(signal: SIGSTOP)
        try target.beginMove(slot: number, from: target.primaries[owner], to: target.primaries[other])
        _ = try target.moveKeys(slot: number, from: target.primaries[owner], to: target.primaries[other])
        run.send(signal: SIGCONT)
        // It is asked for where it is, and then found to have moved.
        try await Task.sleep(for: .milliseconds(300))
        try target.finishMove(slot: number, to: target.primaries[other])
        try expectAllCopied(try await run.outcome(timeout: .seconds(60)), keys: 1)
        try await expectEqual(source.port, target.port)
    }

    @Test(arguments: [SIGINT, SIGKILL])
    func `a run that ends in the middle leaves no half value`(signal: Int32) async throws {
        let source = try await filled("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        let run = try Run.start(from: source.url, to: target.url, Self.pieces + ["--in-flight-bytes", "1MiB"])
        try await target.wait(forKeys: 1, of: run)
        run.send(signal: signal)
        _ = try await run.wait(timeout: .seconds(60))
        let client = try target.client()
        let left = try client.require("KEYS", "*").elements.compactMap(\.text)
        for key in left where key.hasPrefix("backfill:~") {
            #expect(signal == SIGKILL, "\(key)")
            let life = try client.require("PTTL", key).integer ?? -1
            #expect((1...300_000).contains(life), "\(key)")
        }
        // What has its name is whole. Of a sorted set the two servers print scores, and so make digests, differently.
        for key in left where !key.hasPrefix("backfill:~") && key != "big:zset" {
            let digests = try [source, target].map {
                try $0.client().require("DEBUG", "DIGEST-VALUE", key).elements.first?.text
            }
            #expect(digests[0] == digests[1], "\(key)")
        }
        if left.contains("big:zset") {
            let cards = try [source, target].map { try $0.client().require("ZCARD", "big:zset").integer }
            #expect(cards[0] == cards[1])
        }
        try expectAllCopied(
            try await Run.run(from: source.url, to: target.url, Self.pieces), keys: try source.keys())
        for key in left where key.hasPrefix("backfill:~") { try client.require("DEL", key) }
        try await expectEqual(source.port, target.port)
    }
}

extension TestServer {
    /// Whether fields of hashes can expire: Redis from 7.4 on, Valkey from 9.0.
    var hasFieldExpiries: Bool { isValkey ? version[0] >= 9 : version.lexicographicallyPrecedes([7, 4]) == false }
}
