import Foundation
import RDBParser
import Testing

@testable import RDBReport

/// Everything that is told about a file, as one value.
private struct Facts: Hashable {
    var total: KeyCounts
    var types: [UInt8: KeyCounts]
    var databases: [UInt64: KeyCounts]
    var expiries: ExpiryHistogram
    var sizes: SizeHistogram
    var biggest: [BiggestKeys.Entry]
    var slots: [SlotLoad.Slot]
    var auxiliary: [Statistics.Auxiliary]
    var functions: [FunctionLibrary]
    var temporary: Examples
    var findings: [TargetCheck.Finding: Examples]
    var impossibleFunctions: Int

    init(_ statistics: Statistics) {
        total = statistics.total
        types = Dictionary(uniqueKeysWithValues: statistics.byType.map { ($0.type, $0.counts) })
        databases = Dictionary(uniqueKeysWithValues: statistics.byDatabase.map { ($0.database, $0.counts) })
        expiries = statistics.expiries
        sizes = statistics.sizes
        biggest = statistics.biggest.entries
        slots = statistics.slots.largest(20_000)
        auxiliary = statistics.auxiliary
        functions = statistics.functions
        temporary = statistics.temporary
        findings = statistics.check?.findings ?? [:]
        impossibleFunctions = statistics.check?.impossibleFunctions ?? 0
    }
}

private func inspect(
    _ bytes: [UInt8], for target: TargetFormat? = nil, chunk: Int = 1 << 20, wholeUpTo: Int = 16 << 20,
    now: Int64 = 1_800_000_000_000
) throws -> Facts {
    let statistics = Statistics(now: now, check: target.map { TargetCheck($0, now: now) }) { key in
        key.byteCount > 4 && Array(copying: key).starts(with: Array("temp".utf8))
    }
    let feed = try read(bytes, chunk: chunk, by: Inspection(statistics, wholeUpTo: wholeUpTo))
    return Facts(feed.reader.statistics)
}

@Suite struct `An inspection` {
    @Test(arguments: servers, files)
    func `counts what the servers say`(server: String, file: String) throws {
        let truth = try Fixture.truth(server, file)
        let keys = truth["keys"].array
        let facts = try inspect(try Fixture.bytes(server, file + ".rdb"))
        #expect(facts.total.keys == keys.count)
        #expect(facts.total.expiring == keys.filter { $0["expire_ms"] != .null }.count)
        let types = Dictionary(grouping: keys) { UInt8($0["rdb_type"].int) }.mapValues(\.count)
        #expect(facts.types.mapValues(\.keys) == types)
        let databases = Dictionary(grouping: keys) { UInt64($0["db"].int) }.mapValues(\.count)
        #expect(facts.databases.mapValues(\.keys) == databases)
        #expect(facts.types.values.reduce(0) { $0 + $1.bytes } == facts.total.bytes)
        #expect(facts.databases.values.reduce(0) { $0 + $1.bytes } == facts.total.bytes)
        #expect(facts.sizes.classes.reduce(0) { $0 + $1.keys } == keys.count)
        #expect(facts.expiries.persistent + facts.expiries.classes.reduce(0, +) == keys.count)
        #expect(facts.slots.reduce(0) { $0 + $1.keys } == keys.count)
        if case .object(let fields) = truth["aux"] {
            for (name, value) in fields {
                let field = facts.auxiliary.first { $0.name == Array(name.utf8) }
                #expect(field?.value == Array(value.text.utf8), "\(name)")
            }
        }
        if case .array(let functions) = truth["functions_b64"] {
            #expect(facts.functions.count == functions.count)
            #expect(facts.functions.allSatisfy { !$0.name.isEmpty && !$0.engine.isEmpty })
        }
    }

    @Test(arguments: servers)
    func `tells sizes and elements of the biggest keys`(server: String) throws {
        let truth = try Fixture.truth(server, "all")["keys"].array
        let dumps = try Fixture.truth(server, "all.dumps")["dumps"].array
        let facts = try inspect(try Fixture.bytes(server, "all.rdb"))
        #expect(facts.biggest.count == 20)
        #expect(facts.biggest.map(\.bytes) == facts.biggest.map(\.bytes).sorted(by: >))
        for entry in facts.biggest {
            let name = JSON.string(Data(entry.key).base64EncodedString())
            let key = try #require(truth.first { $0["key_b64"] == name && $0["db"].int == Int(entry.database) })
            let elements: Int? =
                switch key["type"].text {
                case "list", "set", "zset", "hash": key["value"].array.count
                case "stream": key["value"]["length"].int
                default: nil
                }
            #expect(entry.elements.map { Int($0) } == elements, "\(key["key"])")
            let dump = dumps.first { $0["key_b64"] == name && $0["db"].int == Int(entry.database) }
            guard let dump, let payload = Data(base64Encoded: dump["dump_b64"].text) else { continue }
            // A server may compress again, or order otherwise, what it dumps: near is near enough.
            let size = payload.count - 11 + entry.key.count
            #expect(abs(entry.bytes - size) <= size / 10, "\(key["key"])")
        }
    }

