import Foundation
import TestServers
import Testing

/// Real servers compared: each planted difference found, and nothing else.
@Suite(.fewAtOnce) struct VerifyTests {
    /// Copies demonstration data and one key for each difference, and plants those on the target.
    ///
    /// - Returns: What is to be found.
    private static func plant(_ source: Int, _ target: TestClient, _ copy: () async throws -> Void) async throws
        -> Set<String>
    {
        let origin = try TestClient(port: source)
        for name in ["missing", "byte", "same-length", "type"] { try origin.require("SET", name, "some value") }
        for name in ["lost-ttl", "hour-off", "within"] { try origin.require("SET", name, "v", "PX", "7200000") }
        try origin.require("SET", "added-ttl", "v")
        try origin.require("ZADD", "score", "0.1", "a", "3.5", "b")
        try origin.require("RPUSH", "order", "a", "b", "c")
        try origin.require("XADD", "stream", "1-1", "f", "v")
        try origin.require("XADD", "stream", "2-1", "f", "v")
        try origin.require("XGROUP", "CREATE", "stream", "g", "0")
        try origin.require("XREADGROUP", "GROUP", "g", "c", "STREAMS", "stream", ">")
        try origin.require("HSET", "hash", "f", "v", "g", "w")
        try await copy()
        try target.require("DEL", "missing")
        try target.require("SET", "extra", "v")
        try target.require("APPEND", "byte", "x")
        try target.require("SETRANGE", "same-length", "3", "X")
        try target.require("DEL", "type")
        try target.require("SADD", "type", "some value")
        try target.require("PERSIST", "lost-ttl")
        try target.require("PEXPIRE", "added-ttl", "7200000")
        let expiry = try target.require("PTTL", "hour-off").integer ?? 0
        try target.require("PEXPIRE", "hour-off", String(expiry + 3_600_000))
        let near = try target.require("PTTL", "within").integer ?? 0
        try target.require("PEXPIRE", "within", String(near + 300))
        try target.require("ZADD", "score", "0.10000000000000002", "a")
        try target.require("LSET", "order", "0", "b")
        try target.require("LSET", "order", "1", "a")
        try target.require("XACK", "stream", "g", "2-1")
        try target.require("HSET", "hash", "g", "W")
        return [
            "missing missing", "extra extra", "value byte", "value same-length", "type type", "ttl lost-ttl",
            "ttl added-ttl", "ttl hour-off", "value score", "value order", "value stream", "value hash",
        ]
    }

