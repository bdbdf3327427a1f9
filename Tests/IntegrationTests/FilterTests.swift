import Foundation
import TestServers
import Testing

/// Which keys are taken, where they go, and what happens to what is there.
@Suite(.fewAtOnce) struct FilterTests {
    /// Strings `a:0`… and `b:0`…, lists `list:0`…, in databases 0 and 3.
    private func start(_ name: String = "redis-7.0.15") async throws -> TestServer {
        let source = try await TestServer.start(name)
        for database in [0, 3] {
            let commands = (0..<100).flatMap { index in
                [
                    ["SET", "a:\(index)", "\(database) \(index)"], ["SET", "b:\(index)", "x", "EX", "10000"],
                    ["RPUSH", "list:\(index)", "1", "2", "\(database)"],
                ]
            }
            try source.client().pipeline([["SELECT", String(database)]] + commands)
        }
        return source
    }

    @Test(arguments: ["snapshot", "scan", "file"])
    func `globs, types, databases and slots choose`(read: String) async throws {
        let source = try await start()
        let target = try await TestServer.start("valkey-8.0.1")
        let from = read == "file" ? try source.save() : source.url
        let how = read == "scan" ? ["--read", "scan"] : []
        func copied(_ filters: String...) async throws -> Int {
            try target.flush()
            let summary = try (try await Run.run(from: from, to: target.url, how + filters)).summary
            #expect(summary.result == "done")
            #expect(try target.keys() + target.keys(inDatabase: 3) + target.keys(inDatabase: 5) == summary.copied)
            // A scan need not look at the other databases.
            #expect(summary.copied + summary.filtered == 600 || read == "scan")
            return summary.copied
        }
        #expect(try await copied("--include-key", "a:*") == 200)
        try await expectEqual(source.port, target.port, ["--include-prefix", "a:"])
        #expect(try await copied("--include-key", "a:?", "--include-key", "b:1[0-4]") == 30)
        #expect(try await copied("--exclude-key", "a:*", "--exclude-key", "list:*") == 200)
        try await expectEqual(source.port, target.port, ["--include-prefix", "b:"])
        #expect(try await copied("--include-key", "*:1*", "--exclude-key", "a:1?") == 46)
        #expect(try await copied("--include-key", "[^a]:*") == 200)
        #expect(try await copied("--type", "list") == 200)
        try await expectEqual(source.port, target.port, ["--include-prefix", "list:"])
        #expect(try await copied("--type", "list", "--type", "string") == 600)
        #expect(try await copied("--type", "zset") == 0)
        #expect(try await copied("--db", "3") == 300)
        #expect(try target.keys() == 0)
        #expect(try await copied("--db", "3", "--db-map", "3=5") == 300)
        try await expectEqual(source.port, target.port, ["--db", "3", "--db-map", "3=5"])

        let low = try await copied("--slots", "0-4095,5000")
        let high = try await copied("--slots", "4096-4999", "--slots", "5001-16383")
        #expect(low > 0 && high > low && low + high == 600)
        // The slot of a:7.
        #expect(try await copied("--slots", "177") >= 2)
        #expect(try target.client().command(["EXISTS", "a:7"]) == .integer(1))
    }

    @Test(arguments: ["snapshot", "scan"])
    func `an existing key is replaced, skipped or an error`(read: String) async throws {
        let source = try await start()
        let target = try await TestServer.start("valkey-8.0.1")
        func prepare() throws {
            try target.flush()
            try target.client().pipeline([
                ["SET", "a:0", "older"], ["RPUSH", "a:1", "another type"], ["SET", "list:0", "another type"],
                ["SET", "b:0", "x"], ["SET", "own", "stays"], ["SELECT", "3"], ["SET", "a:2", "older", "EX", "5000"],
            ])
        }
        try prepare()
        let replaced = try await Run.run(from: source.url, to: target.url, ["--read", read])
        try expectAllCopied(replaced, keys: 600)
        try await expectEqual(source.port, target.port, ["--exclude-prefix", "own"])

        for policy in ["skip", "error"] {
            try prepare()
            let outcome = try await Run.run(
                from: source.url, to: target.url, ["--read", read, "--on-conflict", policy])
            let summary = try outcome.summary
            #expect(outcome.exit == .code(policy == "skip" ? 0 : 1), "\(outcome)")
            #expect(summary.copied == 595, "\(outcome)")
            #expect((policy == "skip" ? summary.existing : summary.failed) == 5, "\(outcome)")
            let client = try target.client()
            #expect(try client.command(["GET", "a:0"]).text == "older")
            #expect(try client.command(["LRANGE", "a:1", "0", "-1"]).elements.first?.text == "another type")
            #expect(try client.command(["PTTL", "b:0"]) == .integer(-1))
            let comparison = try await Comparer.run(from: source.port, to: target.port, ["--exclude-prefix", "own"])
            #expect(comparison.description.contains("type: 2"), "\(comparison)")
            #expect(comparison.description.contains("value: 2"), "\(comparison)")
            #expect(!comparison.description.contains("missing"), "\(comparison)")
            if policy == "error" {
                let named = summary.reasons.values.flatMap(\.examples).sorted()
                #expect(named == ["a:0", "a:1", "a:2", "b:0", "list:0"], "\(outcome)")
            }
        }
    }

