import ArgumentParser
import RESP
import SlotWorkers

/// Which keys are meant.
struct FilterOptions: ParsableArguments {
    @Option(
        name: .customLong("include-key"), help: ArgumentHelp("Only keys that match. Repeatable.", valueName: "glob"))
    var include: [String] = []

    @Option(name: .customLong("exclude-key"), help: ArgumentHelp("No keys that match. Repeatable.", valueName: "glob"))
    var exclude: [String] = []

    @Option(
        name: .customLong("type"),
        help: ArgumentHelp(
            "Only this type: string, list, set, zset, hash, stream, module. Repeatable.", valueName: "type"))
    var types: [KeyType] = []

    @Option(
        name: .customLong("db"),
        help: ArgumentHelp("Only this database of the source. Repeatable.", valueName: "number"))
    var databases: [Int] = []

    @Option(
        name: .customLong("slots"),
        help: ArgumentHelp("Only keys of these hash slots, such as 0-4095,5000. Repeatable.", valueName: "ranges"))
    var slots: [String] = []

    /// What was given, by the options' names.
    var given: [String: [String]] {
        [
            "include-key": include, "exclude-key": exclude, "type": types.map(\.rawValue),
            "db": databases.map { String($0) }, "slots": slots,
        ].filter { !$0.value.isEmpty }
    }

    func filter() throws -> KeyFilter {
        var filter = KeyFilter()
        filter.include = try include.map { try GlobPattern(parsing: $0) }
        filter.exclude = try exclude.map { try GlobPattern(parsing: $0) }
        filter.types = Set(types)
        if let negative = databases.first(where: { $0 < 0 }) {
            throw ValidationError("--db \(negative): databases are numbered from 0.")
        }
        filter.databases = Set(databases)
        for text in slots { filter.slots = (filter.slots ?? SlotSet()).union(try SlotSet(parsing: text)) }
        return filter
    }
}

extension KeyType: ExpressibleByArgument {}