    @Test(arguments: ServersMatrix.pairs.map(Pair.init))
    func `every planted difference is found, and nothing else, however the sides are read`(pair: Pair) async throws {
        let source = try await TestServer.start(pair.source)
        let target = try await TestServer.start(pair.target)
        try await Filler.run(source, .demo, keys: 2000)
        let client = try target.client()
        let origin = try source.client()
        try origin.pipeline([["SELECT", "9"], ["SET", "other", "v"], ["SET", "gone", "v"]])
        var expected = try await Self.plant(source.port, client) {
            let copied = try await Run.run(from: source.url, to: target.url)
            try #require(copied.exit == .code(0), "\(copied)")
            let equal = try await Verify.run(from: source.url, to: target.url)
            let keys = try copied.summary.copied
            #expect(equal.verdict == "CONSISTENT" && equal.counts["match"] == keys, "\(equal)")
        }
        let other = try target.client()
        try other.pipeline([["SELECT", "9"], ["APPEND", "other", "w"], ["DEL", "gone"]])
        expected.formUnion(["value other", "missing gone"])
        if pair.target == "valkey-9.1.2" {
            try client.require("HSET", "fields", "f", "v")
            try origin.require("SELECT", "0")
            try origin.require("HSET", "fields", "f", "v")
            try client.require("HPEXPIRE", "fields", "7200000", "FIELDS", "1", "f")
            expected.insert("ttl fields")
        }
        let file = try source.save()
        for (from, more) in [
            (source.url, []), (source.url, ["--read", "scan"]), (file, []), (source.url, ["--sample", "100000"]),
            (source.url, ["--to-read", "scan", "--mismatch-rate", "1e-6"]), (file, ["--to-read", "scan"]),
        ] {
            let report = try await Verify.run(from: from, to: target.url, more + ["--show-keys"])
            #expect(report.found == expected, "\(more): \(report)")
            #expect(report.mismatches == expected.count, "\(more): \(report)")
            #expect(report.examples.allSatisfy { $0.outcome != "value" || !$0.differences.isEmpty }, "\(report)")
            #expect(report.counts["match"] == report.source.keys - expected.count + 1, "\(more): \(report)")
            if let sample = report.sample { #expect(sample.mismatches == expected.count, "\(report)") }
        }
        let quiet = try await Verify.run(from: file, to: target.url, ["--ttl-tolerance", "100"])
        #expect(quiet.mismatches == expected.count + 1, "the tolerance is not what was asked for: \(quiet)")
        #expect(quiet.examples.allSatisfy { $0.key == nil && $0.keyHash.count == 32 }, "\(quiet)")
    }

    @Test func `clusters are compared with what is none`() async throws {
        let source = try await TestCluster.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        try await Filler.run(port: source.port, .demo, keys: 2000)
        let copied = try await Run.run(from: source.url, to: target.url)
        try #require(copied.exit == .code(0), "\(copied)")
        let client = try target.client()
        try client.require("SET", "{here}extra", "v")
        let keys = try client.require("RANDOMKEY").text ?? ""
        try client.require("RENAME", keys, "{there}renamed")
        for read in ["snapshot", "scan"] {
            let report = try await Verify.run(from: source.url, to: target.url, ["--read", read, "--show-keys"])
            #expect(report.found == ["extra {here}extra", "missing \(keys)", "extra {there}renamed"], "\(report)")
            let back = try await Verify.run(from: target.url, to: source.url, ["--read", read, "--show-keys"])
            #expect(back.found == ["missing {here}extra", "extra \(keys)", "missing {there}renamed"], "\(back)")
            let ignored = try await Verify.run(
                from: source.url, to: target.url, ["--read", read, "--ignore-extra", "--exclude-key", keys])
            #expect(ignored.verdict == "CONSISTENT" && ignored.counts["extra"] == 2, "\(ignored)")
        }
    }

    @Test(arguments: ServersMatrix.pairs.map(Pair.init))
    func `what was copied across versions is the same`(pair: Pair) async throws {
        let fixture = try FixtureFile.all(of: pair.source)
        let target = try await TestServer.start(pair.target)
        let types = ["string", "list", "set", "zset", "hash", "stream"].flatMap { ["--type", $0] }
        let copied = try await Run.run(from: fixture.path, to: target.url, types + ["--on-lossy", "convert"])
        try #require(copied.exit == .code(0), "\(copied)")
        for read in ["snapshot", "scan"] {
            let report = try await Verify.run(from: fixture.path, to: target.url, types + ["--read", read])
            #expect(report.verdict == "CONSISTENT", "\(read): \(report)")
            #expect((report.counts["converted"] ?? 0) >= (try copied.summary.lossy), "\(read): \(report)")
        }
    }

    @Test func `values that come in pieces are compared too`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        let client = try source.client()
        for number in 0..<10 {
            try client.pipeline([["RPUSH", "list"] + (0..<2000).map { "element \(number) \($0)" }])
            try client.pipeline([["HSET", "hash"] + (0..<2000).flatMap { ["f\(number):\($0)", "a value of it"] }])
        }
        try client.require("SETRANGE", "string", "200000", "end")
        let copied = try await Run.run(from: source.url, to: target.url)
        try #require(copied.exit == .code(0), "\(copied)")
        for read in ["snapshot", "scan"] {
            let report = try await Verify.run(
                from: source.url, to: target.url, ["--read", read, "--big-value-bytes", "64KiB"])
            #expect(report.verdict == "CONSISTENT" && report.counts["match"] == 3, "\(report)")
        }
        try target.client().require("SETRANGE", "string", "100000", "x")
        try target.client().require("HSET", "hash", "f3:7", "another value")
        try target.client().require("LSET", "list", "777", "changed")
        for more in [["--read", "snapshot"], ["--read", "scan"], ["--sample", "1"]] {
            let report = try await Verify.run(
                from: source.url, to: target.url, more + ["--show-keys", "--big-value-bytes", "64KiB"])
            #expect(report.found == ["value string", "value hash", "value list"], "\(more): \(report)")
        }
    }

