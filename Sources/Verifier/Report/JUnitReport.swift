/// The report as JUnit's XML: a test case for each class of difference, so that a pipeline shows which failed.
enum JUnitReport {
    static func text(_ report: VerificationReport) -> String {
        var cases: [String] = []
        var failures = 0
        var errors = 0
        func add(_ name: String, _ element: String, _ type: String, _ message: String, _ details: String) {
            cases.append(
                """
                    <testcase classname="backfill.verify" name="\(escape(name))">
                      <\(element) type="\(escape(type))" message="\(escape(message))">\(escape(details))</\(element)>
                    </testcase>
                """)
        }
        func pass(_ name: String) {
            cases.append("    <testcase classname=\"backfill.verify\" name=\"\(escape(name))\"/>")
        }
        for outcome in KeyOutcome.allCases where outcome.isMismatch {
            let name = "no key is different: \(outcome.rawValue)"
            let count = report.counts[outcome]
            if count == 0 {
                pass(name)
            } else if outcome == .extra, report.ignoresExtra {
                cases.append(
                    """
                        <testcase classname="backfill.verify" name="\(escape(name))">
                          <skipped message="\(escape("\(ReportText.keys(count)) ignored"))"/>
                        </testcase>
                    """)
            } else {
                failures += 1
                add(name, "failure", outcome.rawValue, ReportText.keys(count), details(of: outcome, in: report))
            }
        }
        for outcome in [KeyOutcome.changing, .inconclusive, .unsupported] {
            let name = "every key is decided: \(outcome.rawValue)"
            let count = report.counts[outcome]
            if count == 0 {
                pass(name)
            } else {
                errors += 1
                add(name, "error", outcome.rawValue, ReportText.keys(count), details(of: outcome, in: report))
            }
        }
        if report.coverage.isComplete {
            pass("both sides are read to their ends")
        } else {
            errors += 1
            add(
                "both sides are read to their ends", "error", "incomplete", "Not everything was read.",
                report.warnings.joined(separator: "\n"))
        }
        if let functions = report.functions {
            let name = "function libraries are equal"
            let isDifferent =
                !functions.missing.isEmpty || !functions.different.isEmpty
                || (!functions.extra.isEmpty && !report.ignoresExtra)
            if isDifferent {
                failures += 1
                add(name, "failure", "functions", ReportText.summary(functions), "")
            } else {
                pass(name)
            }
        }
        let attributes =
            "tests=\"\(cases.count)\" failures=\"\(failures)\" errors=\"\(errors)\" "
            + "time=\"\(ReportText.seconds(report))\""
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites \(attributes)>
              <testsuite name="backfill verify" timestamp="\(ReportText.time(report.startedAt))" \(attributes)>
                <properties>
                  <property name="verdict" value="\(report.verdict.rawValue)"/>
                  <property name="source" value="\(escape(report.source.address))"/>
                  <property name="target" value="\(escape(report.target.address))"/>
                  <property name="seed" value="\(escape(report.seed))"/>
                </properties>
            \(cases.joined(separator: "\n"))
                <system-out>\(escape(report.reasons.joined(separator: "\n")))</system-out>
              </testsuite>
            </testsuites>

            """
    }

    private static func details(of outcome: KeyOutcome, in report: VerificationReport) -> String {
        report.examples.filter { $0.outcome == outcome }.map { example in
            ([example.shownKey + " in database \(example.database)"]
                + example.differences.map { "  " + ReportText.line($0) }).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    /// For text and attributes of XML 1.0 and HTML; what XML cannot hold at all becomes U+FFFD.
    static func escape(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\n": result += "&#10;"
            case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}"..."\u{FFFF}",
                "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}":
                result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
