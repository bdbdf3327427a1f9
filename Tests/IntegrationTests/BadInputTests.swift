import Foundation
import TestServers
import Testing

/// What cannot be done is refused before the first write, with the exit code of its kind and a message that names it.
@Suite(.fewAtOnce) struct BadInputTests {
    /// A target that must not be written to.
    private func untouched(
        _ target: TestServer, _ code: Int32, _ words: String..., from: String, _ arguments: [String] = [],
        environment: [String: String] = [:], to: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let outcome = try await Run.run(from: from, to: to ?? target.url, arguments, environment: environment)
        #expect(outcome.exit == .code(code), "\(outcome)", sourceLocation: sourceLocation)
        for word in words {
            #expect(outcome.error.contains(word), "'\(word)' is missing: \(outcome)", sourceLocation: sourceLocation)
        }
        #expect(try target.keys() == 0, "\(outcome)", sourceLocation: sourceLocation)
        for command in ["set", "mset", "restore", "unlink"] {
            // Queued for a transaction that is discarded does not count.
            #expect(try target.calls(of: command) == 0, "\(command): \(outcome)", sourceLocation: sourceLocation)
        }
    }

    // MARK: Files

    @Test func `damaged files`() async throws {
        let source = try await TestServer.start("redis-7.0.15", ServerOptions(["rdbcompression no"]))
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(source, .strings, keys: 20_000)
        let path = try source.save()
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        func damaged(_ name: String, _ bytes: [UInt8]) throws -> String {
            let path = source.folder + "/" + name
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return path
        }
        try await untouched(target, 1, "/nonexistent.rdb", "No such file", from: "/nonexistent.rdb")
        try await untouched(target, 1, source.folder, "directory", from: source.folder)
        let text = try damaged("text", Array("Dear reader, this is no RDB file at all.\n".utf8))
        try await untouched(target, 1, text, "not an RDB file", from: text)
        let empty = try damaged("empty", [])
        try await untouched(target, 1, empty, from: empty)
        let half = Array(whole[..<(whole.count / 2)])
        let truncated = try damaged("truncated", half)
        try await untouched(target, 1, truncated, "ends at byte", from: truncated)
        let withoutEnd = try damaged("without-end", Array(whole.dropLast(3)))
        try await untouched(target, 1, withoutEnd, "ends at byte", from: withoutEnd)
        let longer = try damaged("longer", whole + [0])
        try await untouched(target, 1, longer, "goes on behind the end", from: longer)

        var flipped = whole
        // In the middle of a value, where the format itself says nothing.
        let inside = try #require(
            whole.indices.dropFirst(whole.count / 2).first { index in
                whole[index..<(index + 8)].allSatisfy {
                    ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || $0 >= 97 && $0 <= 122
                }
            })
        flipped[inside + 4] ^= 1
        let wrongChecksum = try damaged("checksum", flipped)
        try await untouched(target, 1, wrongChecksum, "checksum", from: wrongChecksum)