    @Test func `keys that are written to both sides meanwhile are never called different`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        try await Filler.run(source, .strings, keys: 20_000)
        let copied = try await Run.run(from: source.url, to: target.url)
        try #require(copied.exit == .code(0), "\(copied)")
        let writer = Task.detached {
            let (first, second) = (try source.client(), try target.client())
            var number = 0
            while !Task.isCancelled {
                number += 1
                for command in [
                    ["SET", "live:\(number % 500)", "\(number)"], ["INCR", "counter:\(number % 50)"],
                    ["HSET", "live-hash", "f\(number % 30)", "\(number)"], ["LPUSH", "live-list", "\(number)"],
                    ["LTRIM", "live-list", "0", "50"], ["DEL", "live:\(number * 7 % 500)"],
                ] {
                    try first.command(command)
                    try second.command(command)
                }
            }
        }
        for read in ["snapshot", "scan", "scan", "snapshot"] {
            let report = try await Verify.run(from: source.url, to: target.url, ["--read", read, "--show-keys"])
            #expect(report.mismatches == 0 && report.verdict != "DIFFERENT", "\(report)")
            #expect((report.counts["match"] ?? 0) >= 19_900, "\(report)")
        }
        writer.cancel()
        try await writer.value
        let report = try await Verify.run(from: source.url, to: target.url)
        #expect(report.verdict == "CONSISTENT", "\(report)")
    }

    // MARK: What ends without a verdict, and what does not

    @Test func `a server that gives no snapshot is read by SCAN, and that is said`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        try await Filler.run(source, .demo, keys: 300)
        let copied = try await Run.run(from: source.url, to: target.url)
        try #require(copied.exit == .code(0), "\(copied)")
        try source.client().require("ACL", "SETUSER", "default", "-psync")
        try target.client().require("ACL", "SETUSER", "default", "-replconf")
        let report = try await Verify.run(from: source.url, to: target.url)
        #expect(report.verdict == "CONSISTENT", "\(report)")
        #expect(report.source.read == "scan" && report.target.read == "scan", "\(report)")
        #expect(report.warnings.count { $0.contains("is read by SCAN, as it gives no snapshot") } == 2, "\(report)")
    }

    @Test func `a partial read has no verdict`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        try await Filler.run(source, .strings, keys: 3000)
        let file = try source.save()
        let copied = try await Run.run(from: source.url, to: target.url)
        try #require(copied.exit == .code(0), "\(copied)")
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        let cut = source.folder + "/cut.rdb"
        try whole.prefix(whole.count - 5000).write(to: URL(fileURLWithPath: cut))
        try await Verify.fail(from: cut, to: target.url, code: 1, saying: "cut.rdb", "The input ends at byte")
        try await Verify.fail(from: target.url, to: cut, code: 1, saying: "cut.rdb", "The input ends at byte")
        try await Verify.fail(from: source.url, to: source.url, code: 2, saying: "same server")
        try await Verify.fail(from: "-", to: target.url, code: 2, saying: "standard input")
        try await Verify.fail(from: file, to: "redis://127.0.0.1:1", code: 3, saying: "127.0.0.1:1")
        for wrong in [
            ["--report", "/nowhere/report.html"], ["--report", "report.pdf"], ["--seed", "xyz"], ["--sample", "0"],
            ["--mismatch-rate", "2"], ["--confidence", "1.5", "--sample", "5"], ["--ttl-tolerance", "-1"],
        ] {
            try await Verify.fail(from: file, to: target.url, wrong, code: 2)
        }
    }

    @Test(arguments: ["snapshot", "scan"])
    func `a side that dies while it is read has no verdict`(read: String) async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        try await Filler.run(source, .strings, keys: 200_000)
        try await Filler.run(target, .strings, keys: 200_000)
        try target.client().require("CONFIG", "SET", "rdb-key-save-delay", "100")
        let program = try Verify.program(
            from: source.url, to: target.url, ["--read", read, "--timeout", "2"])
        try await Task.sleep(for: .milliseconds(read == "scan" ? 400 : 1500))
        target.kill()
        let result = try await program.wait(timeout: .seconds(60))
        #expect(result.exit == .code(3), "\(result)")
        #expect(result.errorText.contains("The target"), "\(result)")
    }

    @Test func `reports are written in all formats, and a seed draws the same sample again`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        try await Filler.run(source, .strings, keys: 5000)
        let paths = ["json", "html", "xml", "txt"].map { "\(source.folder)/report.\($0)" }
        let more = ["--sample", "200", "--show-keys"]
        let report = try await Verify.run(
            from: source.url, to: target.url, more + paths.flatMap { ["--report", $0] })
        #expect(report.verdict == "DIFFERENT" && (report.counts["missing"] ?? 0) > 100, "\(report)")
        for path in paths {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text.contains("DIFFERENT"), "\(path)")
        }
        let again = try await Verify.run(from: source.url, to: target.url, more + ["--seed", report.seed])
        #expect(again.sample?.size == report.sample?.size && again.found == report.found)
    }
}
