import FoundationEssentials
import SlotWorkers

/// The result of a run, as JSON and as a table. The names in the JSON are stable.
struct SummaryReport: Encodable {
    struct Reason: Encodable {
        let count: Int
        let examples: [String]
    }

    struct Functions: Encodable {
        let read: Int
        let copied: Int
        let existing: Int
        let failed: Int
    }

    let command = "run"
    let result: String
    let exitCode: Int32
    let dryRun: Bool
    let read: Int
    let copied: Int
    let lossy: Int
    let existing: Int
    let filtered: Int
    let expired: Int
    let unsupported: Int
    let failed: Int
    let deleted: Int
    let bytes: Int
    let seconds: Double
    let throttledSeconds: Double
    let keysPerSecond: Double
    let functions: Functions
    let reasons: [String: Reason]
    let incomplete: [String]
    let warnings: [String]
    let error: String?

    enum CodingKeys: String, CodingKey {
        case command, result, read, copied, lossy, existing, filtered, expired, unsupported, failed, deleted, bytes,
            seconds
        case functions, reasons, incomplete, warnings, error
        case exitCode = "exit_code"
        case dryRun = "dry_run"
        case throttledSeconds = "throttled_seconds"
        case keysPerSecond = "keys_per_second"
    }

    init(_ summary: RunSummary, exit: ProgramExit) {
        let tally = summary.tally
        result =
            summary.isGreen
            ? "done" : summary.isInterrupted ? "interrupted" : summary.failure == nil ? "incomplete" : "failed"
        exitCode = exit.rawValue
        dryRun = summary.isDryRun
        read = tally.read
        copied = tally.copied
        lossy = tally.lossy
        existing = tally.existing
        filtered = tally.filtered
        expired = tally.expired
        unsupported = tally.unsupported
        failed = tally.failed
        deleted = summary.deleted
        bytes = tally.bytes
        seconds = (summary.seconds * 1000).rounded() / 1000
        throttledSeconds = (summary.throttledSeconds * 1000).rounded() / 1000
        keysPerSecond = summary.keysPerSecond.rounded()
        functions = Functions(
            read: summary.functions.read, copied: summary.functions.copied, existing: summary.functions.existing,
            failed: summary.functions.failed)
        reasons = tally.reasons.mapValues { Reason(count: $0.count, examples: $0.examples.map(Quantity.key)) }
        incomplete = summary.incomplete
        warnings = summary.warnings
        error = summary.failure?.description
    }

    var json: String { JSONText.encode(self) }

    var table: String {
        var rows: [(String, Int)] = [
            ("read", read), (dryRun ? "would be copied" : "copied", copied), ("existing", existing),
            ("filtered", filtered),
            ("expired", expired), ("unsupported", unsupported), ("failed", failed),
        ]
        if lossy > 0 { rows.insert(("of those lossy", lossy), at: 2) }
        if functions.read > 0 { rows.append(("function libraries", functions.copied)) }
        if deleted > 0 { rows.append((dryRun ? "would be deleted" : "deleted", deleted)) }
        let width = rows.map { Quantity.count($0.1).count }.max() ?? 0
        let name = rows.map(\.0.count).max() ?? 0
        var lines = rows.map { row in
            let count = Quantity.count(row.1)
            return "  \(row.0)\(String(repeating: " ", count: name - row.0.count + width - count.count + 3))\(count)"
        }
        lines.append("")
        lines.append(
            "  \(Quantity.bytes(bytes)) in \(Quantity.tenths(seconds)) s, \(Quantity.count(Int(keysPerSecond))) keys/s")
        if throttledSeconds > 0 {
            lines.append("  held back by the limit for \(Quantity.tenths(throttledSeconds)) s of it")
        }
        for (reason, entry) in reasons.sorted(by: { $0.value.count > $1.value.count }) {
            lines.append("")
            lines.append("  \(Quantity.count(entry.count)) × \(reason)")
            lines.append("      \(entry.examples.joined(separator: "\n      "))")
        }
        lines.append("")
        if dryRun { lines.append("Dry run: nothing was written.") }
        lines.append(contentsOf: warnings.map { "Note: \($0)" })
        lines.append(contentsOf: incomplete)
        if let error { lines.append(error) }
        lines.append(verdict)
        return lines.joined(separator: "\n") + "\n"
    }

    private var verdict: String {
        switch result {
        case "done": dryRun ? "Every key could be copied." : "Done: every key that was to be copied is on the target."
        case "interrupted": "Interrupted: what was read before is on the target, the rest is not."
        case "failed": "NOT complete: the run ended before its time."
        default: "NOT complete: see above."
        }
    }
}

/// What a command says when it could not begin.
struct FailureReport: Encodable {
    let command: String
    let result = "failed"
    let exitCode: Int32
    let error: String

    enum CodingKeys: String, CodingKey {
        case command, result, error
        case exitCode = "exit_code"
    }
}

/// JSON with sorted names, one line.
enum JSONText {
    static func encode(
        _ value: some Encodable, keys: JSONEncoder.KeyEncodingStrategy = .useDefaultKeys
    ) -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = keys
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Only floating-point numbers that are not finite can fail, and there are none.
        guard let data = try? encoder.encode(value) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}
