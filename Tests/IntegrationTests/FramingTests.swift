import Foundation
import TestServers
import Testing

/// How the snapshot travels: over the source's disk or straight from its fork, and from whom.
@Suite(.fewAtOnce) struct FramingTests {
    @Test(arguments: ["redis-6.2.14", "redis-7.0.15", "redis-7.4.1", "redis-8.6.3"], [true, false])
    func `a snapshot from disk and one without disk`(name: String, isDiskless: Bool) async throws {
        let source = try await TestServer.start(
            name, ServerOptions(["repl-diskless-sync \(isDiskless ? "yes" : "no")"]))
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(source, .strings, keys: 20_000)
        let outcome = try await Run.run(from: source.url, to: target.url)
        try expectAllCopied(outcome, keys: 20_000)
        try await expectEqual(source.port, target.port)
        #expect(try source.number("sync_full", of: "stats") == 1)
        #expect(source.log.contains(isDiskless ? "replicas sockets" : "target: disk"), "\(source.log)")
    }

    /// Redis 6.0 knows no `rdb-only`, so that we are a replica like any other to it.
    @Test func `the source hears from us every second, also while the target hangs`() async throws {
        let source = try await TestServer.start("redis-6.0.16")
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(source, .large, keys: 1000)
        let run = try Run.start(from: source.url, to: target.url, ["--in-flight-bytes", "1MiB"])
        try await target.wait(forKeys: 20, of: run)
        target.pause()
        let before = try source.calls(of: "replconf")
        try await source.wait(until: "told twice that we live") { _ in
            try source.calls(of: "replconf") >= before + 2
        }
        #expect(run.isRunning)
        target.resume()
        try expectAllCopied(try await run.outcome(), keys: 1000)
        try await expectEqual(source.port, target.port)
    }

    @Test func `a preferred replica spares the primary of a standalone server`() async throws {
        let primary = try await TestServer.start("redis-7.0.15")
        try await Filler.run(primary, .demo, keys: 2000)
        let keys = try primary.keys()
        var options = ServerOptions()
        options.replicaOf = primary.port
        let replica = try await TestServer.start("redis-7.0.15", options)
        try await replica.wait(until: "in sync") { try $0.info("replication")["master_link_status"] == "up" }
        let target = try await TestServer.start("valkey-8.0.1")
        let forks = try primary.number("total_forks", of: "stats")
        for read in ["snapshot", "scan"] {
            try target.flush()
            try target.client().require("FUNCTION", "FLUSH")
            let scans = try primary.calls(of: "scan")
            let outcome = try await Run.run(from: primary.url, to: target.url, ["--read", read, "--prefer-replica"])
            try expectAllCopied(outcome, keys: keys)
            #expect(try primary.calls(of: "scan") == scans)
            try await expectEqual(primary.port, target.port)
        }
        #expect(try primary.number("total_forks", of: "stats") == forks)
        #expect(try primary.number("sync_full", of: "stats") == 1)
        #expect(try primary.calls(of: "dump") == 0)
        #expect(try replica.number("sync_full", of: "stats") == 1)
        #expect(try replica.calls(of: "dump") > 0)
    }

    @Test func `preferred replicas spare the primaries of a cluster`() async throws {
        let source = try await TestCluster.start("redis-7.0.15", replicas: 1)
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(port: source.port, .demo, keys: 2000)
        let keys = try source.keys()
        for (primary, replica) in zip(source.primaries, source.replicas) {
            let offset = try primary.number("master_repl_offset", of: "replication")
            try await replica.wait(until: "as far as its primary") { _ in
                try replica.number("slave_repl_offset", of: "replication") >= offset
            }
        }
        let forks = try source.primaries.map { try $0.number("total_forks", of: "stats") }
        for read in ["snapshot", "scan"] {
            try target.flush()
            let outcome = try await Run.run(from: source.url, to: target.url, ["--read", read, "--prefer-replica"])
            try expectAllCopied(outcome, keys: keys)
            // A replica knows less of its streams' groups than the primary.
            try await expectEqual(source.port, target.port, ["--exclude-type", "stream"])
        }
        #expect(try source.primaries.map { try $0.number("total_forks", of: "stats") } == forks)
        for primary in source.primaries { #expect(try primary.calls(of: "dump") == 0) }
    }

    @Test func `a replica alone as source is read itself`() async throws {
        let primary = try await TestServer.start("redis-7.0.15")
        try await Filler.run(primary, .strings, keys: 1000)
        var options = ServerOptions()
        options.replicaOf = primary.port
        let replica = try await TestServer.start("redis-7.0.15", options)
        try await replica.wait(until: "in sync") { try $0.info("replication")["master_link_status"] == "up" }
        let target = try await TestServer.start("valkey-8.0.1")
        try expectAllCopied(try await Run.run(from: replica.url, to: target.url), keys: 1000)
        try await expectEqual(primary.port, target.port)
        #expect(try primary.number("sync_full", of: "stats") == 1)
    }
}
