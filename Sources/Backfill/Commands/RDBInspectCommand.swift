import ArgumentParser
import RDBReport
import SlotWorkers

/// `backfill rdb inspect`
struct RDBInspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Says what is in an RDB file, and what a target would not take of it.",
        discussion: """
            EXAMPLES
              backfill rdb inspect dump.rdb
              backfill rdb inspect dump.rdb --for valkey-8.0
              ssh backup cat dump.rdb.lz4 | backfill rdb inspect - --output json
            """)

    @Argument(help: ArgumentHelp("An RDB file, plain or as LZ4; - for standard input.", valueName: "file"))
    var file: String

    @OptionGroup(title: "Target") var target: TargetVersionOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        _ = try target.format()
    }

    func run() async throws {
        let format = try target.format()
        let walk = FileWalk(file, output.progress)
        let signals = StopSignals { walk.stop() }
        let start = ContinuousClock.now
        do {
            let statistics = try await FileThread.run {
                let now = FileWalk.now
                let statistics = Statistics(now: now, check: format.map { TargetCheck($0, now: now) }) { key in
                    TemporaryKey.isOurs(key)
                }
                var feed = StreamFeed(Inspection(statistics))
                try walk.read(try FileInput(path: walk.path), &feed) { $0.statistics.total.keys }
                return feed.reader.statistics
            }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let report = InspectionReport(statistics, file: walk, seconds: seconds, target: target.target)
            let exit: ProgramExit = statistics.check?.isExact == false ? .differences : .done
            let text = output.format == .json ? report.json(exit) + "\n" : report.table
            throw StandardStreams.writeOutput(text) ? exit : .differences
        } catch let exit as ProgramExit {
            throw exit
        } catch {
            throw FileWalk.fail(error, "rdb inspect", output.format, stoppedBy: signals.received)
        }
    }
}
