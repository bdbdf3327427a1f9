import Foundation
import TestServers
import Testing

/// What happens in the middle of a run to its target.
@Suite(.fewAtOnce) struct FaultTests {
    /// Few bytes on their way, in small batches: the run is in its middle for long.
    static let slowly = ["--in-flight-bytes", "1MiB", "--batch-bytes", "4KiB"]

    /// Strings that a debug build needs seconds for.
    static let manyKeys = 60_000

    private func filled(_ keys: Int = manyKeys) async throws -> TestServer {
        let source = try await TestServer.start("redis-7.0.15")
        try await Filler.run(source, .strings, keys: keys)
        return source
    }

    /// Starts a run and stops it, by SIGSTOP, when a server holds more than so many keys.
    private func startToTheMiddle(
        from: String, to: String, _ arguments: [String] = slowly, watching server: TestServer, keys: Int = 3000
    ) async throws -> Program {
        let run = try Run.start(from: from, to: to, arguments)
        try await server.wait(forKeys: keys, of: run)
        run.send(signal: SIGSTOP)
        try #require(run.isRunning, "the run is over: more keys are needed")
        return run
    }

    @Test(arguments: ["file", "scan"])
    func `a target primary that dies is replaced, and its slots are copied again`(read: String) async throws {
        let source = try await filled()
        let target = try await TestCluster.start("valkey-8.0.1", replicas: 1)
        let from = read == "file" ? try source.save() : source.url
        let run = try await startToTheMiddle(
            from: from, to: target.url, Self.slowly + (read == "scan" ? ["--read", "scan"] : []),
            watching: target.primaries[1])
        target.primaries[1].kill()
        run.send(signal: SIGCONT)
        try await target.failover(to: target.replicas[1], mode: "TAKEOVER")
        let outcome = try await run.outcome(timeout: .seconds(120))
        try expectAllCopied(outcome, keys: Self.manyKeys)
        #expect(try outcome.summary.warnings.contains { $0.contains("copied once more") }, "\(outcome)")
        try await expectEqual(source.port, target.port)
    }

    @Test func `over PSYNC a target primary that dies makes the run not green, and its slots are named`() async throws {
        let source = try await filled()
        let target = try await TestCluster.start("valkey-8.0.1", replicas: 1)
        let run = try await startToTheMiddle(from: source.url, to: target.url, watching: target.primaries[1])
        target.primaries[1].kill()
        run.send(signal: SIGCONT)
        try await target.failover(to: target.replicas[1], mode: "TAKEOVER")
        let outcome = try await run.outcome(timeout: .seconds(120))
        #expect(outcome.exit == .code(1), "\(outcome)")
        let summary = try outcome.summary
        #expect(summary.read == Self.manyKeys, "\(outcome)")
        let slots = target.slots(ofPrimary: 1)
        #expect(
            summary.incomplete.contains { $0.contains("--slots \(slots.lowerBound)-\(slots.upperBound - 1)") },
            "\(outcome)")

