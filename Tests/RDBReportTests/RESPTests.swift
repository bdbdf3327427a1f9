import Foundation
import RDBParser
import Testing

@testable import RDBReport

/// What was exported as commands.
private struct Commands {
    var arguments: [[[UInt8]]] = []
    var tally = ExportTally()

    init(
        _ bytes: [UInt8], for target: TargetFormat? = nil, onLossy: RESPWriter.LossChoice = .error,
        chunk: Int = 1 << 20, wholeUpTo: Int = 512 << 20
    ) throws {
        let writer = RESPWriter(target: target, onLossy: onLossy, now: 1_800_000_000_000, wholeUpTo: wholeUpTo)
        var feed = try read(bytes, chunk: chunk, by: writer)
        var text: [UInt8] = []
        feed.reader.drain { span in text = Array(copying: span) }
        tally = feed.reader.tally
        var position = 0
        func number(_ kind: Character) throws -> Int {
            try #require(position < text.count && text[position] == kind.asciiValue)
            let end = try #require(text[position...].firstIndex(of: 13))
            defer { position = end + 2 }
            return try #require(Int(String(decoding: text[(position + 1)..<end], as: UTF8.self)))
        }
        while position < text.count {
            var command: [[UInt8]] = []
            for _ in 0..<(try number("*")) {
                let length = try number("$")
                command.append(Array(text[position..<position + length]))
                #expect(text[position + length] == 13 && text[position + length + 1] == 10)
                position += length + 2
            }
            arguments.append(command)
        }
    }

    func named(_ name: String) -> [[[UInt8]]] { arguments.filter { $0[0] == Array(name.utf8) } }
}

@Suite struct `RESP commands` {
    @Test(arguments: servers)
    func `restore what the file holds, as it lies`(server: String) throws {
        let truth = try Fixture.truth(server, "all")
        let dumps = try Fixture.truth(server, "all.dumps")["dumps"].array
        let expected = Dictionary(uniqueKeysWithValues: dumps.map { ([$0["db"], $0["key_b64"]], $0) })
        let commands = try Commands(try Fixture.bytes(server, "all.rdb"))
        #expect(commands.tally.written == truth["keys"].array.count && commands.tally.isComplete)
        #expect(commands.named("FUNCTION").count == commands.tally.functions.read)
        var database: Int64 = 0
        var count = 0
        for command in commands.arguments {
            if command[0] == Array("SELECT".utf8) {
                database = try #require(Int64(String(decoding: command[1], as: UTF8.self)))
            }
            guard command[0] == Array("RESTORE".utf8) else { continue }
            let key = JSON.string(Data(command[1]).base64EncodedString())
            // Of very large values there is no payload to compare with.
            guard let dump = expected[[.number(database), key]] else { continue }
            count += 1
            let restored = command[3]
            let payload = try DumpPayload(restored.span.bytes)
            #expect(Int(payload.type) == dump["rdb_type"].int && payload.version.number == dump["footer"].int)
            let original = [UInt8](try #require(Data(base64Encoded: dump["dump_b64"].text)))
            let theirs = try DumpPayload(original.span.bytes)
            #expect(
                try Value(type: payload.type, value: payload.value, version: payload.version)
                    == Value(type: theirs.type, value: theirs.value, version: theirs.version))
            let record = try #require(
                truth["keys"].array.first { $0["db"].int == Int(database) && $0["key_b64"] == key })
            let expiry = record["expire_ms"] == .null ? "0" : "\(record["expire_ms"].int)"
            #expect(String(decoding: command[2], as: UTF8.self) == expiry)
            let flags = command[4...].map { String(decoding: $0, as: UTF8.self) }
            #expect(flags == (expiry == "0" ? ["REPLACE"] : ["REPLACE", "ABSTTL"]))
        }
        #expect(count == expected.count)
    }

    @Test(arguments: [64, 4_099])
    func `are the same in any chunks`(chunk: Int) throws {
        for server in servers {
            let bytes = try Fixture.bytes(server, "all.rdb")
            #expect(try Commands(bytes).arguments == Commands(bytes, chunk: chunk).arguments)
        }
    }

    @Test func `what the target cannot hold is counted, or converted`() throws {
        let bytes = try Fixture.bytes("redis-7.4.1", "all.rdb")
        let expiring = try Fixture.truth("redis-7.4.1", "all")["keys"].array.filter { key in
            [24, 25].contains(key["rdb_type"].int) && key["value"].array.contains { $0.array[2] != .null }
        }
        let valkey8 = try #require(TargetFormat(version: RDBVersion(family: .redis, number: 11)))
        let refused = try Commands(bytes, for: valkey8)
        #expect(refused.tally.unsupported == expiring.count && expiring.count > 1)
        #expect(refused.tally.written == refused.tally.read - expiring.count)
        let converted = try Commands(bytes, for: valkey8, onLossy: .convert)
        #expect(converted.tally.lossy == expiring.count && converted.tally.written == converted.tally.read)
        for command in converted.named("RESTORE") {
            let restored = command[3]
            let payload = try DumpPayload(restored.span.bytes)
            #expect(payload.version.number <= 11 && payload.type <= 21)
        }
        let skipped = try Commands(bytes, for: valkey8, onLossy: .skip)
        #expect(skipped.tally.filtered == expiring.count && skipped.tally.isComplete)
        let valkey9 = try #require(TargetFormat(version: RDBVersion(family: .valkey, number: 80)))
        #expect(try Commands(bytes, for: valkey9).tally.isComplete)
    }

    @Test func `modules go only where they are`() throws {
        let bytes = try Fixture.bytes("redis-8.6.3", "all.rdb")
        let redis8 = RDBVersion(family: .redis, number: 13)
        let without = try Commands(bytes, for: TargetFormat(version: redis8))
        #expect(without.tally.unsupported == 1)
        let with = try Commands(bytes, for: TargetFormat(version: redis8, modules: ["vectorset"]))
        #expect(with.tally.isComplete)
        for command in with.named("RESTORE") {
            let restored = command[3]
            #expect(try DumpPayload(restored.span.bytes).version.number == 13)
        }
    }

    @Test func `a value that is too large is named, and the others go on`() throws {
        let large = record(0, "large", string([UInt8](repeating: 65, count: 5_000)))
        let bytes = stream("REDIS0011", record(0, "a", string([1])), large, record(0, "b", string([2])))
        for chunk in [1, 100, 1 << 20] {
            let commands = try Commands(bytes, chunk: chunk, wholeUpTo: 2_000)
            #expect(commands.named("RESTORE").map { $0[1] } == [Array("a".utf8), Array("b".utf8)])
            #expect(commands.tally.failed == 1 && commands.tally.read == 3)
            #expect(commands.tally.reasons.values.first?.keys == [Array("large".utf8)])
        }
    }

    @Test func `databases are selected where keys are written`() throws {
        let bytes = stream(
            "REDIS0011", [254, 3], record(0, "a", string([1])), [254, 5], [254, 3], record(0, "b", string([1])),
            [254, 0], record(0, "c", string([1])))
        let commands = try Commands(bytes)
        #expect(commands.named("SELECT").map { String(decoding: $0[1], as: UTF8.self) } == ["3", "0"])
    }
}