    @Test(arguments: ["snapshot", "scan", "file"])
    func `what the source lacks is removed, within the filters`(read: String) async throws {
        let source = try await start()
        let target = try await TestServer.start("valkey-8.0.1")
        let from = read == "file" ? try source.save() : source.url
        let how = (read == "scan" ? ["--read", "scan"] : []) + ["--delete-extra"]
        try await Filler.run(target, .strings, keys: 500)
        try target.client().pipeline([["SET", "a:extra", "1"], ["RPUSH", "list:extra", "1"], ["SET", "a:1", "old"]])
        try target.client().pipeline([
            ["SELECT", "3"], ["SET", "extra", "3"], ["SELECT", "7"], ["SET", "other", "7"],
        ])

        let dry = try await Run.run(from: from, to: target.url, how + ["--dry-run"])
        #expect(try dry.summary.deleted == 504, "\(dry)")
        #expect(try target.keys() == 503)

        let filters = ["--include-key", "a:*", "--db", "0"]
        let filtered = try await Run.run(from: from, to: target.url, how + filters)
        #expect(try filtered.summary.deleted == 1, "\(filtered)")
        #expect(try target.keys() == 601)
        try await expectEqual(source.port, target.port, ["--db", "0", "--include-prefix", "a:"])

        let byType = try await Run.run(from: from, to: target.url, how + ["--type", "list", "--db", "0"])
        #expect(try byType.summary.deleted == 1, "\(byType)")
        #expect(try target.keys() == 700)

        let all = try await Run.run(from: from, to: target.url, how + ["--db", "0", "--db", "3"])
        #expect(try all.summary.deleted == 501, "\(all)")
        #expect(try target.keys(inDatabase: 7) == 1)
        try await expectEqual(source.port, target.port, ["--db", "0", "--db", "3"])
    }

    @Test func `what the source lacks is removed from a cluster`() async throws {
        let source = try await TestCluster.start("redis-7.0.15")
        let target = try await TestCluster.start("valkey-8.0.1")
        try await Filler.run(port: source.port, .demo, keys: 2000)
        let keys = try source.keys()
        for read in ["snapshot", "scan"] {
            try await Filler.run(port: target.port, .strings, keys: 1000)
            let outcome = try await Run.run(from: source.url, to: target.url, ["--delete-extra", "--read", read])
            try expectAllCopied(outcome, keys: keys)
            #expect(try outcome.summary.deleted == 1000, "\(outcome)")
            try await expectEqual(source.port, target.port)
        }
    }

    @Test(arguments: ["snapshot", "scan", "file"])
    func `a dry run counts all and writes nothing`(read: String) async throws {
        let source = try await TestServer.start("redis-7.4.1")
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(source, .demo, keys: 2000)
        let keys = try source.keys()
        let from = read == "file" ? try source.save() : source.url
        let how = (read == "scan" ? ["--read", "scan"] : []) + ["--dry-run"]
        try target.client().require("SET", "there", "already")
        let before = try target.digest()
        let outcome = try await Run.run(from: from, to: target.url, how)
        try expectAllCopied(outcome, keys: keys)
        #expect(try outcome.summary.dryRun)
        #expect(try target.digest() == before)
        #expect(try target.client().require("FUNCTION", "LIST").elements.isEmpty)
        for command in ["set", "mset", "restore", "function|load"] {
            #expect(try target.calls(of: command) == (command == "set" ? 1 : 0))
        }
    }

    @Test func `function libraries follow the conflict policy`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        func load(_ server: TestServer, _ answer: String) throws {
            try server.client().require(
                "FUNCTION", "LOAD", "REPLACE",
                "#!lua name=lib\nredis.register_function('answer', function() return '\(answer)' end)")
        }
        func answer() throws -> String? { try target.client().command(["FCALL", "answer", "0"]).text }
        for read in ["snapshot", "scan"] {
            try load(source, "new")
            try load(target, "old")
            let skip = try await Run.run(
                from: source.url, to: target.url, ["--read", read, "--on-conflict", "skip"])
            #expect(try skip.summary.functions.existing == 1 && skip.exit == .code(0), "\(skip)")
            #expect(try answer() == "old")
            let error = try await Run.run(
                from: source.url, to: target.url, ["--read", read, "--on-conflict", "error"])
            #expect(try error.summary.functions.failed == 1 && error.exit == .code(1), "\(error)")
            #expect(try answer() == "old")
            let replace = try await Run.run(from: source.url, to: target.url, ["--read", read])
            #expect(try replace.summary.functions.copied == 1 && replace.exit == .code(0), "\(replace)")
            #expect(try answer() == "new")
            #expect(try replace.summary.read == 0)
        }
    }
}
