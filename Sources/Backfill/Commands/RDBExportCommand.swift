import ArgumentParser
import RDBParser
import RDBReport
import SlotWorkers

/// `backfill rdb export`
struct RDBExportCommand: AsyncParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case jsonl, resp
    }

    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes every key of an RDB file as a line of JSON, or as commands for a server.",
        discussion: """
            Keys that have expired are written as they are. With --to the result goes to standard output, else to
            standard error.

            EXAMPLES
              backfill rdb export dump.rdb --format jsonl --to dump.jsonl
              backfill rdb export dump.rdb --format resp --for valkey-8.0 | valkey-cli -p 6379 --pipe
            """)

    @Argument(help: ArgumentHelp("An RDB file, plain or as LZ4; - for standard input.", valueName: "file"))
    var file: String

    @Option(help: "jsonl: an object a key, bytes as base64; resp: SELECT and RESTORE, for valkey-cli --pipe.")
    var format: Format

    @Option(
        help: ArgumentHelp("Where to: a file, which is overwritten. Default: standard output.", valueName: "path"))
    var to: String?

    @Option(
        help: ArgumentHelp(
            "With --for, a value that the target cannot hold whole: error (not written, counted in unsupported), convert (written without it, counted in lossy), or skip (counted in filtered)."
        ))
    var onLossy = LossPolicy.error

    @OptionGroup(title: "Target") var target: TargetVersionOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        if try target.format() != nil, format == .jsonl {
            throw ValidationError("--for is for --format resp: JSON has no version.")
        }
    }

    /// What was done before the end, or before an error.
    private struct Outcome: Sendable {
        let tally: ExportTally
        let error: (any Error)?
    }

    func run() async throws {
        let format = try target.format()
        let walk = FileWalk(file, output.progress)
        let signals = StopSignals { walk.stop() }
        let start = ContinuousClock.now
        let outcome: Outcome
        do {
            outcome = try await FileThread.run { [self] in
                let input = try FileInput(path: walk.path)
                let destination = try OutputFile(path: to, input: walk.path)
                return switch self.format {
                case .jsonl: Self.export(input, walk, to: destination, by: JSONLinesWriter())
                case .resp:
                    Self.export(
                        input, walk, to: destination,
                        by: RESPWriter(target: format, onLossy: onLossy.choice, now: FileWalk.now))
                }
            }
        } catch {
            throw fail(error)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let exit =
            outcome.error.map { FileWalk.exitCode(of: $0, stoppedBy: signals.received) }
            ?? (isComplete(outcome.tally) ? .done : .differences)
        let report = ExportReport(
            outcome.tally, self.format.rawValue, seconds: seconds, error: outcome.error, exit: exit)
        if output.format == .json, let error = report.error { StandardStreams.writeError("backfill: \(error)\n") }
        let isWritten = write(output.format == .json ? report.json + "\n" : report.table)
        throw isWritten || exit != .done ? exit : .differences
    }

    private static func export<Writer: ExportWriter & ~Copyable>(
        _ input: FileInput, _ walk: FileWalk, to destination: OutputFile, by writer: consuming Writer
    ) -> Outcome {
        func drain(_ writer: inout Writer, ifMoreThan size: Int) throws {
            if writer.pendingBytes > size { try writer.drain { try destination.write($0) } }
        }
        var feed = StreamFeed(writer)
        do {
            try walk.read(input, &feed, keys: { $0.tally.read }, settle: { try drain(&$0, ifMoreThan: 256 << 10) })
            try drain(&feed.reader, ifMoreThan: 0)
            return Outcome(tally: feed.reader.tally, error: nil)
        } catch {
            // What was read before is worth having; if that fails too, the first error is the one to tell.
            try? drain(&feed.reader, ifMoreThan: 0)
            return Outcome(tally: feed.reader.tally, error: error)
        }
    }

    private func isComplete(_ tally: ExportTally) -> Bool {
        tally.isComplete && (format == .jsonl || tally.functions.read == tally.functions.written)
    }

    /// The result goes where the data do not.
    private func write(_ text: String) -> Bool {
        if to != nil { return StandardStreams.writeOutput(text) }
        StandardStreams.writeError(text)
        return true
    }

    private func fail(_ error: any Error) -> ProgramExit {
        let exit = FileWalk.exitCode(of: error, stoppedBy: nil)
        StandardStreams.writeError("backfill: \(error)\n")
        if output.format == .json {
            _ = write(
                JSONText.encode(FailureReport(command: "rdb export", exitCode: exit.rawValue, error: "\(error)"))
                    + "\n")
        }
        return exit
    }
}

extension LossPolicy {
    fileprivate var choice: RESPWriter.LossChoice {
        switch self {
        case .error: .error
        case .convert: .convert
        case .skip: .skip
        }
    }
}
