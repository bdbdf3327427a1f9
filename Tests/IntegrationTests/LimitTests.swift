import Foundation
import TestServers
import Testing

/// Limits of what a side is asked for, as its servers see them.
///
/// Bounds are from above and over all the time that a program ran, or more: they hold on a slow machine too.
@Suite(.fewAtOnce) struct LimitTests {
    private static let keys = 3000
    private static let keysPerSecond = 1000

    private func filled(_ keys: Int = keys, _ name: String = "redis-7.0.15") async throws -> TestServer {
        let source = try await TestServer.start(name)
        try await Filler.run(source, .strings, keys: keys)
        return source
    }

    /// Seconds since an earlier moment.
    private func seconds(since start: ContinuousClock.Instant) -> Double { (ContinuousClock.now - start) / .seconds(1) }

    /// Expects that so many in so long are at most so many a second, and a quarter.
    private func expectRate(
        _ number: Int, in seconds: Double, atMost rate: Int, _ what: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            Double(number) <= 1.25 * Double(rate) * seconds, "\(what): \(number) in \(seconds) s",
            sourceLocation: sourceLocation)
    }

    @Test(arguments: ["snapshot", "scan"])
    func `a run reads no more keys a second than it may`(read: String) async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let start = ContinuousClock.now
        let outcome = try await Run.run(
            from: source.url, to: target.url,
            ["--read", read, "--max-keys-per-second", String(Self.keysPerSecond)])
        let time = seconds(since: start)
        try expectAllCopied(outcome, keys: Self.keys)
        expectRate(Self.keys, in: time, atMost: Self.keysPerSecond, "\(outcome)")
        if read == "scan" {
            expectRate(try source.calls(of: "dump"), in: time, atMost: Self.keysPerSecond, "DUMP")
        }
        let summary = try outcome.summary
        #expect(summary.throttledSeconds > 1 && summary.throttledSeconds <= summary.seconds, "\(outcome)")
        try await expectEqual(source.port, target.port)
    }

    @Test(arguments: ["snapshot", "scan"])
    func `a verification asks each side for no more keys a second than it may`(read: String) async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let copied = try await Run.run(from: source.url, to: target.url)
        try #require(copied.exit == .code(0), "\(copied)")
        for number in 0..<300 { try target.client().require("APPEND", String(format: "key:%016d", number), "x") }
        let before = try target.calls(of: "dump")
        let start = ContinuousClock.now
        let report = try await Verify.run(
            from: source.url, to: target.url,
            ["--read", read, "--max-keys-per-second", String(Self.keysPerSecond)])
        let time = seconds(since: start)
        #expect(report.counts["value"] == 300 && report.counts["match"] == Self.keys - 300, "\(report)")
        // What a scan and the looks at single keys ask for is counted by the server.
        for (side, known) in [(source, 0), (target, before)] {
            let dumped = try side.calls(of: "dump") - known
            #expect(dumped >= 300 * 3)
            expectRate(dumped, in: time, atMost: Self.keysPerSecond, "DUMP")
            expectRate(Self.keys + (read == "scan" ? 0 : dumped), in: time, atMost: Self.keysPerSecond, read)
        }
        #expect(report.source.throttledSeconds > 1 && report.target.throttledSeconds > 1, "\(report)")
        #expect(max(report.source.throttledSeconds, report.target.throttledSeconds) <= time, "\(report)")
    }

    @Test func `the primaries of a cluster share a limit`() async throws {
        let source = try await TestCluster.start("redis-7.0.15")
        try await Filler.run(port: source.port, .strings, keys: Self.keys)
        let target = try await TestServer.start("valkey-8.0.1")
        for read in ["snapshot", "scan"] {
            let start = ContinuousClock.now
            let outcome = try await Run.run(
                from: source.url, to: target.url,
                ["--read", read, "--max-keys-per-second", String(Self.keysPerSecond)])
            try expectAllCopied(outcome, keys: Self.keys)
            expectRate(Self.keys, in: seconds(since: start), atMost: Self.keysPerSecond, "\(outcome)")
        }
    }

    @Test func `a low limit is even: no page of many keys and then a long rest`() async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let rate = 200
        let run = try Run.start(
            from: source.url, to: target.url, ["--read", "scan", "--max-keys-per-second", String(rate)])
        try await target.wait(forKeys: 20, of: run)
        var looks: [(before: ContinuousClock.Instant, dumped: Int, after: ContinuousClock.Instant)] = []
        for _ in 0..<20 {
            let before = ContinuousClock.now
            let dumped = try source.calls(of: "dump")
            looks.append((before, dumped, .now))
            // Sizes are asked for not long before.
            #expect(try source.calls(of: "memory|usage") <= dumped + rate)
            try await Task.sleep(for: .milliseconds(150))
        }
        #expect(run.isRunning)
        run.send(signal: SIGTERM)
        _ = try await run.outcome()
        // What had been sent and not been looked at by the server is no more than a few requests.
        let underway = Double(rate) * 0.3
        for first in looks.indices {
            for second in looks.indices.dropFirst(first + 1) {
                let time = (looks[second].after - looks[first].before) / .seconds(1)
                let most = 1.25 * Double(rate) * time + underway
                #expect(Double(looks[second].dumped - looks[first].dumped) <= most, "in \(time) s")
            }
        }
    }

    @Test(arguments: [["snapshot"], ["scan"], ["scan", "--big-value-bytes", "64KiB"]])
    func `a run reads no more bytes a second than it may`(read: [String]) async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let client = try source.client()
        var random = SystemRandomNumberGenerator()
        for number in 0..<20 {
            let value = (0..<100_000).map { _ in UInt8.random(in: 0...255, using: &random) }
            try client.command([Array("SET".utf8), Array("\(number)".utf8), value])
        }
        let target = try await TestServer.start("valkey-8.0.1")
        let before = try source.number("total_net_output_bytes", of: "stats")
        let start = ContinuousClock.now
        let outcome = try await Run.run(
            from: source.url, to: target.url, ["--max-bytes-per-second", "1MiB", "--read"] + read)
        let time = seconds(since: start)
        try expectAllCopied(outcome, keys: 20)
        expectRate(2_000_000, in: time, atMost: 1 << 20, "\(outcome)")
        if read[0] == "scan" {
            let sent = try source.number("total_net_output_bytes", of: "stats") - before
            // A big value is read twice.
            #expect(sent > (read.count > 1 ? 4_000_000 : 2_000_000))
            // The last requests were answered, and are not waited for any more.
            expectRate(sent - 500_000, in: time, atMost: 1 << 20, "\(outcome)")
        }
        try await expectEqual(source.port, target.port)
    }

    @Test(arguments: ["snapshot", "scan"])
    func `a run that waits stops at once`(read: String) async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let run = try Run.start(from: source.url, to: target.url, ["--read", read, "--max-keys-per-second", "5"])
        try await target.wait(forKeys: 2, of: run)
        let start = ContinuousClock.now
        run.send(signal: SIGTERM)
        let outcome = try await run.outcome()
        #expect(seconds(since: start) < 1.5, "\(outcome)")
        #expect(outcome.exit == .code(143), "\(outcome)")
        let summary = try outcome.summary
        #expect(summary.result == "interrupted" && summary.throttledSeconds > 0, "\(outcome)")
        let written = try target.keys()
        #expect(summary.read < Self.keys && summary.copied == written, "\(outcome)")
    }

    @Test(arguments: ["snapshot", "scan"])
    func `a verification that waits stops at once`(read: String) async throws {
        let source = try await filled()
        let target = try await filled(Self.keys, "valkey-8.0.1")
        let verification = try Verify.program(
            from: source.url, to: target.url, ["--read", read, "--max-keys-per-second", "5"])
        try await Task.sleep(for: .seconds(2))
        try #require(verification.isRunning)
        let start = ContinuousClock.now
        verification.send(signal: SIGINT)
        let result = try await verification.wait()
        #expect(seconds(since: start) < 1.5, "\(result)")
        #expect(result.exit == .code(130), "\(result)")
    }

    @Test func `single keys that are looked at again are waited for too, and a stop is seen`() async throws {
        let source = try await filled(40)
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(target, .demo, keys: 1500)
        let verification = try Verify.program(
            from: try source.save(), to: target.url, ["--max-keys-per-second", "400", "--timeout", "1"])
        // The first reading is over, and 1,500 keys are looked at one by one.
        let deadline = ContinuousClock.now + .seconds(30)
        while try target.calls(of: "dump") == 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
        }
        try #require(verification.isRunning)
        let before = try target.calls(of: "dump")
        let start = ContinuousClock.now
        try await Task.sleep(for: .seconds(1))
        expectRate(try target.calls(of: "dump") - before, in: seconds(since: start) + 0.2, atMost: 400, "DUMP")
        let stop = ContinuousClock.now
        verification.send(signal: SIGTERM)
        let result = try await verification.wait()
        #expect(seconds(since: stop) < 1.5 && result.exit == .code(143), "\(result)")
    }

    @Test(arguments: [
        ["--read", "scan", "--max-keys-per-second", "1"], ["--read", "scan", "--max-bytes-per-second", "64KiB"],
        ["--read", "snapshot", "--max-keys-per-second", "1"],
    ])
    func `a wait that is longer than the time-out is no silence`(arguments: [String]) async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let client = try source.client()
        let size = arguments.contains("64KiB") ? 100_000 : 600
        var random = SystemRandomNumberGenerator()
        for number in 0..<4 {
            let value = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
            try client.command([Array("SET".utf8), Array("\(number)".utf8), value])
        }
        let target = try await TestServer.start("valkey-8.0.1")
        let outcome = try await Run.run(from: source.url, to: target.url, arguments + ["--timeout", "1"])
        try expectAllCopied(outcome, keys: 4)
        #expect(try outcome.summary.throttledSeconds > 1.5, "\(outcome)")
    }

    @Test(arguments: [
        ["--max-keys-per-second", "0"], ["--max-keys-per-second", "1000000001"], ["--max-keys-per-second", "many"],
        ["--max-bytes-per-second", "65535"], ["--max-bytes-per-second", "65GiB"],
    ])
    func `a limit out of range is refused, by its name`(arguments: [String]) async throws {
        for command in ["run", "verify"] {
            let result = try await Program.run(
                Program.backfill,
                [command, "--from", "redis://127.0.0.1:1", "--to", "redis://127.0.0.1:2"] + arguments)
            #expect(result.exit == .code(2) && result.errorText.contains(arguments[0]), "\(result)")
        }
    }

    @Test(arguments: [["run", "redis://127.0.0.1:1"], ["verify", "other.rdb"]])
    func `files are not limited, and a limit of nothing else is refused`(command: [String]) async throws {
        for limit in [["--max-keys-per-second", "5"], ["--max-bytes-per-second", "1MiB"]] {
            let result = try await Program.run(
                Program.backfill, [command[0], "--from", "dump.rdb", "--to", command[1]] + limit)
            #expect(result.exit == .code(2) && result.errorText.contains(limit[0]), "\(result)")
        }
    }

    @Test func `progress and table say how long was waited`() async throws {
        let source = try await filled()
        let target = try await TestServer.start("valkey-8.0.1")
        let result = try await Program.run(
            Program.backfill,
            [
                "run", "--from", source.url, "--to", target.url, "--max-keys-per-second", "500", "--progress", "plain",
            ])
        #expect(result.exit == .code(0), "\(result)")
        #expect(result.errorText.contains("of it held back by the limit"), "\(result)")
        #expect(result.outputText.contains("held back by the limit for"), "\(result)")
    }
}
