import ArgumentParser
import FoundationEssentials
import NIOCore
import RESP
import SlotWorkers
import UnixSignals
import Verifier

/// `backfill verify`
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Compares all keys of two sides, both ways, and says whether they are the same; repairs what differs if asked.",
        discussion: """
            EXAMPLES
              backfill verify --from redis://10.0.0.5:6379 --to valkey://10.0.1.7:6379
              backfill verify --from dump.rdb --to valkey://10.0.1.7:6379 --report report.html --report report.json
              backfill verify --from redis://a:6379 --to valkey://b:6379 --mismatch-rate 1e-5 --confidence 0.99
              backfill verify --from redis://a:6379 --to valkey://b:6379 --repair --differences found.sqlite

            EXIT CODES
              0  CONSISTENT, 1  DIFFERENT, 4  INCONCLUSIVE; others as of the program
            """)

    @OptionGroup(title: "Source") var source: SourceOptions
    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup(title: "Which keys") var filter: FilterOptions
    @OptionGroup(title: "Repair") var repair: RepairOptions
    @OptionGroup(title: "Limits of what each side is asked for, by itself") var limits: LimitOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    @Option(
        help:
            "How to read servers: snapshot (as a replica, by PSYNC; where that is refused by scan, with a warning) or scan (SCAN and DUMP)."
    )
    var read = ReadMode.snapshot

    @Option(help: "How to read the source, if not as --read says.")
    var fromRead: ReadMode?

    @Option(help: "How to read the target, if not as --read says.")
    var toRead: ReadMode?

    @Flag(help: "Read from replicas where there are any.")
    var preferReplica = false

    @Option(
        help: ArgumentHelp("Compare about so many keys, drawn on both sides alike, instead of all.", valueName: "n"))
    var sample: UInt64?

    @Option(
        help: ArgumentHelp(
            "Compare as many keys as show, if none differs, that fewer than this share of all do; such as 1e-5.",
            valueName: "rate"))
    var mismatchRate: Double?

    @Option(help: ArgumentHelp("Of what a sample says, above 0, below 1. Default 0.95.", valueName: "share"))
    var confidence: Double?

    @Option(help: ArgumentHelp("The seed of an earlier report: draws the same sample again.", valueName: "hex"))
    var seed: String?

    @Option(
        help: ArgumentHelp(
            "Expiries that lie no further apart are the same, 0 to 86400000 milliseconds.", valueName: "ms"))
    var ttlTolerance: Int64 = 1000

    @Flag(help: "Keys that only the target has are by design: they are reported, and no difference.")
    var ignoreExtra = false

    @Flag(help: "Show names of keys, and what differs in them. Else only hashes are shown.")
    var showKeys = false

    @Option(
        help: ArgumentHelp(
            "Write a report; the end of its name says how: .json, .html, .xml (JUnit), .txt. Repeatable.",
            valueName: "file"))
    var report: [String] = []

    @Option(
        help: ArgumentHelp(
            "How often a key that seems to differ is looked at before it is inconclusive, 1 to 100; fewer than 3 only where nothing is written.",
            valueName: "n"))
    var rounds = 5

    @Option(
        help: ArgumentHelp(
            "A server that answers nothing for so long is taken for dead, 1 to 3600.", valueName: "seconds"))
    var timeout = 30

    @Option(
        help: ArgumentHelp(
            "A value of more bytes is read in pieces, so that it is never in memory whole. 64KiB to 512MiB.",
            valueName: "size"))
    var bigValueBytes = ByteSize(bytes: 16 << 20)

    @Option(
        help:
            "Over SCAN, whether a side is asked for the size of each key before it is dumped: on or off. Off where no value is big."
    )
    var bigValueProbe = OnOff.on

    func validate() throws {
        _ = try makeConfiguration()
    }

    private func makeConfiguration() throws -> VerifyConfiguration {
        guard (1...3600).contains(timeout) else {
            throw ValidationError("--timeout \(timeout) is out of range: 1 to 3600.")
        }
        let timeout = TimeAmount.seconds(Int64(timeout))
        let sourceLocation = try source.source()
        let targetLocation: SourceLocation =
            target.location.contains("://") ? .server(try DeploymentURL(target.location)) : .file(target.location)
        if sourceLocation == .standardInput || target.location == "-" {
            throw ValidationError(
                "A verification may read a side more than once: give a file instead of standard input.")
        }
        var configuration = VerifyConfiguration(
            source: SideConfiguration(
                location: sourceLocation, settings: source.settings(timeout: timeout),
                addressMap: try AddressMap(parsing: source.addressMap)),
            target: SideConfiguration(
                location: targetLocation, settings: target.settings(timeout: timeout),
                addressMap: try AddressMap(parsing: target.addressMap)))
        try limits.expectServer(sourceLocation, targetLocation)
        configuration.source.limit = try limits.limit()
        configuration.target.limit = try limits.limit()
        let filter = try filter.filter()
        configuration.source.filter = filter
        configuration.target.filter = filter
        configuration.filters = self.filter.given
        configuration.source.read = fromRead ?? read
        configuration.target.read = toRead ?? read
        configuration.source.prefersReplica = preferReplica
        configuration.target.prefersReplica = preferReplica
        guard (64 << 10...512 << 20).contains(bigValueBytes.bytes) else {
            throw ValidationError("--big-value-bytes is out of range: 64KiB to 512MiB.")
        }
        configuration.source.bigValueBytes = bigValueBytes.bytes
        configuration.target.bigValueBytes = bigValueBytes.bytes
        configuration.source.probesBigValues = bigValueProbe == .on
        configuration.target.probesBigValues = bigValueProbe == .on
        configuration.extent = try extent()
        configuration.confidence = confidence ?? configuration.confidence
        configuration.seed = try seed.map { try RunSeed(parsing: $0) }
        guard (0...86_400_000).contains(ttlTolerance) else {
            throw ValidationError("--ttl-tolerance \(ttlTolerance) is out of range: 0 to 86400000 milliseconds.")
        }
        configuration.expiryTolerance = ttlTolerance
        configuration.ignoresExtra = ignoreExtra
        configuration.showsKeys = showKeys
        guard (1...100).contains(rounds) else {
            throw ValidationError("--rounds \(rounds) is out of range: 1 to 100.")
        }
        configuration.policy.rounds = rounds
        configuration.policy.confirmations = min(configuration.policy.confirmations, rounds)
        for path in report { _ = try ReportFile(path: path) }
        try repair.check(configuration)
        return configuration
    }

    private func extent() throws -> VerifyConfiguration.Extent {
        if let confidence, !(confidence > 0 && confidence < 1) {
            throw ValidationError("--confidence \(confidence) is out of range: above 0, below 1.")
        }
        switch (sample, mismatchRate) {
        case (nil, nil):
            guard confidence == nil else { throw ValidationError("--confidence is for a sample: see --mismatch-rate.") }
            return .full
        case (let size?, nil):
            guard size > 0 else { throw ValidationError("--sample 0 compares nothing: give 1 or more.") }
            return .sample(size)
        case (nil, let rate?):
            return .sample(try SampleSize.toExclude(mismatchRate: rate, confidence: confidence ?? 0.95))
        case (_?, _?): throw ValidationError("--sample and --mismatch-rate both say how many keys: give one of them.")
        }
    }

    func run() async throws {
        var configuration = try makeConfiguration()
        let files = try report.map { try ReportFile(path: $0) }
        for (flag, isSet) in [("--from-tls-insecure", source.isInsecure), ("--to-tls-insecure", target.isInsecure)]
        where isSet {
            StandardStreams.writeError(
                "backfill: WARNING: \(flag): the server's certificate is NOT verified. Anybody on the way can read and change the data.\n"
            )
        }
        let control = RunControl()
        let signals = StopSignals("there will be no verdict") { control.stop() }
        let result: Result<VerificationReport, any Error>
        do {
            try await repair.prepare(&configuration, control: control)
            var report = try await verify(configuration, control)
            try configuration.differences?.write(repair.entry(configuration, of: report))
            report = try await repaired(report, configuration, control)
            try configuration.differences?.close()
            result = .success(report)
        } catch {
            result = .failure(error)
            giveUp(configuration.differences, after: error)
        }
        throw try finish(result, files, stoppedBy: signals.received)
    }

    /// Lets go of the file of a run that did not come to its end, and says whether it can go on from there.
    private func giveUp(_ file: DifferencesFile?, after error: any Error) {
        guard let file else { return }
        let canGoOn = (error as? VerifierError) == nil && repair.differences != nil
        if canGoOn, (try? file.holdsCheckpoint()) == true {
            StandardStreams.writeError(
                "backfill: '\(file.path)' holds what was found so far: the same command goes on from there.\n")
        }
        try? file.close()
    }

    /// Verifies once, and shows how far it is.
    private func verify(
        _ configuration: VerifyConfiguration, _ control: RunControl
    ) async throws -> VerificationReport {
        let run = VerifyRun(configuration, control: control) { resumption in
            StandardStreams.writeError("backfill: \(resumption.announcement)\n")
        }
        let style = output.progress
        let display = Task { await VerifyDisplay(style, of: run)?.show() }
        let result: Result<VerificationReport, any Error>
        do { result = .success(try await run.run()) } catch { result = .failure(error) }
        display.cancel()
        await display.value
        return try result.get()
    }

    /// With `--repair`, repairs what a verification found, and verifies it again.
    private func repaired(
        _ report: VerificationReport, _ configuration: VerifyConfiguration, _ control: RunControl
    ) async throws -> VerificationReport {
        guard RepairedVerification.isNeeded(report), let run = try repair.run(configuration),
            let verification = RepairedVerification(configuration, repair: run, control: control)
        else { return report }
        if output.progress != .none {
            let keys = Quantity.count(Int(clamping: report.counts.mismatches))
            StandardStreams.writeError("Repairing: \(keys) keys differ.\n")
        }
        let (again, part, warnings) = try await verification.repair(after: report)
        var last = try await verify(again, control)
        last.resumed = report.resumed
        last.repair = part
        last.warnings += warnings
        last.conclude(at: last.finishedAt)
        return last
    }

    private func finish(
        _ result: Result<VerificationReport, any Error>, _ files: [ReportFile], stoppedBy signal: UnixSignal?
    ) throws -> ProgramExit {
        switch result {
        case .success(let report):
            var exit: ProgramExit =
                switch report.verdict {
                case .consistent: .done
                case .different: .differences
                case .inconclusive: .inconclusive
                }
            let text = try (output.format == .json ? ReportFormat.json : .txt).render(report)
            if !StandardStreams.writeOutput(text), exit == .done { exit = .differences }
            for file in files {
                do {
                    try file.write(report)
                } catch {
                    StandardStreams.writeError("backfill: The report '\(file.path)' was not written: \(error)\n")
                    if exit == .done { exit = .inconclusive }
                }
            }
            return exit
        case .failure(let error):
            let exit = ProgramExit(error, stoppedBy: signal)
            StandardStreams.writeError("backfill: \(error)\n")
            if output.format == .json {
                let report = FailureReport(command: "verify", exitCode: exit.rawValue, error: "\(error)")
                _ = StandardStreams.writeOutput(JSONText.encode(report) + "\n")
            }
            return exit
        }
    }
}

/// A file that a report is to be written to.
struct ReportFile {
    let path: String
    private let format: ReportFormat

    /// - Throws: When its name says no format, or it could not be written: found out before anything is compared.
    init(path: String) throws {
        self.path = path
        format = try ReportFormat(path: path)
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let files = FileManager.default
        let isThere = files.fileExists(atPath: path)
        guard files.isWritableFile(atPath: isThere ? path : folder.isEmpty ? "/" : folder) else {
            throw ValidationError("The report '\(path)' cannot be written: there is no such folder, or no permission.")
        }
        var isFolder = false
        if isThere, files.fileExists(atPath: path, isDirectory: &isFolder), isFolder {
            throw ValidationError("The report '\(path)' cannot be written: it is a folder.")
        }
    }

    func write(_ report: VerificationReport) throws {
        try Data(try format.render(report).utf8).write(to: URL(filePath: path), options: .atomic)
    }
}
