import ArgumentParser

/// How a command says what it does and did.
struct OutputOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, json
    }

    enum ProgressStyle: String, ExpressibleByArgument, CaseIterable {
        case auto, bar, plain, none
    }

    @Option(name: .customLong("output"), help: "The result on standard output: a table, or one JSON object.")
    var format = Format.table

    @Option(
        name: .customLong("progress"),
        help:
            "On standard error: a live bar, plain lines every few seconds, or nothing; auto takes the bar on a terminal."
    )
    var progress = ProgressStyle.auto
}
