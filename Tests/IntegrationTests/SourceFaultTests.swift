import Foundation
import TestServers
import Testing

/// What happens in the middle of a run to its source, and to the run itself.
@Suite(.fewAtOnce) struct SourceFaultTests {
    private func filled(_ keys: Int = FaultTests.manyKeys) async throws -> TestServer {
        let source = try await TestServer.start("redis-7.0.15")
        try await Filler.run(source, .strings, keys: keys)
        return source
    }

    @Test(arguments: ["snapshot", "scan"])
    func `a source that dies ends the run, which says how far it came`(read: String) async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let run = try Run.start(
            from: source.url, to: target.url, FaultTests.slowly + ["--read", read, "--timeout", "3"])
        try await target.wait(forKeys: 3000, of: run)
        run.send(signal: SIGSTOP)
        source.kill()
        run.send(signal: SIGCONT)
        let outcome = try await run.outcome()
        #expect(outcome.exit == .code(3), "\(outcome)")
        let summary = try outcome.summary
        #expect(summary.result == "failed", "\(outcome)")
        #expect(summary.copied >= 3000 && summary.read < FaultTests.manyKeys, "\(outcome)")
        #expect(try target.keys() == summary.copied, "\(outcome)")
        #expect(outcome.error.contains(source.address), "\(outcome)")
        if read == "snapshot" { #expect(outcome.error.contains("keys ("), "\(outcome)") }
    }

    @Test func `a disk-based snapshot that is cut ends the run`() async throws {
        let source = try await TestServer.start("redis-6.2.14", ServerOptions(["repl-diskless-sync no"]))
        try await Filler.run(source, .large, keys: 1000)
        let target = try await TestServer.start("valkey-8.0.1")
        let run = try Run.start(from: source.url, to: target.url, FaultTests.slowly)
        try await target.wait(forKeys: 20, of: run)
        run.send(signal: SIGSTOP)
        try source.client().command(["CLIENT", "KILL", "TYPE", "replica"])
        run.send(signal: SIGCONT)
        let outcome = try await run.outcome()
        #expect(outcome.exit == .code(3), "\(outcome)")
        #expect(try outcome.summary.read < 1000, "\(outcome)")
        #expect(outcome.error.contains("closed the link, after"), "\(outcome)")
        #expect(try target.keys() == outcome.summary.copied, "\(outcome)")
    }

    @Test func `a source that hangs is given up after the time-out`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        try await Filler.run(source, .large, keys: 1000)
        let target = try await TestServer.start("valkey-8.0.1")
        for read in ["snapshot", "scan"] {
            try target.flush()
            let run = try Run.start(
                from: source.url, to: target.url, FaultTests.slowly + ["--read", read, "--timeout", "2"])
            try await target.wait(forKeys: 20, of: run)
            run.send(signal: SIGSTOP)
            source.pause()
            // A snapshot comes from the source's fork, which goes on; a scan stands still.
            run.send(signal: SIGCONT)
            let outcome = try await run.outcome()
            source.resume()
            if read == "scan" {
                #expect(outcome.exit == .code(3), "\(outcome)")
                #expect(outcome.error.contains(source.address), "\(outcome)")
            }
            #expect(try target.keys() == outcome.summary.copied, "\(outcome)")
        }
    }

    @Test(arguments: [(SIGINT, Int32(130)), (SIGTERM, Int32(143))], ["snapshot", "scan", "file"])
    func `a signal stops reading, drains and prints the summary`(signal: (Int32, Int32), read: String) async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let from = read == "file" ? try source.save() : source.url
        let run = try Run.start(
            from: from, to: target.url, FaultTests.slowly + (read == "scan" ? ["--read", "scan"] : []))
        try await target.wait(forKeys: 3000, of: run)
        run.send(signal: signal.0)
        let outcome = try await run.outcome(timeout: .seconds(15))
        #expect(outcome.exit == .code(signal.1), "\(outcome)")
        let summary = try outcome.summary
        #expect(summary.result == "interrupted", "\(outcome)")
        #expect(summary.copied == summary.read && summary.copied >= 3000, "\(outcome)")
        #expect(summary.read < FaultTests.manyKeys, "\(outcome)")
        #expect(try target.keys() == summary.copied, "\(outcome)")
    }

    @Test func `a signal while the target hangs ends the run soon`() async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let run = try Run.start(from: source.url, to: target.url, FaultTests.slowly + ["--timeout", "3"])
        try await target.wait(forKeys: 3000, of: run)
        target.pause()
        run.send(signal: SIGTERM)
        let outcome = try await run.outcome(timeout: .seconds(45))
        target.resume()
        #expect(outcome.exit == .code(143), "\(outcome)")
        #expect(try outcome.summary.failed > 0, "\(outcome)")
    }

    @Test func `slots of the source that move during a scan are not lost`() async throws {
        let source = try await TestCluster.start("redis-7.0.15")
        try await Filler.run(port: source.port, .strings, keys: FaultTests.manyKeys)
        let target = try await TestServer.start("valkey-8.0.1")
        let run = try Run.start(
            from: source.url, to: target.url, FaultTests.slowly + ["--read", "scan", "--delete-extra"])
        try await target.wait(forKeys: 3000, of: run)
        run.send(signal: SIGSTOP)
        try #require(run.isRunning)
        // From one that is read later to one that is read now, and the other way.
        for slot in 300..<340 { try source.move(slot: slot, from: source.primaries[0], to: source.primaries[1]) }
        for slot in 12_000..<12_040 { try source.move(slot: slot, from: source.primaries[2], to: source.primaries[0]) }
        run.send(signal: SIGCONT)
        let outcome = try await run.outcome()
        #expect(outcome.exit == .code(0), "\(outcome)")
        #expect(try outcome.summary.warnings.contains { $0.contains("read once more") }, "\(outcome)")
        try await expectEqual(source.port, target.port)
    }

    @Test func `connections to the source that are cut during a scan are made again`() async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let run = try Run.start(from: source.url, to: target.url, FaultTests.slowly + ["--read", "scan"])
        for mark in [1000, 15_000, 35_000] {
            try await target.wait(forKeys: mark, of: run)
            try source.client().command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        }
        let outcome = try await run.outcome()
        #expect(outcome.exit == .code(0), "\(outcome)")
        #expect(try outcome.summary.read >= FaultTests.manyKeys, "\(outcome)")
        try await expectEqual(source.port, target.port)
    }

    @Test func `a standalone source is found by its replicas after a failover`() async throws {
        let former = try await filled(2000)
        var options = ServerOptions()
        options.replicaOf = former.port
        let replica = try await TestServer.start("redis-7.0.15", options)
        try await replica.wait(until: "in sync") { try $0.info("replication")["master_link_status"] == "up" }
        let target = try await TestServer.start("valkey-8.0.1")
        let url = "\(former.url),\(replica.address)"
        try expectAllCopied(try await Run.run(from: url, to: target.url), keys: 2000)
        former.kill()
        try replica.client().require("REPLICAOF", "NO", "ONE")
        try replica.client().require("SET", "after", "1")
        try target.flush()
        try expectAllCopied(try await Run.run(from: url, to: target.url), keys: 2001)
        try await expectEqual(replica.port, target.port)
    }
}
