import FoundationEssentials
import RDBReport

/// The result of an export, as JSON and as a table. The names in the JSON are stable.
struct ExportReport: Encodable {
    struct Reason: Encodable {
        let count: Int
        let examples: [String]
    }

    struct Functions: Encodable {
        let read: Int
        let written: Int
    }

    let command = "rdb export"
    let result: String
    let exitCode: Int32
    let format: String
    let read: Int
    let written: Int
    let lossy: Int
    let filtered: Int
    let expired: Int
    let unsupported: Int
    let failed: Int
    let bytes: Int
    let seconds: Double
    let functions: Functions
    let reasons: [String: Reason]
    let error: String?

    init(_ tally: ExportTally, _ format: String, seconds: Double, error: (any Error)?, exit: ProgramExit) {
        result =
            switch error {
            case nil: exit == .done ? "done" : "incomplete"
            case is FileWalk.Interrupted: "interrupted"
            default: "failed"
            }
        exitCode = exit.rawValue
        self.format = format
        read = tally.read
        written = tally.written
        lossy = tally.lossy
        filtered = tally.filtered
        expired = tally.expired
        unsupported = tally.unsupported
        failed = tally.failed
        bytes = tally.bytes
        self.seconds = (seconds * 1000).rounded() / 1000
        functions = Functions(read: tally.functions.read, written: tally.functions.written)
        reasons = tally.reasons.mapValues { Reason(count: $0.count, examples: $0.keys.map(Quantity.key)) }
        self.error = error.map { "\($0)" }
    }

    var json: String { JSONText.encode(self, keys: .convertToSnakeCase) }

    var table: String {
        var rows = [("read", read), ("written", written)]
        if lossy > 0 { rows.append(("of those lossy", lossy)) }
        for row in [("filtered", filtered), ("expired", expired)] where row.1 > 0 { rows.append(row) }
        rows += [("unsupported", unsupported), ("failed", failed)]
        if functions.written > 0 { rows.append(("function libraries", functions.written)) }
        let width = rows.map { Quantity.count($0.1).count }.max() ?? 0
        let name = rows.map(\.0.count).max() ?? 0
        var lines = rows.map { row in
            let count = Quantity.count(row.1)
            return "  \(row.0)\(String(repeating: " ", count: name - row.0.count + width - count.count + 3))\(count)"
        }
        for (reason, entry) in reasons.sorted(by: { ($0.value.count, $1.key) > ($1.value.count, $0.key) }) {
            lines += ["", "  \(Quantity.count(entry.count)) × \(reason)"]
            lines += entry.examples.map { "      \($0)" }
        }
        if format == "resp", functions.read > functions.written {
            let missing = Quantity.count(functions.read - functions.written)
            lines += ["", "  \(missing) × function library: The target is older than functions."]
        }
        lines.append("")
        if let error { lines.append(error) }
        lines.append(verdict)
        return lines.joined(separator: "\n") + "\n"
    }

    private var verdict: String {
        let time = "in \(Quantity.tenths(seconds)) s"
        return switch result {
        case "done": "Done \(time): every key that was to be written is."
        case "interrupted": "Interrupted: what was read before is written, the rest is not."
        case "failed": "NOT complete: the export ended before its time."
        default: "NOT complete: see above."
        }
    }
}
