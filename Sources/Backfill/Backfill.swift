import ArgumentParser

/// The program.
struct Backfill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backfill",
        abstract: "Moves all keys of a Redis or Valkey into a Valkey, exactly, and says what it did.",
        discussion: """
            EXIT CODES
              0    done and proven
              1    differences, failed keys, damaged input
              2    usage
              3    connection or authentication
              4    inconclusive
              5    safety stop
              130  stopped by SIGINT
              143  stopped by SIGTERM
            """,
        version: "0.1.0",
        subcommands: [RunCommand.self, VerifyCommand.self, RDBCommand.self])
}

@main
enum Main {
    static func main() async {
        StandardStreams.ignoreBrokenPipes()
        do {
            var command = try Backfill.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let code as ProgramExit {
            exit(code)
        } catch {
            let text = Backfill.fullMessage(for: error)
            guard Backfill.exitCode(for: error) != .success else {
                exit(StandardStreams.writeOutput(text + "\n") ? .done : .differences)
            }
            StandardStreams.writeError(text + "\n")
            exit(.usage)
        }
    }

    private static func exit(_ code: ProgramExit) -> Never {
        StandardStreams.exit(code.rawValue)
    }
}