    @Test(arguments: servers)
    func `says the same in any chunks, and whether values are held whole or not`(server: String) throws {
        let target = try #require(TargetFormat(version: RDBVersion(family: .redis, number: 10)))
        for file in files {
            let bytes = try Fixture.bytes(server, file + ".rdb")
            let expected = try inspect(bytes, for: target)
            for chunk in file == "all" ? [1_000, 4_099, 65_536] : Array(1...64) {
                for limit in [1, 64, 600] {
                    let facts = try inspect(bytes, for: target, chunk: chunk, wholeUpTo: limit)
                    #expect(facts == expected, "\(file) in chunks of \(chunk), whole up to \(limit)")
                }
            }
        }
    }

    @Test func `finds what a target would not take`() throws {
        let bytes = try Fixture.bytes("redis-8.6.3", "all.rdb")
        let keys = try Fixture.truth("redis-8.6.3", "all")["keys"].array
        let expiring = keys.filter { key in
            [24, 25].contains(key["rdb_type"].int) && key["value"].array.contains { $0.array[2] != .null }
        }
        let valkey8 = try #require(TargetFormat(version: RDBVersion(family: .redis, number: 11)))
        let findings = try inspect(bytes, for: valkey8).findings
        let lost = findings.filter { $0.key.kind == .lossy && $0.key.reason == "the expiries of the fields" }
        #expect(lost.values.reduce(0) { $0 + $1.count } == expiring.count && expiring.count > 2)
        let names = Set(expiring.map(\.["key_b64"].text))
        #expect(lost.values.allSatisfy { $0.keys.allSatisfy { names.contains(Data($0).base64EncodedString()) } })
        let impossible = findings.filter { $0.key.kind == .impossible }
        #expect(impossible.values.map(\.count) == [1])
        #expect(impossible.keys.first?.reason.contains("vectorset") == true)
        let redis62 = try #require(TargetFormat(version: RDBVersion(family: .redis, number: 9)))
        #expect(try inspect(bytes, for: redis62).impossibleFunctions > 0)
        let same = try #require(TargetFormat(version: RDBVersion(family: .redis, number: 13), modules: ["vectorset"]))
        #expect(try inspect(bytes, for: same).findings.isEmpty)
    }

    @Test func `puts expiries into classes`() throws {
        let now: Int64 = 1_800_000_000_000
        let offsets: [Int64] = [-1, 0, 1, 59_000, 61_000, 3_601_000, 86_401_000, 8 * 86_400_000, 400 * 86_400_000]
        let body = offsets.flatMap { offset -> [UInt8] in
            let time = UInt64(bitPattern: now + offset)
            return [252] + (0..<8).map { UInt8(truncatingIfNeeded: time >> UInt64(8 * $0)) }
                + record(0, "k\(offset)", string([1]))
        }
        let facts = try inspect(stream("REDIS0011", body, record(0, "p", string([1]))), now: now)
        #expect(facts.expiries.classes == [2, 2, 1, 1, 1, 1, 0, 1] && facts.expiries.persistent == 1)
    }

    @Test func `names temporary keys, and measures skew`() throws {
        let body = (0..<50).flatMap { record(0, "{tag}\($0)", string([1])) } + record(0, "temp:1", string([1]))
        let facts = try inspect(stream("REDIS0011", body))
        #expect(facts.temporary.count == 1 && facts.temporary.keys == [Array("temp:1".utf8)])
        #expect(facts.slots.count == 2 && facts.slots[0].keys == 50)
    }

    @Test func `of damaged files says where, and never traps`() throws {
        let bytes = try Fixture.bytes("redis-7.4.1", "nocompress.rdb")
        for length in 0..<bytes.count {
            let error = #expect(throws: RDBError.self) {
                _ = try inspect(Array(bytes[..<length]), chunk: 100, wholeUpTo: 64)
            }
            #expect(error?.code == .truncated && error?.offset ?? .max <= UInt64(length))
        }
        for index in 9..<bytes.count {
            var flipped = bytes
            flipped[index] ^= 0x41
            _ = try? inspect(flipped, chunk: 1000, wholeUpTo: 64)
            _ = try? Lines(flipped, chunk: 1000, wholeUpTo: 64)
        }
    }

    @Test func `a length that lies costs no memory`() throws {
        for body: [UInt8] in [
            [0, 1, 0x61, 0x81, 0x7f] + [UInt8](repeating: 0xff, count: 7),
            [1, 1, 0x61, 0x81, 0x00, 0xff] + [UInt8](repeating: 0xff, count: 6) + [1, 1, 1, 1],
            [0, 0x81, 0x7f] + [UInt8](repeating: 0xff, count: 7),
        ] {
            let error = #expect(throws: RDBError.self) { _ = try inspect(Array("REDIS0011".utf8) + body) }
            #expect(error?.code == .truncated || error?.code == .malformed)
            #expect(throws: RDBError.self) { _ = try Lines(Array("REDIS0011".utf8) + body) }
        }
    }
}
