import Foundation
import TestServers
import Testing

/// What the program prints, where, and its exit code.
@Suite(.fewAtOnce) struct OutputTests {
    @Test(arguments: [["--version"], ["--help"], ["run", "--help"], ["help", "run"]])
    func `help and version go to standard output, with exit code 0`(arguments: [String]) async throws {
        let result = try await Program.run(Program.backfill, arguments)
        #expect(result.exit == .code(0), "\(result)")
        #expect(!result.output.isEmpty && result.error.isEmpty, "\(result)")
    }

    @Test(arguments: [["run"], ["walk"], ["--no-such-flag"]])
    func `usage errors go to standard error, with exit code 2`(arguments: [String]) async throws {
        let result = try await Program.run(Program.backfill, arguments)
        #expect(result.exit == .code(2), "\(result)")
        #expect(result.output.isEmpty && !result.error.isEmpty, "\(result)")
    }

    @Test func `the table says what the JSON says`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(source, .demo, keys: 1500)
        let arguments = ["run", "--from", source.url, "--to", target.url, "--progress", "none"]
        let copied = try await Program.run(Program.backfill, arguments)
        #expect(copied.exit == .code(0) && copied.error.isEmpty, "\(copied)")
        for line in [#"read +1,500"#, #"copied +1,500"#, #"failed +0"#, #"function libraries +1"#, "Done"] {
            #expect(try copied.outputText.contains(Regex(line)), "\(line): \(copied)")
        }
        let failed = try await Program.run(Program.backfill, arguments + ["--on-conflict", "error"])
        #expect(failed.exit == .code(1), "\(failed)")
        for line in [#"failed +1,500"#, #"1,500 × .*exists on the target"#, "NOT complete"] {
            #expect(try failed.outputText.contains(Regex(line)), "\(line): \(failed)")
        }
        // Bytes that are no text are shown so that a terminal is not harmed.
        #expect(!failed.output.contains(0) && !failed.output.contains(0x1B), "\(failed)")
    }

    @Test func `progress on a pipe is plain lines on standard error`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(source, .large, keys: 500)
        let arguments = ["run", "--from", source.url, "--to", target.url, "--in-flight-bytes", "1MiB"]
        for (style, shows) in [([], true), (["--progress", "plain"], true), (["--progress", "none"], false)] {
            try target.flush()
            let run = try Program(Program.backfill, arguments + style)
            try await target.wait(forKeys: 20, of: run)
            target.pause()
            if shows {
                let deadline = ContinuousClock.now + .seconds(20)
                while run.error.isEmpty, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
            }
            target.resume()
            let result = try await run.wait()
            #expect(result.exit == .code(0), "\(result)")
            #expect(!result.error.contains(0x1B) && !result.error.contains(13), "\(result)")
            if shows {
                #expect(result.errorText.contains("keys"), "\(result)")
                #expect(result.errorText.hasSuffix("\n"), "\(result)")
            } else {
                #expect(result.error.isEmpty, "\(result)")
            }
        }
    }

    @Test func `a bar is drawn on a terminal, and taken away at the end`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestCluster.start("valkey-8.0.1")
        try await Filler.run(source, .large, keys: 1000)
        // script gives a program a terminal.
        let command =
            "\(Program.backfill) run --from \(source.url) --to \(target.url) --workers 2 --in-flight-bytes 1MiB --output json"
        let result = try await Program.run(
            "/usr/bin/env", ["script", "-qec", command, "/dev/null"], environment: ["TERM": "xterm"])
        #expect(result.exit == .code(0), "\(result)")
        #expect(result.outputText.contains("[#") || result.outputText.contains("[ "), "\(result)")
        #expect(result.outputText.contains("slots 0-8191"), "\(result)")
        #expect(result.outputText.contains("\u{1B}["), "\(result)")
    }

    @Test func `a full disk below standard output or standard error`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(source, .demo, keys: 1500)
        for format in ["json", "table"] {
            let arguments = ["run", "--from", source.url, "--to", target.url, "--output", format]
            let output = try await Program.run(Program.backfill, arguments, outputPath: "/dev/full")
            #expect(output.exit == .code(1), "\(output)")
            #expect(output.errorText.contains("standard output"), "\(output)")
            #expect(output.errorText.contains("No space left"), "\(output)")
            try await expectEqual(source.port, target.port)
            let error = try await Program.run(Program.backfill, arguments, errorPath: "/dev/full")
            #expect(error.exit == .code(0), "\(error)")
            #expect(error.outputText.contains("1,500") || error.outputText.contains("\"copied\":1500"), "\(error)")
        }
        let help = try await Program.run(Program.backfill, ["--help"], outputPath: "/dev/full")
        #expect(help.exit == .code(1), "\(help)")
    }
}
