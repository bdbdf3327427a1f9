import Foundation
import RESP
import SlotWorkers
import TestServers
import Testing

@testable import Verifier

/// A verification between servers in small portions, for one process or several.
struct PortionedRun: Codable {
    /// Holds the run for a process of its own.
    static let variable = "BACKFILL_RESUME_RUN"

    var source: String
    var target: String
    var extent = VerifyConfiguration.Extent.full
    /// Of the file of differences; `nil`: none is kept.
    var path: String?

    enum CodingKeys: String, CodingKey { case source, target, path }

    init(source: String, target: String) {
        self.source = source
        self.target = target
    }

    var text: String {
        get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
    }

    private func side(_ url: String, _ side: Side) throws -> SideConfiguration {
        SideConfiguration(
            location: .server(try DeploymentURL(url)), settings: ConnectionSettings(side: side),
            addressMap: AddressMap())
    }

    /// Verifies, from where the file stands.
    ///
    /// - Parameter portionDone: Called once, when a further portion is done.
    func run(
        _ control: RunControl = RunControl(), portionDone: @escaping @Sendable () -> Void = {}
    ) async throws -> VerificationReport {
        var configuration = VerifyConfiguration(
            source: try side(source, .source), target: try side(target, .target))
        configuration.extent = extent
        configuration.seed = RunSeed(bytes: Array(0..<16))
        (configuration.policy.rounds, configuration.policy.confirmations) = (1, 1)
        configuration.portionKeys = 100
        guard let path else { return try await VerifyRun(configuration, control: control).run() }
        let entry = DifferencesRun(
            seed: configuration.seed?.description ?? "", source: .init(address: source, read: "snapshot"),
            target: .init(address: target, read: "snapshot"), startedAt: 0)
        let file = try DifferencesFile.start(at: path, for: entry).file
        configuration.differences = file
        let before = try file.checkpoint()?.progress.nextBucket ?? 0
        let watch = Task {
            while !Task.isCancelled {
                // In the midst of a portion, keys and checkpoint do not agree yet.
                if let now = try? file.checkpoint()?.progress.nextBucket, now > before { return portionDone() }
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        let result: Result<VerificationReport, any Error>
        do {
            result = .success(try await VerifyRun(configuration, control: control).run())
        } catch {
            result = .failure(error)
        }
        watch.cancel()
        _ = await watch.result
        try file.close()
        return try result.get()
    }
}

/// Run by another test, in a process of its own: ends it in the midst of the portion behind the first.
struct PortionedRunTests {
    private static let given = ProcessInfo.processInfo.environment[PortionedRun.variable]

    @Test(.enabled(if: given != nil)) func `a run that is killed`() async throws {
        let run = try JSONDecoder().decode(PortionedRun.self, from: Data((Self.given ?? "").utf8))
        let report = try await run.run {
            usleep(UInt32.random(in: 0..<60_000))
            kill(getpid(), SIGKILL)
        }
        let path = ProcessInfo.processInfo.environment["BACKFILL_RESUME_REPORT"] ?? ""
        try Data(try ReportFormat.json.render(report).utf8).write(to: URL(fileURLWithPath: path))
    }
}

/// A verification that was stopped goes on from its file, and says what one says that was not stopped.
@Suite(.fewAtOnce) struct ResumeTests {
    /// What a file of differences holds.
    private struct Held: Decodable {
        let verdict: String?
        /// The first bucket that is not done; `nil` without a checkpoint.
        let bucket: Int?
        let rows: Int
        let keys: Int
    }

    /// Looks into a file that no verification has open.
    private static func look(into path: String) async throws -> Held {
        let query = try Program(
            "/usr/bin/env",
            [
                "python3", "-c",
                """
                import json, sqlite3, sys
                db = sqlite3.connect(sys.argv[1])
                one = lambda text: db.execute(text).fetchone()
                state = one("select progress from checkpoint")
                print(json.dumps({
                    "verdict": one("select verdict from run")[0],
                    "bucket": json.loads(state[0])["nextBucket"] if state else None,
                    "rows": one("select count(*) from difference")[0],
                    "keys": one("select count(*) from (select distinct db, key from difference)")[0]}))
                """, path,
            ])
        let result = try await query.wait(timeout: .seconds(30))
        return try JSONDecoder().decode(Held.self, from: Data(result.output))
    }

    private static func report(_ result: ProgramResult) throws -> Verification {
        try JSONDecoder().decode(Verification.self, from: Data(result.output))
    }

    // MARK: Between portions

    /// Many keys that differ, of all types.
    private static func fill(_ source: TestServer, _ target: TestServer) async throws {
        try await Filler.run(source, .demo, keys: 2000)
        let copied = try await Run.run(from: source.url, to: target.url)
        try #require(copied.exit == .code(0), "\(copied)")
        // Some of them are among the largest keys, which no sample leaves out.
        let strings = (0..<600).map {
            ["SET", "s:\($0)", String(repeating: "v", count: $0 < 60 ? 100_000 + $0 : $0)]
        }
        try source.client().pipeline(strings)
        try target.client().pipeline(
            strings.map { $0.dropLast() + ["other"] } + (0..<200).map { ["SET", "extra:\($0)", "v"] })
    }

    /// Compares a run that was stopped with one that was not, and with what the file holds.
    private static func compare(
        _ resumed: VerificationReport, with whole: VerificationReport, _ path: String, stops: Int
    ) async throws {
        #expect(stops >= 2 && resumed.resumed?.times == stops, "\(stops) stops, \(String(describing: resumed.resumed))")
        #expect(resumed.counts == whole.counts && resumed.types == whole.types && resumed.sample == whole.sample)
        #expect(resumed.coverage == whole.coverage && resumed.slots == whole.slots)
        #expect(resumed.source.keys == whole.source.keys && resumed.target.bytes == whole.target.bytes)
        #expect(resumed.verdict == .different && resumed.counts.mismatches > 300)
        #expect(resumed.reasons.contains { $0.contains("gone on with") }, "\(resumed.reasons)")
        // Those found before a stop are described as well, and once.
        func key(_ example: VerificationReport.Example) -> String { "\(example.keyHash) \(example.differences)" }
        #expect(Set(resumed.examples.map(key)) == Set(whole.examples.map(key)))
        #expect(Set(resumed.examples.map(\.keyHash)).count == resumed.examples.count)
        let held = try await look(into: path)
        #expect(held.rows == held.keys && held.keys == Int(resumed.counts.mismatches), "\(held)")
    }

    @Test(arguments: [VerifyConfiguration.Extent.full, .sample(1500)])
    func `stopped after every portion, it finds what it would have found`(extent: VerifyConfiguration.Extent)
        async throws
    {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        try await Self.fill(source, target)
        var portioned = PortionedRun(source: source.url, target: target.url)
        portioned.extent = extent
        let whole = try await portioned.run()

        portioned.path = source.folder + "/found.sqlite"
        var stops = 0
        var report: VerificationReport?
        while report == nil {
            let control = RunControl()
            do {
                report = try await portioned.run(control) { control.stop() }
            } catch {
                stops += 1
                try #require(stops < 50, "\(error)")
            }
        }
        try await Self.compare(try #require(report), with: whole, portioned.path ?? "", stops: stops)
    }

    /// Kills runs, each a portion further, until one comes to its end or enough were killed.
    private static func kill(_ portioned: PortionedRun, most: Int, output: String) async throws -> Int {
        var stops = 0
        while stops < most {
            let result = try await Program.run(
                "/proc/self/exe", ["--testing-library", "swift-testing", "--filter", "PortionedRunTests"],
                environment: [PortionedRun.variable: try portioned.text, "BACKFILL_RESUME_REPORT": output])
            if result.exit == .code(0) { break }
            try #require(result.exit == .signal(SIGKILL), "\(result)")
            let held = try await look(into: portioned.path ?? "")
            #expect((held.bucket ?? 0) > 0 && held.verdict == nil && held.rows == held.keys, "\(held)")
            stops += 1
        }
        return stops
    }

    @Test func `killed in every portion, it finds what it would have found`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        try await Self.fill(source, target)
        var portioned = PortionedRun(source: source.url, target: target.url)
        let whole = try await portioned.run()
        portioned.path = source.folder + "/found.sqlite"
        let output = source.folder + "/report.json"
        let stops = try await Self.kill(portioned, most: 50, output: output)
        let report = try JSONDecoder().decode(
            VerificationReport.self, from: Data(contentsOf: URL(fileURLWithPath: output)))
        try await Self.compare(report, with: whole, portioned.path ?? "", stops: stops)
    }

    @Test func `a repair that goes on mends the keys from before the stop as well`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        try await Self.fill(source, target)
        var portioned = PortionedRun(source: source.url, target: target.url)
        let path = source.folder + "/found.sqlite"
        portioned.path = path
        #expect(try await Self.kill(portioned, most: 2, output: source.folder + "/report.json") == 2)
        let held = try await Self.look(into: path)
        #expect((50..<750).contains(held.rows), "\(held)")
        let result = try await Verify.program(
            from: source.url, to: target.url, ["--rounds", "1", "--differences", path, "--repair", "--delete-extra"]
        ).wait(timeout: .seconds(60))
        #expect(result.exit == .code(0) && result.errorText.contains("Going on with"), "\(result)")
        #expect(try Self.report(result).resumed?.times == 2, "\(result)")
        #expect(try await Self.look(into: path).keys == 800)
        try await expectEqual(source.port, target.port)
    }

    // MARK: What cannot go on

    /// Leaves a file behind whose run was killed in the second reading, with one key different and one that changed.
    private static func leave(_ source: TestServer, _ target: TestServer, _ path: String, by signal: Int32)
        async throws
    {
        for server in [source, target] {
            try server.client().pipeline((0..<500).map { ["SET", "k:\($0)", "v"] })
        }
        try target.client().require("DEL", "k:1")
        let writer = Task.detached {
            let client = try source.client()
            while !Task.isCancelled {
                try client.command(["INCR", "counter"])
                try? await Task.sleep(for: .milliseconds(1))
            }
        }
        let program = try Verify.program(
            from: source.url, to: target.url, ["--rounds", "100", "--differences", path])
        try await Task.sleep(for: .seconds(4))
        program.send(signal: signal)
        let result = try await program.wait(timeout: .seconds(30))
        #expect(result.exit == (signal == SIGKILL ? .signal(SIGKILL) : .code(143)), "\(result)")
        #expect(result.errorText.contains("goes on from there") == (signal == SIGTERM), "\(result)")
        writer.cancel()
        try await writer.value
        let held = try await look(into: path)
        try #require(held.bucket != nil && held.verdict == nil, "\(held)")
    }

    @Test(arguments: [SIGKILL, SIGTERM])
    func `another run than the one that was stopped is refused, and its work stays`(signal: Int32) async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        let other = try await TestServer.start("valkey-9.1.2")
        let path = source.folder + "/found.sqlite"
        try await Self.leave(source, target, path, by: signal)
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        let how = ["--rounds", "100", "--differences", path]
        for (to, more, word) in [
            (other.url, [], "the target is another server"),
            (target.url, ["--seed", "00112233445566778899aabbccddeeff"], "the seed was"),
            (target.url, ["--include-key", "k:*"], "--include-key was not given, and is k:*"),
            (target.url, ["--ttl-tolerance", "5"], "--ttl-tolerance was 1000, and is 5"),
            (target.url, ["--ignore-extra"], "--ignore-extra"), (target.url, ["--sample", "10"], "sample"),
            (target.url, ["--rounds", "7"], "--rounds was 100, and is 7"),
        ] {
            let arguments = more.contains("--rounds") ? ["--differences", path] + more : how + more
            try await Verify.fail(
                from: source.url, to: to, arguments, code: 2, saying: path, word, "name another file",
                "or remove this one")
        }
        let dump = try target.save()
        try await Verify.fail(from: source.url, to: dump, how, code: 2, saying: "the target is a file")
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)

