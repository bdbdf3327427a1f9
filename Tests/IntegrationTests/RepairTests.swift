import Foundation
import TestServers
import Testing

/// `backfill verify --repair`: what differs is made equal, and nothing else is touched.
@Suite(.fewAtOnce) struct RepairTests {
    /// What the JSON report says of a repair.
    private struct Report: Decodable {
        struct Repair: Decodable {
            let before: [String: Int]
            let onlyDiffering: Bool
            let keys: Int
            let copied: Int
            let deleted: Int
            let keptExtra: Int
            let unsupported: Int
            let functions: Int
        }

        let verdict: String
        let counts: [String: Int]
        let reasons: [String]
        let repair: Repair?
    }

    private static func verify(
        _ from: String, _ to: String, _ more: [String] = [], exit: Int32, location: SourceLocation = #_sourceLocation
    ) async throws -> Report {
        let program = try Program(
            Program.backfill,
            ["verify", "--from", from, "--to", to, "--output", "json", "--progress", "none"] + more)
        let result = try await program.wait(timeout: .seconds(90))
        #expect(result.exit == .code(exit), "\(result)", sourceLocation: location)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Report.self, from: Data(result.output))
    }

    /// Runs to a failure that says `word`.
    private static func fail(_ from: String, _ to: String, _ more: [String], code: Int32, saying word: String)
        async throws
    {
        let program = try Program(
            Program.backfill, ["verify", "--from", from, "--to", to, "--progress", "none"] + more)
        let result = try await program.wait(timeout: .seconds(60))
        #expect(result.exit == .code(code), "\(result)")
        #expect(result.errorText.contains(word), "\(result)")
    }

    /// A copied pair with keys of every type in databases 0 and 9.
    private func pair(_ from: String = "redis-7.0.15", _ to: String = "valkey-8.0.1") async throws -> (
        TestServer, TestServer
    ) {
        let source = try await TestServer.start(from)
        let target = try await TestServer.start(to)
        try await Filler.run(source, .demo, keys: 1500)
        let strings = (0..<300).map { ["SET", "s:\($0)", "value \($0)", "EX", "100000"] }
        try source.client().pipeline([["SELECT", "9"]] + strings)
        try source.client().pipeline(
            strings + (0..<100).flatMap { [["RPUSH", "l:\($0)", "a", "b"], ["HSET", "h:\($0)", "f", "v"]] })
        let copied = try await Run.run(from: source.url, to: target.url)
        #expect(copied.exit == .code(0), "\(copied)")
        return (source, target)
    }

    private static let planted = 7

    /// Missing, value, TTL (lost and off), type, one in database 9, one list's order.
    private func plant(_ target: TestServer) throws {
        try target.client().pipeline([
            ["DEL", "s:1"], ["SETRANGE", "s:2", "0", "V"], ["PERSIST", "s:3"], ["EXPIRE", "s:4", "5000"],
            ["DEL", "s:5"],
            ["LPUSH", "s:5", "now a list"], ["DEL", "l:1"], ["RPUSH", "l:1", "b", "a"], ["SELECT", "9"],
            ["DEL", "s:9"],
        ])
    }

    private func plantExtra(_ target: TestServer) throws {
        try target.client().pipeline([["SET", "extra:1", "x"], ["SELECT", "9"], ["HSET", "extra:2", "a", "b"]])
    }

    /// Commands that write keys, and how often each ran since the last CONFIG RESETSTAT.
    private func writes(_ server: TestServer) throws -> [String: Int] {
        var calls: [String: Int] = [:]
        for command in [
            "set", "mset", "restore", "del", "unlink", "rename", "pexpireat", "rpush", "hset", "sadd", "zadd", "xadd",
        ] {
            let count = try server.calls(of: command)
            if count > 0 { calls[command] = count }
        }
        return calls
    }

    @Test(arguments: ["snapshot", "scan", "file"])
    func `what differs is copied again, and nothing else`(read: String) async throws {
        let (source, target) = try await pair()
        try await source.wait(until: "done saving") { try $0.info("persistence")["rdb_bgsave_in_progress"] == "0" }
        let from = read == "file" ? try source.save() : source.url
        let how = ["--read", read == "scan" ? "scan" : "snapshot"]
        try plant(target)
        _ = try await Self.verify(from, target.url, how, exit: 1)
        let before = try source.digest()
        for server in [source, target] { try server.client().require("CONFIG", "RESETSTAT") }

        let report = try await Self.verify(from, target.url, how + ["--repair"], exit: 0)
        #expect(report.verdict == "CONSISTENT")
        let repair = try #require(report.repair)
        #expect(repair.before["missing"] == 2 && repair.before["type"] == 1, "\(repair)")
        #expect(repair.before["value"] == 2 && repair.before["ttl"] == 2, "\(repair)")
        #expect(repair.keys == Self.planted && repair.copied == Self.planted && repair.onlyDiffering, "\(repair)")
        #expect(report.counts["match"] == Self.planted, "\(report)")

        // Each key that differed was written once; no other was, and the source was only read.
        let written = try writes(target)
        #expect(written.values.reduce(0, +) == Self.planted, "\(written)")
        #expect(try writes(source).isEmpty)
        #expect(try source.digest() == before)
        try await expectEqual(source.port, target.port)
        _ = try await Self.verify(from, target.url, how, exit: 0)
    }

