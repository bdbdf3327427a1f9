import ArgumentParser
import NIOCore
import RESP
import SlotWorkers
import UnixSignals

/// `backfill run`
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Copies all keys once: from an RDB file, a replication snapshot, or by scanning.",
        discussion: """
            EXAMPLES
              backfill run --from redis://10.0.0.5:6379 --to valkey://10.0.1.7:6379
              backfill run --from dump.rdb --to valkey://10.0.1.7:6379
              backfill run --from redis://a:6379,b:6379 --to valkeys://v1:6379 --read scan --workers 8
            """)

    @OptionGroup(title: "Source") var source: SourceOptions
    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup(title: "Which keys") var filter: FilterOptions
    @OptionGroup(title: "Limits of what the source is asked for") var limits: LimitOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    @Option(help: "How to read a server: snapshot (as a replica, by PSYNC) or scan (SCAN and DUMP).")
    var read = ReadMode.snapshot

    @Flag(help: "Read from a replica where there is one, so that the primary neither forks nor scans.")
    var preferReplica = false

    @Option(
        help: ArgumentHelp(
            "Write a source database into another of the target. Repeatable.", valueName: "source=target"))
    var dbMap: [String] = []

    @Option(
        help: ArgumentHelp(
            "A key that the target has: replace it, skip it (counted in existing), or error (counted in failed; the run goes on)."
        ))
    var onConflict = ConflictPolicy.replace

    @Option(
        help: ArgumentHelp(
            "A value that the target cannot hold whole, such as field expiries on Valkey 8: error (counted in unsupported), convert (written without it, counted in lossy), or skip (counted in filtered)."
        ))
    var onLossy = LossPolicy.error

    @Flag(help: "Remove from the target, within the filters, what the source does not have.")
    var deleteExtra = false

    @Flag(help: "Read and count all, write nothing.")
    var dryRun = false

    @Option(
        help: ArgumentHelp(
            "Slot ranges written side by side, 1 to 256. Default: the target's primaries, at most one a core.",
            valueName: "n"))
    var workers: Int?

    @Option(
        help: ArgumentHelp("Most bytes read and not yet acknowledged by the target, 1MiB to 4GiB.", valueName: "size"))
    var inFlightBytes = ByteSize(bytes: 16 << 20)

    @Option(help: ArgumentHelp("Bytes of commands sent at once, 4KiB to 16MiB.", valueName: "size"))
    var batchBytes = ByteSize(bytes: 256 << 10)

    @Option(
        help: ArgumentHelp(
            "A value of more bytes is written in pieces, under a temporary key that then takes the key's place. 64KiB to 512MiB.",
            valueName: "size"))
    var bigValueBytes = ByteSize(bytes: 16 << 20)

    @Option(
        help: ArgumentHelp(
            "With --read scan, whether the source is asked for the size of each key before it is dumped: on or off. Off where no value is big."
        ))
    var bigValueProbe = OnOff.on

    @Option(
        help: ArgumentHelp(
            "A server that answers nothing for so long is taken for dead, 1 to 3600.", valueName: "seconds"))
    var timeout = 30

    @Option(
        help: ArgumentHelp(
            "How long the target may be away, loading, full or without a primary before the run gives up, 1 to 86400.",
            valueName: "seconds"))
    var targetPatience = 300

    func validate() throws {
        _ = try makeConfiguration()
    }

    private func makeConfiguration() throws -> RunConfiguration {
        let location = try source.source()
        let timeout = TimeAmount.seconds(Int64(try within(timeout, 1...3600, "--timeout")))
        var configuration = RunConfiguration(
            source: location, target: try DeploymentURL(target.location),
            sourceSettings: source.settings(timeout: timeout), targetSettings: target.settings(timeout: timeout),
            sourceAddressMap: try AddressMap(parsing: source.addressMap),
            targetAddressMap: try AddressMap(parsing: target.addressMap))
        if case .server = location {
            configuration.read = read
        } else {
            if read == .scan { throw ValidationError("--read scan is for servers; a file is read as it is.") }
            if preferReplica { throw ValidationError("--prefer-replica is for servers, and --from is a file.") }
        }
        try limits.expectServer(location)
        configuration.sourceLimit = try limits.limit()
        configuration.prefersReplica = preferReplica
        configuration.filter = try filter.filter()
        configuration.databaseMap = try databaseMap()
        configuration.onConflict = onConflict
        configuration.onLossy = onLossy
        configuration.deletesExtra = deleteExtra
        configuration.isDryRun = dryRun
        configuration.workers = try workers.map { try within($0, 1...256, "--workers") }
        configuration.inFlightBytes = try within(inFlightBytes.bytes, 1 << 20...4 << 30, "--in-flight-bytes")
        configuration.batchBytes = try within(batchBytes.bytes, 4 << 10...16 << 20, "--batch-bytes")
        configuration.bigValueBytes = try within(bigValueBytes.bytes, 64 << 10...512 << 20, "--big-value-bytes")
        configuration.probesBigValues = bigValueProbe == .on
        configuration.targetPatience = .seconds(try within(targetPatience, 1...86400, "--target-patience"))
        return configuration
    }

    private func within(_ value: Int, _ range: ClosedRange<Int>, _ flag: String) throws -> Int {
        guard range.contains(value) else {
            throw ValidationError("\(flag) \(value) is out of range: \(range.lowerBound) to \(range.upperBound).")
        }
        return value
    }

    private func databaseMap() throws -> [Int: Int] {
        var map: [Int: Int] = [:]
        for entry in dbMap {
            let sides = entry.split(separator: "=", omittingEmptySubsequences: false).map { Int($0) }
            guard sides.count == 2, let from = sides[0], let to = sides[1], from >= 0, to >= 0 else {
                throw ValidationError("--db-map \(entry): write source=target, as in 3=0.")
            }
            guard map.updateValue(to, forKey: from) == nil else {
                throw ValidationError("--db-map names database \(from) twice.")
            }
        }
        return map
    }

    func run() async throws {
        let configuration = try makeConfiguration()
        warnOfInsecurity()
        let control = RunControl()
        let run = BackfillRun(configuration, control: control)
        let signals = StopSignals { control.stop() }
        let progress = output.progress
        let display = Task {
            guard var display = ProgressDisplay(progress, of: run) else { return }
            await display.show()
        }
        let result: Result<RunSummary, any Error>
        do { result = .success(try await run.run()) } catch { result = .failure(error) }
        display.cancel()
        await display.value
        throw report(result, stoppedBy: signals.received)
    }

    private func warnOfInsecurity() {
        for (flag, isSet) in [("--from-tls-insecure", source.isInsecure), ("--to-tls-insecure", target.isInsecure)]
        where isSet {
            StandardStreams.writeError(
                "backfill: WARNING: \(flag): the server's certificate is NOT verified. Anybody on the way can read and change the data.\n"
            )
        }
    }

    private func report(_ result: Result<RunSummary, any Error>, stoppedBy signal: UnixSignal?) -> ProgramExit {
        switch result {
        case .success(let summary):
            let exit = exitCode(of: summary, stoppedBy: signal)
            let report = SummaryReport(summary, exit: exit)
            let isWritten = StandardStreams.writeOutput(output.format == .json ? report.json + "\n" : report.table)
            if output.format == .json, let error = report.error { StandardStreams.writeError("backfill: \(error)\n") }
            return isWritten || exit != .done ? exit : .differences
        case .failure(let error):
            let exit = ProgramExit(error, stoppedBy: signal)
            StandardStreams.writeError("backfill: \(error)\n")
            if output.format == .json {
                let report = FailureReport(command: "run", exitCode: exit.rawValue, error: "\(error)")
                _ = StandardStreams.writeOutput(JSONText.encode(report) + "\n")
            }
            return exit
        }
    }

    private func exitCode(of summary: RunSummary, stoppedBy signal: UnixSignal?) -> ProgramExit {
        if summary.isInterrupted, let code = signal?.exit { return code }
        if let failure = summary.failure { return ProgramExit(failure, stoppedBy: nil) }
        return summary.isGreen ? .done : .differences
    }
}

extension ReadMode: ExpressibleByArgument {}
extension ConflictPolicy: ExpressibleByArgument {}
extension LossPolicy: ExpressibleByArgument {}