        // The same, and with repair of what was found before the stop.
        let result = try await Verify.program(from: source.url, to: target.url, how + ["--repair"])
            .wait(timeout: .seconds(60))
        #expect(result.exit == .code(0) && result.errorText.contains("Going on with"), "\(result)")
        #expect(try Self.report(result).resumed?.times == 1, "\(result)")
        #expect(try target.client().command(["GET", "k:1"]).text == "v")
        let again = try await Verify.program(from: source.url, to: target.url, how).wait(timeout: .seconds(60))
        #expect(again.exit == .code(0) && !again.errorText.contains("Going on"), "it had come to its end: \(again)")
        #expect(try Self.report(again).resumed == nil)

        try await Self.leave(source, target, path, by: signal)
        try await source.restart()
        try await Verify.fail(
            from: source.url, to: target.url, how, code: 2, saying: "the source is another server, or was restarted")
    }

    @Test func `a file that was written since is another, and its verification does not go on`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        let path = source.folder + "/found.sqlite"
        try source.client().require("SET", "a", "v")
        let file = try source.save()
        let writer = Task.detached {
            let client = try target.client()
            var number = 0
            while !Task.isCancelled {
                number += 1
                try client.command(["SET", "a", "\(number)"])
                try? await Task.sleep(for: .milliseconds(1))
            }
        }
        let program = try Verify.program(from: file, to: target.url, ["--differences", path])
        try await Task.sleep(for: .milliseconds(1200))
        program.send(signal: SIGINT)
        let stopped = try await program.wait(timeout: .seconds(20))
        writer.cancel()
        try await writer.value
        #expect(stopped.exit == .code(130) && stopped.errorText.contains("the same command goes on"), "\(stopped)")
        try source.client().require("SET", "b", "v")
        #expect(try source.save() == file)
        try await Verify.fail(
            from: file, to: target.url, ["--differences", path], code: 2, saying: "the source is another file")
    }

    @Test func `stopped in the first reading, it begins anew and says so`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-9.1.2")
        let path = source.folder + "/found.sqlite"
        for server in [source, target] {
            try server.client().pipeline((0..<1000).map { ["SET", "k:\($0)", String(repeating: "v", count: 200)] })
        }
        try target.client().require("CONFIG", "SET", "rdb-key-save-delay", "20000")
        let program = try Verify.program(from: source.url, to: target.url, ["--differences", path])
        try await Task.sleep(for: .seconds(2))
        program.send(signal: SIGTERM)
        let stopped = try await program.wait(timeout: .seconds(20))
        #expect(stopped.exit == .code(143) && !stopped.errorText.contains("goes on from there"), "\(stopped)")
        #expect(try await Self.look(into: path).bucket == nil)
        try target.client().require("CONFIG", "SET", "rdb-key-save-delay", "0")
        let again = try await Verify.program(from: source.url, to: target.url, ["--differences", path])
            .wait(timeout: .seconds(60))
        #expect(again.exit == .code(0) && again.errorText.contains("begins anew"), "\(again)")
        #expect(try Self.report(again).resumed == nil)
    }
}