    @Test func `extra keys stay unless they are to be removed`() async throws {
        let (source, target) = try await pair()
        try plant(target)
        try plantExtra(target)
        let kept = try await Self.verify(source.url, target.url, ["--repair"], exit: 1)
        #expect(kept.repair?.keptExtra == 2 && kept.repair?.copied == Self.planted, "\(kept)")
        #expect(kept.counts["extra"] == 2 && kept.counts["match"] == Self.planted, "\(kept)")
        #expect(kept.reasons.contains { $0.contains("--delete-extra") }, "\(kept)")
        #expect(try target.client().command(["EXISTS", "extra:1"]) == .integer(1))

        let ignored = try await Self.verify(source.url, target.url, ["--repair", "--ignore-extra"], exit: 0)
        #expect(ignored.counts["extra"] == 2, "\(ignored)")

        try target.client().require("CONFIG", "RESETSTAT")
        let removed = try await Self.verify(source.url, target.url, ["--repair", "--delete-extra"], exit: 0)
        #expect(removed.repair?.deleted == 2 && removed.repair?.copied == 0, "\(removed)")
        #expect(try writes(target) == ["unlink": 2])
        try await expectEqual(source.port, target.port)
    }

    @Test func `clusters are repaired slot by slot`() async throws {
        let source = try await TestCluster.start("redis-7.0.15")
        let target = try await TestCluster.start("valkey-8.0.1")
        try await Filler.run(port: source.port, .strings, keys: 2000)
        let copied = try await Run.run(from: source.url, to: target.url)
        #expect(copied.exit == .code(0), "\(copied)")
        // One primary of the target loses everything.
        try target.primaries[0].flush()
        let lost = try source.keys() - target.keys()
        #expect(lost > 100)
        let report = try await Self.verify(source.url, target.url, ["--repair"], exit: 0)
        #expect(report.repair?.copied == lost, "\(report)")
        try await expectEqual(source.port, target.port)
    }

    @Test func `function libraries that differ are copied again`() async throws {
        let (source, target) = try await pair()
        try source.client().require(
            "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('answer', function() return '42' end)")
        _ = try await Self.verify(source.url, target.url, exit: 1)
        let report = try await Self.verify(source.url, target.url, ["--repair"], exit: 0)
        // The one of the demo data is loaded once more: libraries are few.
        #expect(report.repair?.functions == 2 && report.repair?.keys == 0, "\(report)")
        #expect(try target.client().command(["FCALL", "answer", "0"]).text == "42")
    }

    @Test func `all that differ are in the file, and another program's file is not touched`() async throws {
        let (source, target) = try await pair()
        try plant(target)
        try plantExtra(target)
        let path = target.folder + "/found.sqlite"
        let report = try await Self.verify(source.url, target.url, ["--differences", path], exit: 1)
        #expect(report.repair == nil)
        let query = try Program(
            "/usr/bin/env",
            [
                "python3", "-c",
                """
                import sqlite3, sys
                db = sqlite3.connect(sys.argv[1])
                print(db.execute("select verdict from run").fetchone()[0])
                for row in db.execute("select class, db, cast(key as text) from difference order by 1, 2, 3"):
                    print(*row)
                """, path,
            ])
        let lines = try await query.wait(timeout: .seconds(20)).outputText.split(separator: "\n").map(String.init)
        #expect(
            lines == [
                "DIFFERENT", "extra 0 extra:1", "extra 9 extra:2", "missing 0 s:1", "missing 9 s:9", "ttl 0 s:3",
                "ttl 0 s:4",
                "type 0 s:5", "value 0 l:1", "value 0 s:2",
            ])
        // The same file again, and then somebody else's.
        _ = try await Self.verify(
            source.url, target.url, ["--differences", path, "--repair", "--delete-extra"], exit: 0)
        try Data("theirs".utf8).write(to: URL(fileURLWithPath: path))
        try await Self.fail(source.url, target.url, ["--differences", path], code: 2, saying: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "theirs")
    }

    @Test func `what cannot be is refused before anything is read`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        func refused(_ more: [String], _ word: String, to: String? = nil, code: Int32 = 2) async throws {
            try await Self.fail(source.url, to ?? target.url, more, code: code, saying: word)
        }
        try await refused(["--repair", "--sample", "10"], "sample")
        try await refused(["--delete-extra"], "--repair")
        try await refused(["--repair", "--delete-extra", "--ignore-extra"], "--ignore-extra")
        try await refused(["--repair"], "file", to: source.folder + "/some.rdb")
        try await Self.fail("-", target.url, ["--repair"], code: 2, saying: "standard input")
        // A target that may only be read.
        try target.client().require("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@all", "-@write")
        let url = target.url.replacingOccurrences(of: "://", with: "://reader@")
        let password = target.folder + "/password"
        try Data("secret".utf8).write(to: URL(fileURLWithPath: password))
        try await refused(["--repair", "--to-password-file", password], "may not run", to: url, code: 3)
        #expect(try source.calls(of: "psync") == 0)
    }
}
