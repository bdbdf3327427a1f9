import Foundation
import Testing

@testable import RDBParser

/// `docs/formats.md` says what the code does.
@Suite struct `The table of formats` {
    private struct Row {
        let types: [UInt8]
        let name: String
        let source: RDBVersion
        init(_ types: [UInt8], _ name: String, _ source: Int) {
            self.types = types
            self.name = name
            self.source = RDBVersion(footer: UInt16(source))
        }
    }

    private let rows = [
        Row([0], "string", 1), Row([1], "list", 1), Row([2], "set", 1), Row([3], "sorted set, text scores", 1),
        Row([4], "hash", 1), Row([5], "sorted set", 8), Row([9], "hash, zipmap", 2), Row([10], "list, ziplist", 2),
        Row([11], "set, intset", 2), Row([12], "sorted set, ziplist", 2), Row([13], "hash, ziplist", 4),
        Row([14], "list, quicklist of ziplists", 7), Row([15], "stream of Redis 5", 9),
        Row([16], "hash, listpack", 10), Row([17], "sorted set, listpack", 10),
        Row([18], "list, quicklist of listpacks", 10), Row([19], "stream of Redis 7.0", 10),
        Row([20], "set, listpack", 11), Row([21], "stream of Redis 7.2", 11),
        Row([22], "hash with field expiries of Valkey 9", 80),
        Row([22, 23], "hash with field expiries of a pre-release of Redis 7.4", 12),
        Row([24, 25], "hash with field expiries of Redis 7.4", 12), Row([26], "stream of Redis 8.6", 13),
        Row([245], "functions", 10),
    ]

    private func cell(_ action: Conversion.Action) -> String {
        switch action {
        case .asIs, .restamp: "="
        case .reencode(let type): "→ \(type)"
        case .lossy(let type, let loss): "→ \(type), loses \(loss)"
        case .impossible: "no"
        }
    }

    private func lines() throws -> [String] {
        let targets = try targets.map { try #require(TargetFormat(version: $0)) }
        let types = rows.map { row in
            let cells = targets.map { target in
                let actions = Set(row.types.map { Conversion.action(for: $0, from: row.source, to: target) })
                return actions.map(cell).sorted().joined(separator: " / ")
            }
            return "| \(row.types.map(String.init).joined(separator: ", ")) | \(row.name) | "
                + cells.joined(separator: " | ") + " |"
        }
        let sources = ([9, 10, 11, 12, 13, 80] as [UInt16]).map { number in
            let cells = targets.map {
                Conversion.action(for: 0, from: RDBVersion(footer: number), to: $0) == .asIs ? "as is" : "restamp"
            }
            return "| \(number) | " + cells.joined(separator: " | ") + " |"
        }
        let modules = ModuleTable.entries.map { entry in
            let versions = entry.encodingVersions.map(String.init).joined(separator: ", ")
            return "| \(entry.type) | \(entry.module) | \(versions) |"
        }
        return types + sources + modules
    }

    @Test func `stands in the documentation as it is in the code`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/formats.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let documented = text.split(separator: "\n").filter { $0.hasPrefix("| ") && !$0.hasPrefix("| type") }
        let expected = try lines()
        #expect(documented.map(String.init) == expected, "\(expected.joined(separator: "\n"))")
    }

    @Test func `has a row for each type that a version defines`() {
        let listed = Set(rows.flatMap(\.types))
        for type in UInt8(0)...255 where type != 7 {
            for version in targets where ValueLayout.of(type: type, version: version) != nil {
                #expect(listed.contains(type))
            }
        }
    }
}
