internal import FoundationEssentials

/// The report as plain text, and what the other formats have in common with it.
enum ReportText {
    static func text(_ report: VerificationReport) -> String {
        var lines = ["\(report.verdict.rawValue) (exit code \(report.exitCode))"]
        lines += report.reasons.map { "  \($0)" }
        lines.append("")
        lines += sideLines("source", report.source) + sideLines("target", report.target)
        lines.append("  mode    \(report.mode), seed \(report.seed)")
        lines.append("  time    \(time(report.startedAt)) to \(time(report.finishedAt)), \(seconds(report)) s")
        lines += ["", "Keys by class"]
        let width = KeyOutcome.allCases.map(\.rawValue.count).max() ?? 0
        for outcome in KeyOutcome.allCases {
            let name = outcome.rawValue
            let gap = String(repeating: " ", count: width - name.count + 2)
            lines.append("  \(name)\(gap)\(count(report.counts[outcome]))")
        }
        if let sample = report.sample {
            lines += ["", "Sample", "  \(bound(sample))"]
            lines += sample.strata.map {
                "  \($0.type), \($0.size): \(count($0.mismatches)) of \(count($0.compared)) differ, at most "
                    + "\(percent($0.upperBound))"
            }
        }
        for (title, groups) in [("Keys by type", report.types), ("Keys by slots", report.slotRanges)] {
            if groups.isEmpty { continue }
            lines += ["", title] + groups.map { "  \($0.name): \(summary($0.counts))" }
        }
        if let functions = report.functions { lines += ["", "Functions", "  \(summary(functions))"] }
        if !report.examples.isEmpty { lines += ["", "Examples"] + report.examples.flatMap(exampleLines) }
        if !report.warnings.isEmpty { lines += ["", "Warnings"] + report.warnings.map { "  \(printable($0))" } }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func sideLines(_ name: String, _ side: VerificationReport.Side) -> [String] {
        var facts = [side.version ?? "file", "read by \(side.read)", "\(count(side.keys)) keys"]
        if let id = side.replicationID {
            facts.append("replication \(id) \(side.startOffset ?? 0) to \(side.endOffset ?? 0)")
        }
        if side.causedHits + side.causedMisses > 0 {
            facts.append("our reading caused \(count(side.causedHits)) hits and \(count(side.causedMisses)) misses")
        }
        if side.throttledSeconds > 0 {
            facts.append("held back by the limit for \(tenths(side.throttledSeconds)) s")
        }
        return ["  \(name)  \(printable(side.address)): \(printable(facts.joined(separator: ", ")))"]
    }

    private static func exampleLines(_ example: VerificationReport.Example) -> [String] {
        let type = example.type.map { ", \($0)" } ?? ""
        var lines = [
            "  \(example.outcome.rawValue): \(printable(example.shownKey)) "
                + "(database \(example.database), slot \(example.slot)\(type))"
        ]
        if example.outcome == .ttl || example.sourceExpiry != example.targetExpiry {
            lines.append("      TTL: \(expiry(example.sourceExpiry)) | \(expiry(example.targetExpiry))")
        }
        lines += example.differences.map { "      \(printable(line($0)))" }
        return lines
    }

    // MARK: - Sentences

    static func reasons(_ report: VerificationReport) -> [String] {
        let counts = report.counts
        var reasons: [String] = []
        if counts.mismatches > 0 {
            let parts = KeyOutcome.allCases.filter { $0.isMismatch && counts[$0] > 0 }
                .map { "\(count(counts[$0])) \($0.rawValue)" }
            reasons.append("\(keys(counts.mismatches)) differ: \(parts.joined(separator: ", ")).")
            if report.ignoresExtra, counts[.extra] > 0 { reasons.append("Extra keys were to be ignored.") }
        }
        if let functions = report.functions,
            !(functions.missing.isEmpty && functions.extra.isEmpty && functions.different.isEmpty)
        {
            reasons.append("Function libraries differ: \(summary(functions)).")
        }
        if !report.coverage.isComplete { reasons.append("Not everything was read: no verdict can be green.") }
        for (outcome, text) in [
            (KeyOutcome.changing, "changed while being compared"), (.inconclusive, "could not be decided"),
            (.unsupported, "could not be compared"),
        ] where counts[outcome] > 0 {
            reasons.append("\(keys(counts[outcome])) \(text).")
        }
        if counts[.converted] > 0 {
            reasons.append("\(keys(counts[.converted])) match but for what their conversion dropped.")
        }
        if let resumed = report.resumed { reasons.append(summary(resumed)) }
        if let repair = report.repair { reasons.append(summary(repair)) }
        if let sample = report.sample {
            reasons.append(bound(sample))
        } else if report.repair?.isOnlyOfDiffering == true {
            reasons.append("Only the keys that were not equal before the repair were compared again, both ways.")
        } else if report.verdict == .consistent {
            reasons.append("All \(keys(counts.total)) were compared, both ways.")
        }
        return reasons
    }

    static func bound(_ sample: VerificationReport.Sample) -> String {
        "\(count(sample.mismatches)) of \(keys(sample.size)) sampled differ: with \(percent(sample.confidence)) "
            + "confidence, at most \(percent(sample.upperBound)) of \(keys(sample.population)) do."
    }

    static func summary(_ counts: OutcomeCounts) -> String {
        let parts = KeyOutcome.allCases.filter { counts[$0] > 0 }.map { "\(count(counts[$0])) \($0.rawValue)" }
        return parts.isEmpty ? "none" : parts.joined(separator: ", ")
    }

    static func summary(_ functions: FunctionComparison) -> String {
        var parts = ["\(functions.source) at the source", "\(functions.target) at the target"]
        for (name, libraries) in [
            ("missing", functions.missing), ("extra", functions.extra), ("different", functions.different),
        ] where !libraries.isEmpty {
            parts.append("\(name): \(libraries.map(printable).joined(separator: " "))")
        }
        return parts.joined(separator: ", ")
    }

    static func summary(_ repair: VerificationReport.Repair) -> String {
        var parts = ["\(count(repair.copied)) copied again", "\(count(repair.deleted)) removed"]
        for (number, text) in [
            (repair.lossy, "of them without what the target cannot hold"),
            (repair.keptExtra, "extra that stay (--delete-extra removes them)"),
            (repair.failed, "that could not be written"),
            (repair.unsupported, "that the target cannot hold"),
        ] where number > 0 {
            parts.append("\(count(number)) \(text)")
        }
        if repair.functions > 0 { parts.append("\(count(repair.functions)) function libraries copied") }
        return "Repaired before: \(parts.joined(separator: ", ")). Found then: \(summary(repair.before))."
    }

    static func summary(_ resumed: VerificationReport.Resumption) -> String {
        let times = resumed.times == 1 ? "once" : "\(count(UInt64(clamping: resumed.times))) times"
        return "Stopped and gone on with \(times), last at \(time(resumed.resumedAt)): begun at "
            + "\(time(resumed.startedAt)); keys that were equal were read until \(time(resumed.readAt)) and not again."
    }

    static func line(_ difference: ValueDifference) -> String {
        let place = difference.place.map { " \($0)" } ?? ""
        return "\(difference.part)\(place): \(difference.source ?? "nothing") | \(difference.target ?? "nothing")"
    }

    // MARK: - Numbers

    static func keys(_ number: UInt64) -> String { "\(count(number)) \(number == 1 ? "key" : "keys")" }

    static func count(_ number: UInt64) -> String {
        var digits = String(number)
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return ([digits] + groups).joined(separator: ",")
    }

    /// Rounded up to four significant digits, so that a bound such as 0.00001 stays one and is never understated.
    static func percent(_ share: Double) -> String {
        let hundredths = share * 100
        guard hundredths > 0, hundredths.isFinite else { return "0 %" }
        var exponent = 0
        var mantissa = hundredths
        while mantissa < 1_000, exponent > -300 {
            mantissa *= 10
            exponent -= 1
        }
        // What the multiplications above added is less than this.
        let digits = String(Int((mantissa - 1e-6).rounded(.up)))
        guard exponent < 0 else { return "\(digits) %" }
        let padded = String(repeating: "0", count: max(1 - exponent - digits.count, 0)) + digits
        var fraction = padded.suffix(-exponent)
        while fraction.last == "0" { fraction.removeLast() }
        return "\(padded.dropLast(-exponent))\(fraction.isEmpty ? "" : ".")\(fraction) %"
    }

    static func expiry(_ milliseconds: Int64?) -> String {
        milliseconds.map { "\(time($0)) (\($0) ms)" } ?? "none"
    }

    /// In UTC; the bare number where it is no date.
    static func time(_ milliseconds: Int64) -> String {
        // Up to the year 9999.
        guard (0..<253_402_300_800_000).contains(milliseconds) else { return "\(milliseconds) ms" }
        return Date(timeIntervalSince1970: Double(milliseconds / 1000)).formatted(.iso8601)
    }

    /// `3.2`
    static func tenths(_ seconds: Double) -> String {
        let tenths = Int64(min(max(seconds, 0), 1e15) * 10)
        return "\(tenths / 10).\(tenths % 10)"
    }

    static func seconds(_ report: VerificationReport) -> String {
        let tenths = (report.finishedAt - report.startedAt) / 100
        return "\(tenths / 10).\(abs(tenths % 10))"
    }

    /// Without characters that would move a terminal's cursor or reverse its text.
    static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension VerificationReport.Resumption {
    /// A sentence for whoever waits.
    package var announcement: String {
        let done = Int(share * 100)
        return
            "Going on with the verification that began at \(ReportText.time(startedAt)) and was stopped: both sides "
            + "were read until \(ReportText.time(readAt)), and \(done) % of what differed is compared key by key."
    }
}

extension DifferencesFile.Start {
    /// A sentence for whoever waits; `nil` where there is nothing to say.
    package var announcement: String? {
        guard case .instead(let startedAt) = self else { return nil }
        return
            "The verification that began at \(ReportText.time(startedAt)) was stopped before both sides had been read "
            + "once: this one begins anew."
    }
}
