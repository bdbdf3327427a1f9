import ArgumentParser
import FoundationEssentials
import SlotWorkers
import Verifier

/// What to do with keys that differ.
struct RepairOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Write all keys that differ, with their names, to an SQLite file. If it is of a verification that was "
                + "stopped, that one goes on; one that came to its end is replaced; any other file is refused.",
            valueName: "file"))
    var differences: String?

    @Flag(
        help:
            "WRITES to the target: copies the keys that differ once more, then verifies them again; the result is that of the second verification."
    )
    var repair = false

    @Flag(help: "With --repair, remove from the target the keys that differ as the source does not have them.")
    var deleteExtra = false

    @Option(
        help: ArgumentHelp(
            "With --repair, a value that the target cannot hold whole: error (it stays as it is), convert (written without it) or skip."
        ))
    var onLossy = LossPolicy.error

    /// Refuses what does not go together.
    func check(_ configuration: VerifyConfiguration) throws {
        guard repair else {
            if deleteExtra { throw ValidationError("--delete-extra is a part of --repair: give both.") }
            if onLossy != .error { throw ValidationError("--on-lossy is a part of --repair: give both.") }
            return
        }
        guard case .server = configuration.target.location else {
            throw ValidationError("--repair writes to the target, and --to is a file.")
        }
        guard configuration.extent == .full else {
            throw ValidationError(
                "--repair needs a full verification: a sample knows only some of the keys that differ. Leave --sample and --mismatch-rate out."
            )
        }
        if deleteExtra, configuration.ignoresExtra {
            throw ValidationError("--delete-extra removes the extra keys that --ignore-extra says are there by design.")
        }
    }

    /// The run that repairs; `nil` without `--repair`.
    func run(_ configuration: VerifyConfiguration) throws -> RunConfiguration? {
        guard repair, case .server(let target) = configuration.target.location else { return nil }
        var run = RunConfiguration(
            source: configuration.source.location, target: target, sourceSettings: configuration.source.settings,
            targetSettings: configuration.target.settings, sourceAddressMap: configuration.source.addressMap,
            targetAddressMap: configuration.target.addressMap)
        run.prefersReplica = configuration.source.prefersReplica
        run.filter = configuration.source.filter
        run.sourceLimit = configuration.source.limit
        run.deletesExtra = deleteExtra
        run.onLossy = onLossy
        return run
    }

    /// Opens or makes the file for what differs, and finds out whether the target could be repaired: both before
    /// anything is read. Where a run goes on its seed is taken, unless another was asked for.
    func prepare(_ configuration: inout VerifyConfiguration, control: RunControl) async throws {
        if let run = try run(configuration) { try await BackfillRun(run, control: control).expectWritableTarget() }
        let given = configuration.seed
        configuration.seed = given ?? .random()
        let entry = entry(configuration, of: nil)
        guard let differences else {
            configuration.differences = repair ? try DifferencesFile.temporary(for: entry) : nil
            return
        }
        let (file, start) = try DifferencesFile.start(at: differences, for: entry)
        configuration.differences = file
        if case .goingOn(let earlier) = start { configuration.seed = try given ?? RunSeed(parsing: earlier.seed) }
        if let text = start.announcement { StandardStreams.writeError("backfill: \(text)\n") }
    }

    /// What the file says of the run.
    ///
    /// - Parameter report: `nil` before the run has ended.
    func entry(_ configuration: VerifyConfiguration, of report: VerificationReport?) -> DifferencesRun {
        var run = DifferencesRun(
            seed: configuration.seed?.description ?? "",
            source: report?.source ?? Self.side(configuration.source),
            target: report?.target ?? Self.side(configuration.target),
            startedAt: report?.startedAt ?? Self.now)
        run.scope = configuration.filters
        run.endedAt = report?.finishedAt
        run.verdict = report?.verdict
        return run
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    private static func side(_ side: SideConfiguration) -> VerificationReport.Side {
        switch side.location {
        case .file(let path): .init(address: path, read: "file")
        case .standardInput: .init(address: "-", read: "file")
        case .server(let url): .init(address: "\(url)", read: side.read.rawValue)
        }
    }
}
