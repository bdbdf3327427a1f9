import Foundation
import TestServers
import Testing

/// `backfill rdb`, against files that servers wrote and servers that take what it writes.
@Suite(.fewAtOnce) struct RDBCommandTests {
    private func rdb(_ arguments: String..., input: [UInt8]? = nil, outputPath: String? = nil) async throws
        -> ProgramResult
    {
        try await Program.run(
            Program.backfill, ["rdb"] + arguments + ["--progress", "none"], input: input, outputPath: outputPath)
    }

    private func object(_ bytes: [UInt8]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    /// Pipes commands into a server by its own command line program, and gives what that says.
    private func pipe(_ commands: [UInt8], into server: TestServer) async throws -> ProgramResult {
        try await Program.run(
            TestFolder.servers + "/redis-7.0.15/redis-cli", ["-p", String(server.port), "--pipe"], input: commands)
    }

    // MARK: - inspect

    @Test(arguments: ["redis-7.4.1", "valkey-9.1.2"])
    func `inspect counts what the server counts, from a file, a pipe and LZ4`(name: String) async throws {
        let source = try await TestServer.start(name)
        try await Filler.run(source, .demo, keys: 3000)
        try source.client().require("SET", "expiring", "1", "PX", "90000000")
        let temporary = "backfill:~0123456789abcdef0123456789abcdef:{1}equal"
        try source.client().require("SET", temporary, "left")
        let keys = try source.keys()
        let file = try source.save()
        let plain = try await rdb("inspect", file, "--output", "json")
        #expect(plain.exit == .code(0) && plain.error.isEmpty, "\(plain)")
        let report = try object(plain.output)
        #expect(report["keys"] as? Int == keys && report["command"] as? String == "rdb inspect")
        let magic = name.hasPrefix("valkey") ? "VALKEY080" : "REDIS0012"
        #expect(report["magic"] as? String == magic)
        let found = try #require(report["types"] as? [[String: Any]])
        for entry in found {
            let type = try #require(entry["type"] as? String)
            let scanned = try scan(source, type: type)
            #expect(entry["keys"] as? Int == scanned, "\(type)")
        }
        #expect(found.reduce(0) { $0 + ($1["keys"] as? Int ?? 0) } == keys)
        let left = try #require(report["temporary"] as? [String: Any])
        #expect(left["count"] as? Int == 1 && left["examples"] as? [String] == [temporary])

        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        for input in [bytes, try await LZ4.compress(file)] {
            let piped = try object(try await rdb("inspect", "-", "--output", "json", input: input).output)
            for field in ["keys", "bytes", "expiring"] {
                #expect(piped[field] as? Int == report[field] as? Int, "\(field)")
            }
        }
        let table = try await rdb("inspect", file)
        #expect(table.exit == .code(0), "\(table)")
        for line in [#"string +string +0 +"#, "Biggest keys", "Slots: ", #"within 7 days +\d"#, #"backfill_demo +lua"#]
        {
            #expect(try table.outputText.contains(Regex(line)), "\(line): \(table)")
        }
        #expect(!table.output.contains(0) && !table.output.contains(0x1B))
    }

    private func scan(_ server: TestServer, type: String) throws -> Int {
        var cursor = "0"
        var count = 0
        repeat {
            let reply = try server.client().require("SCAN", cursor, "COUNT", "1000", "TYPE", type)
            cursor = reply.elements.first?.text ?? "0"
            count += reply.elements.last?.elements.count ?? 0
        } while cursor != "0"
        return count
    }

    @Test func `inspect says what a target would not take`() async throws {
        let source = try await TestServer.start("redis-7.4.1")
        let client = try source.client()
        try client.require("HSET", "hash", "a", "1", "b", "2")
        try client.require("HPEXPIRE", "hash", "90000000", "FIELDS", "1", "a")
        try client.require("SADD", "set", "x", "y")
        let file = try source.save()
        for (target, code) in [("valkey-8.0", Int32(1)), ("redis-7.0", 1), ("valkey-9.1", 0), ("redis-8.6", 0)] {
            let result = try await rdb("inspect", file, "--for", target, "--output", "json")
            #expect(result.exit == .code(code), "\(target): \(result)")
            let report = try object(result.output)
            #expect(report["exit_code"] as? Int == Int(code))
            let found = try #require(report["target"] as? [String: Any])
            #expect(found["for"] as? String == target && found["exact"] as? Bool == (code == 0))
            let findings = try #require(found["findings"] as? [[String: Any]])
            #expect(findings.map { $0["kind"] as? String } == (code == 0 ? [] : ["lossy"]))
            if code != 0 {
                #expect(findings[0]["count"] as? Int == 1 && findings[0]["examples"] as? [String] == ["hash"])
            }
        }
        let table = try await rdb("inspect", file, "--for", "valkey-8.0")
        #expect(table.outputText.contains("would lose the expiries of the fields"), "\(table)")
    }

    @Test func `what cannot be read is refused, with its code and its place`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        try await Filler.run(source, .strings, keys: 5000)
        let file = try source.save()
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        let half = source.folder + "/half.rdb"
        try Data(whole[..<(whole.count / 2)]).write(to: URL(fileURLWithPath: half))
        let longer = source.folder + "/longer.rdb"
        try Data(whole + [0]).write(to: URL(fileURLWithPath: longer))
        for (path, words) in [
            (half, [half, "ends at byte"]), (longer, ["goes on behind the end"]),
            ("/nonexistent.rdb", ["/nonexistent.rdb", "No such file"]), (source.folder, ["directory"]),
        ] {
            for arguments in [["inspect", path], ["export", path, "--format", "jsonl", "--to", "/dev/null"]] {
                let result = try await Program.run(
                    Program.backfill, ["rdb"] + arguments + ["--progress", "none", "--output", "json"])
                #expect(result.exit == .code(1), "\(result)")
                for word in words { #expect(result.errorText.contains(word), "\(word): \(result)") }
                let report = try object(result.output)
                #expect(report["result"] as? String == "failed" && report["exit_code"] as? Int == 1)
            }
        }
        for arguments in [
            ["rdb", "inspect"], ["rdb", "export", file], ["rdb", "export", file, "--format", "csv"],
            ["rdb", "inspect", file, "--for", "redis-4.0"], ["rdb", "inspect", file, "--for", "keydb-6"],
            ["rdb", "inspect", file, "--for-module", "bf"], ["rdb", "inspect", file, "--for", "valkey"],
            ["rdb", "export", file, "--format", "jsonl", "--for", "valkey-8.0"],
        ] {
            let result = try await Program.run(Program.backfill, arguments)
            #expect(result.exit == .code(2) && result.output.isEmpty && !result.error.isEmpty, "\(result)")
        }
        // Neither is the file harmed that is read, nor one made for a file that cannot be.
        let onto = try await rdb("export", file, "--format", "resp", "--to", file)
        #expect(onto.exit == .code(2), "\(onto)")
        #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: file))) == whole)
        let unmade = source.folder + "/unmade"
        #expect(try await rdb("export", "/nonexistent.rdb", "--format", "jsonl", "--to", unmade).exit == .code(1))
        #expect(!FileManager.default.fileExists(atPath: unmade))
    }

    // MARK: - export

    @Test(arguments: [
        ("redis-6.2.14", "redis-6.2.14", nil), ("redis-7.4.1", "valkey-9.1.2", "valkey-9.1"),
        ("valkey-9.1.2", "redis-7.0.15", "redis-7.0"), ("redis-7.0.15", "valkey-8.0.1", nil),
    ])
    func `resp piped into a server makes it equal`(from: String, to: String, for name: String?) async throws {
        let source = try await TestServer.start(from)
        let target = try await TestServer.start(to)
        try await Filler.run(source, .demo, keys: 3000)
        try await Filler.run(source, .large, keys: 10, database: 3)
        try source.client().require("SET", "expiring", "1", "PX", "90000000")
        let file = try source.save()
        let commands = source.folder + "/commands"
        let arguments = ["rdb", "export", file, "--format", "resp", "--to", commands, "--output", "json"]
        let result = try await Program.run(
            Program.backfill, arguments + ["--progress", "none"] + (name.map { ["--for", $0] } ?? []))
        #expect(result.exit == .code(0) && result.error.isEmpty, "\(result)")
        let report = try object(result.output)
        #expect(report["result"] as? String == "done" && report["read"] as? Int == report["written"] as? Int)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: commands)))
        let piped = try await pipe(bytes, into: target)
        #expect(piped.exit == .code(0) && piped.outputText.contains("errors: 0"), "\(piped)")
        try await expectEqual(source.port, target.port)
    }

    @Test func `what the target cannot hold is left out, counted and named`() async throws {
        let source = try await TestServer.start("redis-7.4.1")
        let target = try await TestServer.start("valkey-8.0.1")
        let client = try source.client()
        try client.require("HSET", "hash", "a", "1")
        try client.require("HPEXPIRE", "hash", "90000000", "FIELDS", "1", "a")
        try client.require("SET", "string", "1")
        let file = try source.save()
        let refused = try await rdb("export", file, "--format", "resp", "--for", "valkey-8.0")
        #expect(refused.exit == .code(1), "\(refused.errorText)")
        #expect(refused.errorText.contains("1 × the target cannot hold the expiries of the fields"))
        _ = try await pipe(refused.output, into: target)
        #expect(try target.keys() == 1)
        let converted = try await rdb(
            "export", file, "--format", "resp", "--for", "valkey-8.0", "--on-lossy", "convert")
        #expect(converted.exit == .code(0), "\(converted.errorText)")
        _ = try await pipe(converted.output, into: target)
        #expect(try target.client().require("HGET", "hash", "a").text == "1")
    }

    @Test func `jsonl holds every key with its value, and goes through a pipe`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        try await Filler.run(source, .demo, keys: 2000)
        let long = String(repeating: "long ", count: 1 << 20)
        try source.client().require("SET", "long", long)
        let keys = try source.keys()
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: try source.save())))
        let result = try await rdb("export", "-", "--format", "jsonl", "--output", "json", input: bytes)
        #expect(result.exit == .code(0), "\(result.errorText)")
        let lines = try result.output.split(separator: UInt8(ascii: "\n")).map { try object(Array($0)) }
        #expect(lines.count == keys)
        let client = try source.client()
        var compared = 0
        for line in lines where line["type"] as? String == "string" && line["expire_ms"] is NSNull {
            let key = try #require(Data(base64Encoded: line["key_b64"] as? String ?? "-"))
            guard let name = String(data: key, encoding: .utf8) else { continue }
            let value = try #require(Data(base64Encoded: line["value"] as? String ?? "-"))
            #expect(try client.require("STRLEN", name).integer == Int64(value.count))
            if let text = String(data: value, encoding: .utf8) {
                compared += 1
                #expect(try client.require("GET", name).text == text)
            }
        }
        #expect(compared > 100)
        let report = try object(Array(result.error))
        #expect(report["written"] as? Int == keys)
    }

    @Test func `a full disk and a signal are told`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        try await Filler.run(source, .strings, keys: 50_000)
        let file = try source.save()
        let full = try await rdb("export", file, "--format", "jsonl", outputPath: "/dev/full")
        #expect(full.exit == .code(1) && full.errorText.contains("No space left"), "\(full)")
        let table = try await rdb("inspect", file, outputPath: "/dev/full")
        #expect(table.exit == .code(1) && table.errorText.contains("No space left"), "\(table)")
        for (signal, code) in [(SIGINT, Int32(130)), (SIGTERM, 143)] {
            let fifo = source.folder + "/fifo\(signal)"
            #expect(mkfifo(fifo, 0o600) == 0)
            let run = try Program(Program.backfill, ["rdb", "inspect", fifo, "--output", "json", "--progress", "none"])
            let writer = try #require(FileHandle(forWritingAtPath: fifo))
            try writer.write(contentsOf: Data("REDIS0011".utf8))
            try await Task.sleep(for: .milliseconds(300))
            run.send(signal: signal)
            let result = try await run.wait()
            #expect(result.exit == .code(code), "\(result)")
            try writer.close()
        }
    }
}
