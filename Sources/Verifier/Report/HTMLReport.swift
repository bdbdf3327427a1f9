internal import RESP

/// The report as one page that needs nothing beside it: no script, no font, no picture from elsewhere.
struct HTMLReport {
    private let report: VerificationReport

    init(_ report: VerificationReport) { self.report = report }

    var text: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <meta name="color-scheme" content="light dark">
        <title>backfill verify: \(report.verdict.rawValue)</title>
        <style>
        \(HTMLStyle.text)
        </style>
        </head>
        <body>
        <main>
        \(sections.joined(separator: "\n"))
        </main>
        </body>
        </html>

        """
    }

    private var sections: [String] {
        [
            head, sides, classes, sample, groups("Keys by type", "Type", report.types), slotMap,
            groups("Keys by slots", "Slots", report.slotRanges),
            histogram("Time to live", report.expiryHistogram), histogram("Size", report.sizeHistogram), functions,
            examples, method,
        ].compactMap { $0 }
    }

    // MARK: - Sections

    private var head: String {
        let warnings = report.warnings.map { "<p class=\"warning\">\(escape($0))</p>" }.joined(separator: "\n")
        return """
            <header>
            <p class="tool">backfill verify</p>
            <h1 class="verdict \(report.verdict.rawValue.lowercased())">\(mark) \(report.verdict.rawValue)</h1>
            <ul class="reasons">\(report.reasons.map { "<li>\(escape($0))</li>" }.joined())</ul>
            \(warnings)
            </header>
            """
    }

    /// So that the verdict does not hang on its colour.
    private var mark: String {
        switch report.verdict {
        case .consistent: "✓"
        case .different: "✗"
        case .inconclusive: "?"
        }
    }

    private var sides: String {
        func row(_ name: String, _ value: (VerificationReport.Side) -> String) -> [String] {
            [name, value(report.source), value(report.target)]
        }
        let rows = [
            row("Address") { $0.address },
            row("Version") { $0.version ?? "file" },
            row("Read by") { $0.read },
            row("Keys") { ReportText.count($0.keys) },
            row("Bytes of values") { ReportText.count($0.bytes) },
            row("Replication ID") { $0.replicationID ?? "–" },
            row("Offsets") { side in
                side.startOffset.map { "\($0) to \(side.endOffset.map { "\($0)" } ?? "?")" } ?? "–"
            },
            row("Hits and misses that we caused") {
                "\(ReportText.count($0.causedHits)) and \(ReportText.count($0.causedMisses))"
            },
            row("Held back by the limit") {
                $0.throttledSeconds > 0 ? "\(ReportText.tenths($0.throttledSeconds)) s" : "–"
            },
        ]
        return section(
            "What was compared",
            table(["", "Source", "Target"], rows)
                + "<p>\(escape(ReportText.time(report.startedAt))) to \(escape(ReportText.time(report.finishedAt))), "
                + "\(ReportText.seconds(report)) s. Mode \(escape(report.mode)), seed "
                + "<code>\(escape(report.seed))</code>, TTL tolerance \(report.expiryTolerance) ms"
                + "\(report.ignoresExtra ? ", extra keys ignored" : "").</p>")
    }

    private var classes: String {
        let rows = KeyOutcome.allCases.map { outcome in
            [outcome.rawValue, ReportText.count(report.counts[outcome]), Self.meaning(outcome)]
        }
        let coverage = report.coverage
        let more = [
            "\(ReportText.keys(coverage.filtered)) filtered out",
            "\(ReportText.keys(coverage.expiring)) left out since they expire before the end of the run",
            "\(ReportText.count(UInt64(max(coverage.differingBuckets, 0)))) of "
                + "\(ReportText.count(UInt64(BucketSet.bucketCount))) buckets read again",
            "\(ReportText.keys(coverage.reread)) compared one by one",
        ]
        let text = more.joined(separator: "; ")
        let end =
            coverage.isComplete
            ? "Both sides were read to their ends." : "<strong>Not everything was read.</strong>"
        return section(
            "Keys by class",
            table(["Class", "Keys", "What it means"], rows, numeric: [1])
                + "<p>\(escape(text)). \(end)</p>"
        )
    }

    static func meaning(_ outcome: KeyOutcome) -> String {
        switch outcome {
        case .match: "Equal on both sides."
        case .missing: "The source has it, the target does not."
        case .extra: "The target has it, the source does not."
        case .type: "The types differ."
        case .value: "The values differ."
        case .ttl: "The value is the same, its expiry or a field's is not."
        case .converted: "Equal but for what the target's version cannot hold."
        case .expired: "Its TTL ended meanwhile: neither right nor wrong."
        case .changing: "Written while it was compared."
        case .inconclusive: "Undecided when the rounds were over."
        case .unsupported: "A value that only its module can compare, or that cannot be read."
        }
    }

    private var sample: String? {
        guard let sample = report.sample else { return nil }
        let rows = sample.strata.map { row in
            [
                row.type, row.size, ReportText.count(row.population), ReportText.count(row.compared),
                ReportText.count(row.mismatches), ReportText.percent(row.upperBound),
            ]
        }
        return section(
            "Sample",
            "<p><strong>\(escape(ReportText.bound(sample)))</strong></p>"
                + table(
                    ["Type", "Size", "Keys", "Compared", "Differ", "At most"], rows, numeric: [2, 3, 4, 5]))
    }

    private func groups(_ title: String, _ name: String, _ groups: [VerificationReport.Group]) -> String? {
        if groups.isEmpty { return nil }
        let shown = KeyOutcome.allCases.filter { outcome in groups.contains { $0.counts[outcome] > 0 } }
        return section(
            title,
            table(
                [name] + shown.map(\.rawValue),
                groups.map { group in [group.name] + shown.map { ReportText.count(group.counts[$0]) } },
                numeric: Set(1..<shown.count + 1)))
    }

    private var functions: String? {
        report.functions.map { section("Function libraries", "<p>\(escape(ReportText.summary($0)))</p>") }
    }

    private var examples: String? {
        if report.examples.isEmpty { return nil }
        let rows = report.examples.map { example in
            var differences = example.differences.map(ReportText.line)
            if example.sourceExpiry != example.targetExpiry {
                differences.insert(
                    "TTL: \(ReportText.expiry(example.sourceExpiry)) | \(ReportText.expiry(example.targetExpiry))",
                    at: 0)
            }
            return [
                example.outcome.rawValue, ReportText.printable(example.shownKey), "\(example.database)",
                "\(example.slot)", example.type ?? "–",
                differences.map(ReportText.printable).joined(separator: "\n"),
            ]
        }
        return section(
            "Examples",
            "<p>At most \(VerificationReport.maximumExamples) of a class. Differences read: source | target.</p>"
                + table(
                    ["Class", "Key", "Db", "Slot", "Type", "What differs"], rows, numeric: [2, 3], style: "examples"))
    }

    private var method: String {
        section(
            "How it was compared",
            """
            <p>Values were compared by SHA-256 under the seed above, cut to 128 bits, of their decoded elements: not \
            of their encoding. A full run adds the digests of each side in 4,194,304 buckets and compares one by one \
            the keys of those whose sums differ; a sample holds the keys whose keyed hash lies below a limit, on both \
            sides. Bounds are Clopper and Pearson's, one-sided.</p>
            """)
    }

    // MARK: - Figures

    private var slotMap: String? {
        let states = SlotState.allCases
        let counts = states.map { report.slots.slots($0).count }
        guard counts[0] < HashSlot.count else { return nil }
        let paths = states.map { state -> String in
            let path = report.slots.slots(state).ranges.flatMap(Self.rows).joined()
            return path.isEmpty ? "" : "<path class=\"slot-\(state.rawValue)\" d=\"\(path)\"/>"
        }
        let legend = zip(states, counts).map { state, count -> String in
            let key = "<span class=\"key slot-\(state.rawValue)\"></span>"
            return "<li>\(key)\(state.rawValue): \(ReportText.count(UInt64(count)))</li>"
        }
        let different = report.slots.slots(.different)
        let list = different.isEmpty ? "" : "<p class=\"slots\">Different: \(escape(different.description))</p>"
        return section(
            "Slots",
            """
            <figure><svg class="map" viewBox="-1 -1 130 130" role="img" \
            aria-label="State of each of the 16,384 slots, 128 in a row" shape-rendering="crispEdges">
            <rect x="-0.5" y="-0.5" width="129" height="129" class="frame"/>
            \(paths.joined(separator: "\n"))
            </svg>
            <figcaption><p>128 slots in a row, slot 0 at the top left.</p>\
            <ul class="legend">\(legend.joined())</ul>\(list)</figcaption></figure>
            """)
    }

    /// The rectangles of a range: at most one for each row it touches.
    private static func rows(of range: SlotRange) -> [String] {
        let (first, last) = (Int(range.first.rawValue), Int(range.last.rawValue))
        return (first / 128...last / 128).map { row in
            let start = max(first, row * 128) % 128
            let width = min(last, row * 128 + 127) % 128 - start + 1
            return "M\(start) \(row)h\(width)v1h-\(width)z"
        }
    }

    private func histogram(_ title: String, _ bars: [VerificationReport.Bar]) -> String? {
        let most = bars.map { max($0.source, $0.target) }.max() ?? 0
        if most == 0 { return nil }
        let rows = bars.map { bar in
            let cells = [("source", bar.source), ("target", bar.target)].map { name, number in
                let width = (Double(number) / Double(most) * 1_000).rounded() / 10
                return "<div class=\"bar \(name)\"><span style=\"width:\(width)%\"></span>"
                    + "<em>\(ReportText.count(number))</em></div>"
            }
            return "<tr><th scope=\"row\">\(escape(bar.name))</th><td>\(cells.joined())</td></tr>"
        }
        return section(
            title,
            """
            <p class="legend"><span class="key bar-source"></span>source <span class="key bar-target"></span>target</p>
            <table class="histogram"><tbody>\(rows.joined(separator: "\n"))</tbody></table>
            """)
    }

    // MARK: - Elements

    private func section(_ title: String, _ body: String) -> String {
        "<section><h2>\(escape(title))</h2>\n\(body)\n</section>"
    }

    private func table(
        _ head: [String], _ rows: [[String]], numeric: Set<Int> = [], style: String = ""
    ) -> String {
        func cells(_ row: [String], _ tag: String) -> String {
            row.enumerated().map { index, text in
                "<\(tag)\(numeric.contains(index) ? " class=\"number\"" : "")>\(escape(text))</\(tag)>"
            }.joined()
        }
        return """
            <div class="wide"><table class="\(style)"><thead><tr>\(cells(head, "th"))</tr></thead>
            <tbody>\(rows.map { "<tr>\(cells($0, "td"))</tr>" }.joined(separator: "\n"))</tbody></table></div>
            """
    }

    private func escape(_ text: String) -> String { JUnitReport.escape(text) }
}
