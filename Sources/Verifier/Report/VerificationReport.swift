internal import FoundationEssentials

/// Everything that a verification found, for the four formats. The names in the JSON are stable
/// (`docs/verify-report.schema.json`).
package struct VerificationReport: Hashable, Sendable, Codable {
    /// Most examples of a class.
    package static let maximumExamples = 100

    /// Of this structure: 1.
    package private(set) var format = 1
    package private(set) var verdict = Verdict.inconclusive
    package private(set) var exitCode = Verdict.inconclusive.exitCode
    /// Sentences that say why the verdict is what it is.
    package private(set) var reasons: [String] = []
    /// `full` or `sample`.
    package var mode: String
    package var source: Side
    package var target: Side
    /// In milliseconds since 1970.
    package var startedAt: Int64
    package var finishedAt: Int64
    /// Hexadecimal: `--seed` draws the same sample and makes the same hashes again.
    package var seed: String
    /// In milliseconds.
    package var expiryTolerance: Int64 = 1_000
    package var ignoresExtra = false
    package var coverage = Coverage()
    package var counts = OutcomeCounts()
    package var types: [Group] = []
    package var slotRanges: [Group] = []
    package var sample: Sample?
    package var functions: FunctionComparison?
    /// How the verification went on after a stop; the one before the repair, where there was one.
    package var resumed: Resumption?
    /// What was repaired before this verification.
    package var repair: Repair?
    package var slots = SlotStates()
    package var expiryHistogram: [Bar] = []
    package var sizeHistogram: [Bar] = []
    package private(set) var examples: [Example] = []
    package var warnings: [String] = []

    package init(mode: String, source: Side, target: Side, seed: RunSeed, startedAt: Int64) {
        self.mode = mode
        self.source = source
        self.target = target
        self.seed = seed.description
        self.startedAt = startedAt
        finishedAt = startedAt
    }

    /// Whether another example of a class is wanted.
    package func wantsExample(of outcome: KeyOutcome) -> Bool {
        examples.count { $0.outcome == outcome } < Self.maximumExamples
    }

    /// Adds an example, if there are not enough of its class yet.
    package mutating func add(_ example: Example) {
        if wantsExample(of: example.outcome) { examples.append(example) }
    }

    /// Makes the verdict from what was counted: to be called last.
    package mutating func conclude(at time: Int64) {
        finishedAt = time
        verdict = Verdict(
            counts: counts, functions: functions, isComplete: coverage.isComplete, ignoresExtra: ignoresExtra)
        exitCode = verdict.exitCode
        reasons = ReportText.reasons(self)
    }

    enum CodingKeys: String, CodingKey {
        case format, verdict
        case exitCode = "exit_code"
        case reasons, mode, source, target
        case startedAt = "started_ms"
        case finishedAt = "finished_ms"
        case seed
        case expiryTolerance = "ttl_tolerance_ms"
        case ignoresExtra = "ignore_extra"
        case coverage, counts, types
        case slotRanges = "slot_ranges"
        case sample, functions, resumed, repair, slots
        case expiryHistogram = "ttl_histogram"
        case sizeHistogram = "size_histogram"
        case examples, warnings
    }
}

/// A format of a report, by the end of its file's name.
package enum ReportFormat: String, Hashable, Sendable, CaseIterable {
    case json, html, xml, txt

    /// - Throws: `unknownReportFormat`.
    package init(path: String) throws(VerifierError) {
        let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        guard let dot = name.lastIndex(of: "."),
            let format = ReportFormat(rawValue: name[name.index(after: dot)...].lowercased())
        else {
            throw VerifierError(
                .unknownReportFormat,
                "The report '\(path)' must end in .json, .html, .xml (JUnit) or .txt, which say its format.")
        }
        self = format
    }

    /// The whole contents of the file, in UTF-8.
    package func render(_ report: VerificationReport) throws -> String {
        switch self {
        case .json: try Self.json(report)
        case .html: HTMLReport(report).text
        case .xml: JUnitReport.text(report)
        case .txt: ReportText.text(report)
        }
    }

    private static func json(_ report: VerificationReport) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    }
}