        let newer = try damaged("newer", Array("REDIS0099".utf8) + whole.dropFirst(9))
        try await untouched(target, 1, newer, "version", "99", from: newer)
        let compressed = try damaged("half.lz4", Array(try await LZ4.compress(path).dropLast(100)))
        try await untouched(target, 1, compressed, "half.lz4", "truncated", from: compressed)
        var broken = try await LZ4.compress(path)
        for index in 5000..<5100 { broken[index] = 255 }
        let brokenLZ4 = try damaged("broken.lz4", broken)
        try await untouched(target, 1, "broken.lz4", "damaged", from: brokenLZ4)
    }

    @Test func `an unknown type byte is named with its offset`() async throws {
        let target = try await TestServer.start("valkey-8.0.1")
        let path = try TestFolder.make("unknown-type") + "/unknown.rdb"
        // SELECTDB 0, a string k = v, then a type that does not exist.
        let bytes: [UInt8] = Array("REDIS0011".utf8) + [0xFE, 0, 0, 1, 107, 1, 118, 99, 1, 108, 1, 118, 0xFF]
        try Data(bytes + [UInt8](repeating: 0, count: 8)).write(to: URL(fileURLWithPath: path))
        try await untouched(target, 1, path, "type byte 99", "at byte 16", from: path)
    }

    // MARK: Connections

    @Test func `servers that are not there or do not let us in`() async throws {
        var options = ServerOptions()
        options.password = "right"
        let locked = try await TestServer.start("redis-7.0.15", options)
        let source = try await TestServer.start("redis-6.2.14")
        let target = try await TestServer.start("valkey-8.0.1")
        try source.client().require("SET", "a", "1")
        let gone = try await TestServer.start("redis-7.0.15")
        gone.kill()

        try await untouched(target, 3, "source", gone.address, "refuses connections", from: gone.url)
        try await untouched(target, 3, "target", gone.address, "refuses connections", from: source.url, to: gone.url)
        try await untouched(target, 3, "no-such-host.invalid", from: "redis://no-such-host.invalid:6379")
        try await untouched(target, 3, "/nonexistent.sock", from: "unix:///nonexistent.sock")

        for (environment, word) in [
            ([:], "wants a password"), (["BACKFILL_FROM_PASSWORD": "wrong"], "BACKFILL_FROM_PASSWORD"),
        ] {
            try await untouched(target, 3, "source", locked.address, word, from: locked.url, environment: environment)
        }
        try await untouched(
            target, 3, "target", locked.address, "BACKFILL_TO_PASSWORD", from: source.url,
            environment: ["BACKFILL_TO_PASSWORD": "wrong"], to: locked.url)
        try await untouched(
            target, 3, "user 'nobody'", from: "redis://nobody@\(locked.address)",
            environment: ["BACKFILL_FROM_PASSWORD": "right"])
        try await untouched(
            target, 3, "no password set", from: source.url, environment: ["BACKFILL_FROM_PASSWORD": "superfluous"])
        try await untouched(
            target, 3, "/nonexistent-password", from: locked.url, ["--from-password-file", "/nonexistent-password"])
    }

    @Test func `a server that hangs is noticed within the time-out`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        let hanging = try await TestServer.start("redis-7.0.15")
        try source.client().require("SET", "a", "1")
        hanging.pause()
        let start = ContinuousClock.now
        try await untouched(target, 3, "source", hanging.address, "2 s", from: hanging.url, ["--timeout", "2"])
        try await untouched(
            target, 3, "target", hanging.address, "2 s", from: source.url, ["--timeout", "2"], to: hanging.url)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func `a missing permission names its command, on each side`() async throws {
        var options = ServerOptions()
        let base = "on nopass ~* +@all"
        options.users = [
            "psync", "replconf", "scan", "dump", "multi", "info", "restore", "mset", "set", "select", "pexpiretime",
        ]
        .map { "no\($0) \(base) -\($0)" }
        let source = try await TestServer.start("redis-7.0.15", options)
        try source.client().pipeline([["SET", "a", "1"], ["SADD", "b", "1"], ["SET", "c", "1", "EX", "1000"]])
        let target = try await TestServer.start("valkey-8.0.1", options)
        for (command, read) in [
            ("psync", "snapshot"), ("replconf", "snapshot"), ("scan", "scan"), ("dump", "scan"), ("multi", "scan"),
            ("pexpiretime", "scan"), ("info", "snapshot"),
        ] {
            let from = "redis://no\(command)@\(source.address)"
            let outcome = try await Run.run(from: from, to: target.url, ["--read", read])
            expectRefusal(outcome, 3, "source")
            #expect(outcome.error.lowercased().contains(command), "\(outcome)")
            #expect(try target.keys() == 0, "\(outcome)")
        }
        for command in ["restore", "mset", "set", "info"] {
            let to = "redis://no\(command)@\(target.address)"
            let outcome = try await Run.run(from: source.url, to: to)
            expectRefusal(outcome, 3, "target")
            #expect(outcome.error.lowercased().contains(command), "\(outcome)")
            #expect(try target.keys() == 0, "\(outcome)")
        }
        // It only serves to try without writing; what was meant to be tried must not be done then.
        try target.client().require("SET", "k", "of the user")
        let withoutMULTI = try await Run.run(from: source.url, to: "redis://nomulti@\(target.address)")
        try expectAllCopied(withoutMULTI, keys: 3)
        #expect(try target.client().command(["GET", "k"]).text == "of the user")
    }

    // MARK: Which servers

    @Test func `a server is not copied onto itself or its own replica`() async throws {
        var options = ServerOptions()
        options.unixSocket = true
        let server = try await TestServer.start("valkey-8.0.1", options)
        try server.client().require("SET", "a", "1")
        let before = try server.digest()
        options.replicaOf = server.port
        let replica = try await TestServer.start("valkey-8.0.1", options)
        try await replica.wait(until: "in sync") { try $0.info("replication")["master_link_status"] == "up" }
        for from in [server.url, "redis://localhost:\(server.port)", try #require(server.unixURL)] {
            for read in ["snapshot", "scan"] {
                expectRefusal(try await Run.run(from: from, to: server.url, ["--read", read]), 2, "same server")
            }
        }
        expectRefusal(try await Run.run(from: replica.url, to: server.url), 2, server.address)
        #expect(try server.digest() == before)

        let cluster = try await TestCluster.start("valkey-8.0.1")
        expectRefusal(try await Run.run(from: cluster.url, to: cluster.primaries[2].url), 2, "same server")
    }

    @Test func `a replica is no target`() async throws {
        let primary = try await TestServer.start("valkey-8.0.1")
        var options = ServerOptions()
        options.replicaOf = primary.port
        let replica = try await TestServer.start("valkey-8.0.1", options)
        try await replica.wait(until: "in sync") { try $0.info("replication")["master_link_status"] == "up" }
        let source = try await TestServer.start("redis-7.0.15")
        try source.client().require("SET", "a", "1")
        try await untouched(primary, 2, "replica", replica.address, primary.address, from: source.url, to: replica.url)

        // A replica whose primary is gone is none either.
        primary.kill()
        let orphan = try await Run.run(from: source.url, to: replica.url)
        expectRefusal(orphan, 3, "replica", replica.address)
        #expect(try replica.keys() == 0)
    }

    @Test func `several primaries are not one deployment`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let other = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        try source.client().require("SET", "a", "1")
        try await untouched(
            target, 2, "independent", source.address, other.address, from: "\(source.url),\(other.address)")
        try await untouched(
            target, 2, "independent", other.address, from: source.url, to: "\(target.url),\(other.address)")
        #expect(try other.keys() == 0)
    }

    @Test func `a target cluster with a hole is refused`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        try source.client().require("SET", "a", "1")
        let cluster = try await TestCluster.start("valkey-8.0.1", ServerOptions(["cluster-require-full-coverage no"]))
        try cluster.primaries[1].client().require("CLUSTER", "DELSLOTS", "7000", "7001")
        for primary in cluster.primaries where primary !== cluster.primaries[1] {
            try primary.client().require("CLUSTER", "DELSLOTS", "7000", "7001")
        }
        for primary in cluster.primaries {
            try await untouched(primary, 3, "7000-7001", from: source.url, to: primary.url)
        }
    }

    // MARK: The command line

    @Test(arguments: [
        (["--to", "redis://h:6379"], "--from"), (["--from", "f.rdb"], "--to"),
        (["--from", "f.rdb", "--to", "http://h"], "http"), (["--from", "redis://", "--to", "redis://h"], "host"),
        (["--from", "redis://a:99999", "--to", "redis://h"], "99999"),
        (["--from", "redis://a:x", "--to", "redis://h"], "port"),
        (["--from", "redis://a,,b", "--to", "redis://h"], "empty"),
        (["--from", "redis://a/3", "--to", "redis://h"], "--db"),
        (["--from", "redis+sentinel://a", "--to", "redis://h"], "name"),
        (["--from", "f.rdb", "--to", "h:6379"], "redis://"), (["--from", "f.rdb", "--to", "-"], "redis://"),
        (["--from", "f.rdb", "--to", "redis://h", "--slots", "1-99999"], "99999"),
        (["--from", "f.rdb", "--to", "redis://h", "--slots", "9-3"], "9-3"),
        (["--from", "f.rdb", "--to", "redis://h", "--slots", "x"], "x"),
        (["--from", "f.rdb", "--to", "redis://h", "--slots", ""], "is not a slot"),
        (["--from", "f.rdb", "--to", "redis://h", "--include-key", "[a"], "[a"),
        (["--from", "f.rdb", "--to", "redis://h", "--exclude-key", ""], "key pattern"),
        (["--from", "f.rdb", "--to", "redis://h", "--type", "text"], "text"),
        (["--from", "f.rdb", "--to", "redis://h", "--db=-1"], "-1"),
        (["--from", "f.rdb", "--to", "redis://h", "--db-map", "3"], "--db-map"),
        (["--from", "f.rdb", "--to", "redis://h", "--db-map", "3=x"], "3=x"),
        (["--from", "f.rdb", "--to", "redis://h", "--db-map", "3=1", "--db-map", "3=2"], "3"),
        (["--from", "f.rdb", "--to", "redis://h", "--workers", "0"], "--workers"),
        (["--from", "f.rdb", "--to", "redis://h", "--workers", "many"], "many"),
        (["--from", "f.rdb", "--to", "redis://h", "--in-flight-bytes", "1"], "--in-flight-bytes"),
        (["--from", "f.rdb", "--to", "redis://h", "--in-flight-bytes", "12x"], "12x"),
        (["--from", "f.rdb", "--to", "redis://h", "--batch-bytes", "1GiB"], "--batch-bytes"),
        (["--from", "f.rdb", "--to", "redis://h", "--timeout", "0"], "--timeout"),
        (["--from", "f.rdb", "--to", "redis://h", "--read", "scan"], "--read scan"),
        (["--from", "f.rdb", "--to", "redis://h", "--on-conflict", "merge"], "merge"),
        (["--from", "f.rdb", "--to", "redis://h", "--from-address-map", "a"], "a"),
        (["--from", "f.rdb", "--to", "redis://h", "--no-such-flag"], "--no-such-flag"),
    ])
    func `what cannot be meant is refused with exit code 2`(arguments: [String], word: String) async throws {
        let result = try await Program.run(Program.backfill, ["run"] + arguments)
        #expect(result.exit == .code(2), "\(result)")
        #expect(result.errorText.contains(word), "'\(word)' is missing: \(result)")
        #expect(result.output.isEmpty, "\(result)")
    }

    @Test(arguments: [
        "redis://user:s3cr3t@h:6379", "redis://:s3cr3t@h", "rediss://a:s3cr3t@h,b", "redis://u:s3/cr3t@h",
    ])
    func `a password in a URL is refused and not repeated`(url: String) async throws {
        for arguments in [["--from", url, "--to", "redis://h"], ["--from", "f.rdb", "--to", url]] {
            let result = try await Program.run(Program.backfill, ["run"] + arguments)
            #expect(result.exit == .code(2), "\(result)")
            #expect(result.errorText.contains("-password-file"), "\(result)")
            #expect(!result.errorText.contains("s3"), "\(result)")
        }
    }
}