        // What it advises mends it.
        let advised = ["--slots", "\(slots.lowerBound)-\(slots.upperBound - 1)"]
        let again = try await Run.run(from: source.url, to: target.replicas[1].url, advised)
        #expect(again.exit == .code(0), "\(again)")
        try await expectEqual(source.port, target.replicas[1].port)
    }

    @Test(arguments: ["file", "snapshot"])
    func `a target that restarts empty is filled again, or named`(read: String) async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let from = read == "file" ? try source.save() : source.url
        let run = try await startToTheMiddle(from: from, to: target.url, watching: target)
        target.kill()
        run.send(signal: SIGCONT)
        try await target.restart()
        let outcome = try await run.outcome(timeout: .seconds(120))
        if read == "file" {
            try expectAllCopied(outcome, keys: Self.manyKeys)
            try await expectEqual(source.port, target.port)
        } else {
            #expect(outcome.exit == .code(1), "\(outcome)")
            #expect(try outcome.summary.incomplete.contains { $0.contains("0-16383") }, "\(outcome)")
        }
    }

    @Test(arguments: ["snapshot", "scan"])
    func `a full target is waited for`(read: String) async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1", ServerOptions(["maxmemory 4mb"]))
        let run = try Run.start(from: source.url, to: target.url, Self.slowly + ["--read", read])
        // It is full when keys no longer come.
        let client = try target.client()
        try await target.wait(forKeys: 3000, of: run)
        try await target.wait(until: "full") { _ in
            try client.command(["SET", "probe", "1"]).text?.hasPrefix("OOM") == true
        }
        #expect(run.isRunning)
        try client.require("CONFIG", "SET", "maxmemory", "0")
        try client.require("DEL", "probe")
        try expectAllCopied(try await run.outcome(), keys: Self.manyKeys)
        try client.require("DEL", "probe")
        try await expectEqual(source.port, target.port)
    }

    @Test func `a target that stays full is given up after the patience that the user gave`() async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1", ServerOptions(["maxmemory 4mb"]))
        let outcome = try await Run.run(from: source.url, to: target.url, Self.slowly + ["--target-patience", "2"])
        #expect(outcome.exit == .code(3), "\(outcome)")
        #expect(outcome.error.contains("out of memory"), "\(outcome)")
        let summary = try outcome.summary
        #expect(summary.failed > 0 && summary.copied > 3000, "\(outcome)")
        #expect(try target.keys() == summary.copied, "\(outcome)")
    }

    @Test(arguments: ["snapshot", "scan", "file"])
    func `a target that hangs for five seconds delays the run and no more`(read: String) async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let from = read == "file" ? try source.save() : source.url
        let run = try await startToTheMiddle(
            from: from, to: target.url, Self.slowly + (read == "scan" ? ["--read", "scan"] : []), watching: target)
        target.pause()
        run.send(signal: SIGCONT)
        try await Task.sleep(for: .seconds(5))
        #expect(run.isRunning)
        target.resume()
        try expectAllCopied(try await run.outcome(), keys: Self.manyKeys)
        try await expectEqual(source.port, target.port)
    }

    @Test func `a target that hangs longer than the time-out is connected to again`() async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let run = try await startToTheMiddle(
            from: source.url, to: target.url, Self.slowly + ["--timeout", "2"], watching: target)
        let before = try target.number("total_connections_received", of: "stats")
        target.pause()
        run.send(signal: SIGCONT)
        try await Task.sleep(for: .seconds(5))
        target.resume()
        try expectAllCopied(try await run.outcome(), keys: Self.manyKeys)
        #expect(try target.number("total_connections_received", of: "stats") > before + 1)
        try await expectEqual(source.port, target.port)
    }

    @Test(arguments: ["snapshot", "scan"])
    func `slots of the target that move are followed`(read: String) async throws {
        let source = try await filled()
        let target = try await TestCluster.start("valkey-8.0.1")
        let run = try await startToTheMiddle(
            from: source.url, to: target.url, Self.slowly + ["--read", read], watching: target.primaries[0])
        // One slot is on its way (ASK, TRYAGAIN) while the run goes on, others have moved at once (MOVED).
        let (from, to) = (target.primaries[0], target.primaries[2])
        for slot in 100..<140 { try target.move(slot: slot, from: from, to: to) }
        for slot in 200..<240 {
            try target.beginMove(slot: slot, from: from, to: to)
            try target.moveKeys(slot: slot, from: from, to: to, count: 3)
        }
        run.send(signal: SIGCONT)
        let mark = try target.primaries[1].keys() + 5000
        try await target.primaries[1].wait(forKeys: mark, of: run)
        for slot in 200..<240 {
            while try target.moveKeys(slot: slot, from: from, to: to) > 0 {}
            try target.finishMove(slot: slot, to: to)
        }
        let outcome = try await run.outcome()
        try expectAllCopied(outcome, keys: Self.manyKeys)
        // MIGRATE itself sends relative expiries.
        try await expectEqual(source.port, target.port, ["--ttl-tolerance", "1000"])
    }

    @Test(arguments: ["replace", "skip", "error"], ["snapshot", "scan"])
    func `connections that are cut are made again, and our own keys count as copied`(
        policy: String, read: String
    ) async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let client = try target.client()
        let run = try Run.start(
            from: source.url, to: target.url, Self.slowly + ["--read", read, "--on-conflict", policy])
        for mark in [1000, 8000, 20_000, 35_000] {
            try await target.wait(forKeys: mark, of: run, limit: .seconds(90))
            try client.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        }
        try expectAllCopied(try await run.outcome(timeout: .seconds(90)), keys: Self.manyKeys)
        try await expectEqual(source.port, target.port)
    }

    @Test(arguments: ["snapshot", "scan"])
    func `connections that are cut keep every type`(read: String) async throws {
        let source = try await TestServer.start("redis-7.0.15")
        try await Filler.run(source, .demo, keys: 20_000)
        let target = try await TestServer.start("valkey-8.0.1")
        let client = try target.client()
        let run = try Run.start(
            from: source.url, to: target.url, Self.slowly + ["--read", read, "--on-conflict", "error"])
        for mark in [500, 3000, 6000, 9000] {
            try await target.wait(forKeys: mark, of: run)
            try client.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        }
        try expectAllCopied(try await run.outcome(), keys: 20_000)
        try await expectEqual(source.port, target.port)
    }

    /// Several times: whether a refusal falls between two copies of a key is left to chance.
    @Test(arguments: ["snapshot", "scan"], 1...4)
    func `copies of one key keep their order through refusals`(read: String, round: Int) async throws {
        let databases = 200
        let source = try await TestServer.start("redis-7.0.15", ServerOptions(["databases \(databases)"]))
        let target = try await TestServer.start("valkey-8.0.1")
        for database in 0..<databases {
            let keys = (0..<100).map { key in
                ["SET", "key:\(key)", "in \(database)"] + (key.isMultiple(of: 2) ? ["EX", "10000"] : [])
            }
            try source.client().pipeline([["SELECT", String(database)]] + keys)
        }
        // All of them into one: what is read last must stay, though some of its forerunners have to be sent again.
        let map = (1..<databases).flatMap { ["--db-map", "\($0)=0"] }
        let run = try Run.start(from: source.url, to: target.url, ["--read", read, "--batch-bytes", "4KiB"] + map)
        let client = try target.client()
        var rounds = 0
        while run.isRunning {
            rounds += 1
            try client.require("CONFIG", "SET", "maxmemory", rounds.isMultiple(of: 2) || rounds > 2000 ? "0" : "1")
            try await Task.sleep(for: .microseconds(500))
        }
        #expect(rounds > 2)
        let outcome = try await run.outcome()
        try expectAllCopied(outcome, keys: databases * 100)
        try await expectEqual(
            source.port, target.port, ["--db", "\(databases - 1)", "--db-map", "\(databases - 1)=0"])
    }

    @Test func `eviction during the run is not green`() async throws {
        let source = try await filled()
        let target = try await TestServer.start(
            "valkey-8.0.1", ServerOptions(["maxmemory 4mb", "maxmemory-policy allkeys-random"]))
        let outcome = try await Run.run(from: source.url, to: target.url)
        #expect(outcome.exit == .code(1), "\(outcome)")
        let evicted = try target.number("evicted_keys", of: "stats")
        #expect(try outcome.summary.incomplete.contains { $0.contains("evicted \(evicted) keys") }, "\(outcome)")
    }

    @Test func `a standalone target fails over between two candidates`() async throws {
        let source = try await filled()
        let primary = try await TestServer.start("valkey-8.0.1")
        var options = ServerOptions()
        options.replicaOf = primary.port
        let replica = try await TestServer.start("valkey-8.0.1", options)
        try await replica.wait(until: "in sync") { try $0.info("replication")["master_link_status"] == "up" }
        let run = try await startToTheMiddle(
            from: try source.save(), to: "\(primary.url),\(replica.address)", watching: primary)
        primary.kill()
        try replica.client().require("REPLICAOF", "NO", "ONE")
        run.send(signal: SIGCONT)
        let outcome = try await run.outcome()
        try expectAllCopied(outcome, keys: Self.manyKeys)
        #expect(try outcome.summary.warnings.contains { $0.contains("copied once more") }, "\(outcome)")
        try await expectEqual(source.port, replica.port)
    }

    @Test func `a target behind Sentinels fails over`() async throws {
        let source = try await filled()
        let primary = try await TestServer.start("valkey-8.0.1")
        var options = ServerOptions()
        options.replicaOf = primary.port
        let replica = try await TestServer.start("valkey-8.0.1", options)
        try await replica.wait(until: "in sync") { try $0.info("replication")["master_link_status"] == "up" }
        let sentinel = try await TestServer.startSentinel("valkey-8.0.1", watching: primary, as: "demo")
        let url = "redis+sentinel://\(sentinel.address)/demo"
        try await sentinel.wait(until: "aware of the replica") {
            try $0.require("SENTINEL", "REPLICAS", "demo").elements.count == 1
        }
        let run = try await startToTheMiddle(from: try source.save(), to: url, watching: primary)
        primary.kill()
        run.send(signal: SIGCONT)
        let outcome = try await run.outcome(timeout: .seconds(120))
        try expectAllCopied(outcome, keys: Self.manyKeys)
        try await expectEqual(source.port, replica.port)

        // And as a source: the primary that the Sentinel names now.
        let last = try await TestServer.start("valkey-8.0.1")
        try expectAllCopied(try await Run.run(from: url, to: last.url), keys: Self.manyKeys)
        try await expectEqual(source.port, last.port)
    }
}
