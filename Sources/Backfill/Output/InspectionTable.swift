/// The table of an inspection.
extension InspectionReport {
    var table: String {
        var lines = ["\(content.file): \(content.magic), RDB version \(content.rdbVersion)", ""]
        lines += Self.columns(
            content.aux.map { [$0.name, $0.count > 1 ? "\($0.value)  (last of \($0.count))" : $0.value] }, left: 2)
        if content.functionCount > 0 {
            lines += ["", "Function libraries: \(content.functionCount)"]
            lines += Self.columns(
                content.functions.map { [$0.name, $0.engine, Quantity.bytes($0.bytes)] }, left: 2)
        }
        let (keys, expiring) = (Quantity.count(content.keys), Quantity.count(content.expiring))
        lines += ["", "\(keys) keys, \(expiring) of them expire, \(Quantity.bytes(content.bytes)) of names and values"]
        if content.keys > 0 { lines += keyLines }
        if content.temporary.count > 0 {
            let count = Quantity.count(content.temporary.count)
            lines += ["", "Temporary keys that a run of Backfill left behind: \(count)"]
            lines += content.temporary.examples.map { "  \($0)" }
        }
        if let target = content.target { lines += [""] + Self.lines(target) }
        lines += ["", "Read in \(Quantity.tenths(content.seconds)) s."]
        return lines.joined(separator: "\n") + "\n"
    }

    private var keyLines: [String] {
        func row(_ names: [String], _ group: Group) -> [String] {
            names + [Quantity.count(group.keys), Quantity.count(group.expiring), Quantity.bytes(group.bytes)]
        }
        let heads = ["keys", "expiring", "bytes"]
        var lines = [""]
        lines += Self.columns([["Type"] + heads] + content.types.map { row([$0.type ?? ""], $0) }, left: 1)
        lines.append("")
        lines += Self.columns(
            [["Encoding", "", "byte"] + heads]
                + content.encodings.map { row([$0.type ?? "", $0.encoding ?? "", "\($0.rdbType ?? 0)"], $0) },
            left: 2)
        lines.append("")
        lines += Self.columns([["Database"] + heads] + content.databases.map { row(["\($0.db ?? 0)"], $0) }, left: 1)
        lines.append("")
        let names = [
            "expired", "within a minute", "within an hour", "within a day", "within 7 days", "within 30 days",
            "within 365 days", "later",
        ]
        lines += Self.columns(
            [["Expiry", "keys"]]
                + zip(names, content.expiries.classes).filter { $1.keys > 0 }.map { [$0, Quantity.count($1.keys)] }
                + [["never", Quantity.count(content.expiries.persistent)]], left: 1)
        lines.append("")
        lines += Self.columns(
            [["Size", "keys", "bytes"]]
                + content.sizes.filter { $0.keys > 0 }.map { size in
                    [
                        "\(Quantity.count(size.fromBytes)) to \(Quantity.count(size.belowBytes - 1)) B",
                        Quantity.count(size.keys), Quantity.bytes(size.bytes),
                    ]
                }, left: 1)
        lines.append("")
        lines += Self.columns(
            [["Biggest keys", "db", "type", "elements", "bytes"]]
                + content.biggest.map { key in
                    [
                        key.key.count > 60 ? key.key.prefix(57) + "..." : key.key, "\(key.db)", key.type,
                        key.elements.map { Quantity.count(Int(clamping: $0)) } ?? "", Quantity.bytes(key.bytes),
                    ]
                }, left: 1)
        lines.append("")
        lines.append(
            "Slots: \(Quantity.count(content.slots.used)) of 16,384 hold keys; the largest holds \(Quantity.tenths(content.slots.keysSkew)) times the mean of all in keys, \(Quantity.tenths(content.slots.bytesSkew)) times in bytes"
        )
        lines += Self.columns(
            [["Largest slots", "keys", "bytes"]]
                + content.slots.largest.map { ["\($0.slot)", Quantity.count($0.keys), Quantity.bytes($0.bytes)] },
            left: 1)
        return lines
    }

    private static func lines(_ target: Target) -> [String] {
        var lines = ["For \(target.name) (payloads of RDB version \(target.rdbVersion)):"]
        for finding in target.findings {
            let what =
                switch finding.kind {
                case "lossy": "would lose \(finding.reason)"
                case "impossible": "cannot go over: \(finding.reason)"
                default: "\(finding.kind): \(finding.reason)"
                }
            lines.append("  \(Quantity.count(finding.count)) × \(finding.type) (\(finding.encoding)) \(what)")
            lines += finding.examples.map { "      \($0)" }
        }
        if target.impossibleFunctions > 0 {
            lines.append(
                "  \(Quantity.count(target.impossibleFunctions)) × function library cannot go over: the target is older than functions."
            )
        }
        lines.append(
            target.exact ? "  Everything goes over exactly." : "  NOT everything goes over exactly: see above.")
        return lines
    }

    /// Rows with their columns below each other, indented by two; the first `left` are aligned to the left.
    private static func columns(_ rows: [[String]], left: Int) -> [String] {
        guard let first = rows.first else { return [] }
        let widths = first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, text) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - text.count)
                line += "  " + (column < left ? text + padding : padding + text)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
    }
}
