import Foundation
import RDBParser
import Testing

/// The article "Reading an RDB file": its code is the one that is compiled here, and does what it says.
@Suite struct `The article about reading RDB files` {
    private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

    private var package: URL { folder.deletingLastPathComponent().deletingLastPathComponent() }

    private func path(_ server: String, _ file: String) -> String {
        package.appendingPathComponent("fixtures/\(server)/\(file)").path
    }

    /// The texts between a line that begins with `opening` and the next that begins with `closing`.
    private func regions(in file: URL, _ opening: String, _ closing: String) throws -> [String] {
        var regions: [String] = []
        var open: String?
        let text = try String(contentsOf: file, encoding: .utf8)
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let text = open {
                open = line.hasPrefix(closing) ? nil : text + line + "\n"
                if open == nil { regions.append(text) }
            } else if line.hasPrefix(opening) {
                open = ""
            }
        }
        return regions
    }

    @Test func `shows the code that is compiled here, byte for byte`() throws {
        let article = package.appendingPathComponent("Sources/RDBParser/RDBParser.docc/ReadingAnRDBFile.md")
        let shown = try regions(in: article, "```swift", "```")
        let compiled = try regions(
            in: folder.appendingPathComponent("ArticleCode.swift"), "// snippet: ", "// snippet end")
        #expect(shown == compiled)
        #expect(shown.count == 10)
    }

    @Test func `counts keys`() throws {
        let counter = try countKeys(inFileAt: path("redis-8.6.3", "all.rdb"))
        #expect(counter.version == RDBVersion(family: .redis, number: 13))
        #expect(counter.keys.values.reduce(0, +) == 65 && counter.keys[26] == 7 && counter.keys[7] == 1)
        #expect(counter.expiring == 8)
    }

    @Test func `says what values are`() throws {
        let dumps = try Fixture.truth(Dumps.self, "valkey-9.1.2", "all.dumps.json").dumps
        let summaries = try Dictionary(
            uniqueKeysWithValues: dumps.filter { $0.db == 0 }.map {
                (String(decoding: $0.keyB64, as: UTF8.self), try summary(ofDump: [UInt8]($0.dumpB64)))
            })
        #expect(summaries["str:embstr"] == "a string of 11 bytes")
        #expect(summaries["list:small"] == "a list of 9 elements")
        #expect(summaries["set:small"] == "a set of 5 members")
        #expect(summaries["zset:small"] == "a sorted set, scores up to inf")
        #expect(summaries["hfe:small"] == "a hash, of whose fields 2 expire")
        #expect(summaries["stream:full"] == "a stream of 16 entries up to 120-0")
    }

    @Test func `walks through elements`() throws {
        let version = RDBVersion(family: .redis, number: 11)
        let list: [UInt8] = [3, 1, 0x61, 4, 0x62, 0x63, 0x64, 0x65, 0xc0, 200]
        #expect(try longestString(of: 1, list.span.bytes, version: version) == 4)
    }

    @Test func `finds large keys`() throws {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path("redis-7.0.15", "all.rdb")))
        let found = try findLargeKeys(file, largerThan: 600)
        #expect(found.smallKeys + found.elements.count == 59)
        #expect(found.elements[Array("list:multi".utf8)] == 600 && found.elements[Array("str:rand17000".utf8)] == 1)
    }

    @Test func `converts payloads`() throws {
        let dumps = try Fixture.truth(Dumps.self, "redis-7.4.1", "all.dumps.json").dumps
        let hash = try #require(dumps.first { $0.keyB64 == Data("hfe:small".utf8) })
        let cases: [(RDBVersion, UInt8)] = [
            (RDBVersion(family: .valkey, number: 80), 22), (RDBVersion(family: .redis, number: 11), 4),
        ]
        for (target, type) in cases {
            let format = try #require(TargetFormat(version: target))
            let converted = try #require(try payload(from: [UInt8](hash.dumpB64), for: format, now: 0))
            let read = try DumpPayload(converted.span.bytes)
            #expect(read.type == type && read.version == target)
            #expect(try payload(from: converted, for: format, now: 0) == converted)
        }
        let format = try #require(TargetFormat(version: RDBVersion(family: .valkey, number: 80)))
        let all = try #require(dumps.first { $0.keyB64 == Data("hfe:all".utf8) })
        #expect(try payload(from: [UInt8](all.dumpB64), for: format, now: .max) == nil)
    }

    @Test func `says what is wrong`() throws {
        let whole = path("redis-7.0.15", "nocompress.rdb")
        #expect(try diagnosis(ofFileAt: whole) == "The file is whole.")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: whole))
        let damaged = FileManager.default.temporaryDirectory.appendingPathComponent("backfill-\(UUID()).rdb")
        defer { try? FileManager.default.removeItem(at: damaged) }
        try bytes.dropLast(9).write(to: damaged)
        #expect(
            try diagnosis(ofFileAt: damaged.path)
                == "The input ends at byte 2316, inside of: RDB stream. 7 keys came before. Was it copied to its end?")
        bytes[bytes.count - 30] ^= 1
        try bytes.write(to: damaged)
        #expect(try diagnosis(ofFileAt: damaged.path).contains("checksum at byte"))
    }
}
