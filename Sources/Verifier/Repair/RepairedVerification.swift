internal import RESP
package import SlotWorkers

/// Verifies, repairs what differs, and verifies again: the last word is that of the verification after the repair.
package struct RepairedVerification: Sendable {
    private let verification: VerifyConfiguration
    private let file: DifferencesFile
    private let repair: RunConfiguration
    private let control: RunControl

    /// Up to so many keys are verified again alone; for more, everything is.
    private static let mostVerifiedAlone = 100_000

    /// - Parameters:
    ///   - verification: The first one; of all keys, not of a sample, which knows only some of the keys that differ. Its
    ///     `differences` must be there.
    ///   - repair: Of a run between the same two sides.
    /// - Returns: `nil` where no differences are kept, or only a sample is compared.
    package init?(_ verification: VerifyConfiguration, repair: RunConfiguration, control: RunControl) {
        guard let file = verification.differences, verification.extent == .full else { return nil }
        self.verification = verification
        self.file = file
        self.repair = repair
        self.control = control
    }

    /// What a report asks for.
    package static func isNeeded(_ report: VerificationReport) -> Bool {
        report.counts.mismatches > 0 || functionsDiffer(report)
    }

    private static func functionsDiffer(_ report: VerificationReport) -> Bool {
        report.functions.map { !$0.missing.isEmpty || !$0.different.isEmpty } ?? false
    }

    /// Repairs what a verification found.
    ///
    /// - Parameter report: Of the verification that filled the file of differences.
    /// - Returns: How to verify again, and what was done.
    /// - Throws: `RunError` where the repair did not come to its end, `VerifierError` for the file.
    package func repair(
        after report: VerificationReport
    ) async throws -> (again: VerifyConfiguration, repair: VerificationReport.Repair, warnings: [String]) {
        var configuration = repair
        configuration.copiesFunctions = Self.functionsDiffer(report)
        let result = try await RepairRun(configuration, of: file, control: control).run()
        let summary = result.summary
        if let failure = summary.failure { throw failure }
        if summary.isInterrupted { throw RunError(.connection, "The repair was stopped before its end.") }

        var (again, isOnlyOfDiffering) = (verification, false)
        again.differences = nil
        // Keys that were not decided before are not all in the file.
        let undecided = report.counts[.changing] + report.counts[.inconclusive] + report.counts[.unsupported]
        if report.coverage.isComplete, undecided == 0 {
            let page = try file.page(of: Set(KeyOutcome.allCases), most: Self.mostVerifiedAlone + 1)
            let rest = try file.page(from: page.end, of: Set(KeyOutcome.allCases), most: 1)
            if page.differences.count <= Self.mostVerifiedAlone, rest.differences.isEmpty {
                let only = KeySelection(page.differences.lazy.map { ($0.database, $0.key) })
                again.source.only(only)
                again.target.only(only)
                isOnlyOfDiffering = true
            }
        }
        var part = VerificationReport.Repair(before: report.counts, isOnlyOfDiffering: isOnlyOfDiffering)
        part.keys = UInt64(result.keys)
        part.copied = UInt64(max(0, summary.tally.copied))
        part.lossy = UInt64(max(0, summary.tally.lossy))
        part.deleted = UInt64(max(0, summary.deleted))
        part.keptExtra = UInt64(result.keptExtra)
        part.failed = UInt64(max(0, summary.tally.failed))
        part.unsupported = UInt64(max(0, summary.tally.unsupported))
        part.functions = UInt64(max(0, summary.functions.copied))
        let reasons = summary.tally.reasons.sorted { $0.key < $1.key }.map { "Repair: \($0.value.count) × \($0.key)" }
        return (again, part, reasons + summary.incomplete)
    }
}

extension SideConfiguration {
    /// Reads only these keys, by their names where it is a server.
    fileprivate mutating func only(_ keys: KeySelection) {
        filter.only = keys
        read = .scan
    }
}
