import ArgumentParser

/// `backfill rdb`
struct RDBCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rdb",
        abstract: "Looks into an RDB file, or writes it in another form. Needs no server.",
        subcommands: [RDBInspectCommand.self, RDBExportCommand.self])
}
