import Foundation
import RDBParser
import Testing

@testable import RDBReport

@Suite struct `JSON lines` {
    @Test(arguments: servers, files)
    func `of servers' files say what the servers say`(server: String, file: String) throws {
        let truth = try Fixture.truth(server, file)
        let lines = try Lines(try Fixture.bytes(server, file + ".rdb"))
        let objects = try lines.objects()
        #expect(lines.tally.read == truth["keys"].array.count && lines.tally.written == lines.tally.read)
        #expect(objects.count == truth["keys"].array.count)
        let found = Dictionary(grouping: objects) { [$0["db"], $0["key_b64"]] }
        for key in truth["keys"].array {
            let matches = found[[key["db"], key["key_b64"]]] ?? []
            let object = try #require(matches.count == 1 ? matches[0] : nil, "\(key["key"])")
            for name in ["type", "rdb_type", "expire_ms"] {
                #expect(object[name] == key[name], "\(key["key"]): \(name)")
            }
            let type = key["type"].text
            let (actual, expected) = (
                Canonical.exported(object["value"], type: type), Canonical.expected(key["value"], type: type)
            )
            #expect(actual == expected, "\(key["key"])")
            if key["rdb_type"].int == 7 { #expect(object["value"]["module"].text == type) }
        }
    }

    @Test(arguments: servers)
    func `are the same in any chunks, and whether values are held whole or not`(server: String) throws {
        for file in files {
            let bytes = try Fixture.bytes(server, file + ".rdb")
            let expected = try Lines(bytes)
            let chunks = file == "all" ? [1_000, 4_099, 65_536] : Array(1...64)
            for chunk in chunks {
                for limit in [64, 600, 1 << 20] {
                    let lines = try Lines(bytes, chunk: chunk, wholeUpTo: limit)
                    #expect(lines.text == expected.text, "\(file) in chunks of \(chunk), whole up to \(limit)")
                    #expect(lines.tally.written == expected.tally.written)
                }
            }
        }
    }

    @Test func `score texts are what servers write`() throws {
        let truth = try Fixture.truth("redis-7.4.1", "all")
        let scores = truth["keys"].array.filter { $0["type"].text == "zset" }.flatMap { $0["value"].array }
        let objects = try Lines(try Fixture.bytes("redis-7.4.1", "all.rdb")).objects()
        let found = objects.filter { $0["type"].text == "zset" }.flatMap { $0["value"].array }
        #expect(found.count == scores.count && scores.count > 20)
        for element in found {
            let text = element.array[1].text
            let bits = try #require(Double(text)).bitPattern
            #expect(UInt64(element.array[2].text, radix: 16) == bits, "\(text)")
        }
        let texts = Set(found.map { $0.array[1].text })
        // As Redis 7.4 says them; where shortest digits have an exponent, servers differ among themselves.
        #expect(texts.isSuperset(of: ["5e-324", "-inf", "0.1", "1e-10", "1e+300", "4503599627370498", "-3", "0"]))
        #expect(texts.symmetricDifference(scores.map { $0.array[1].text }).count <= 2)
    }

    @Test(arguments: 0...40)
    func `base64 is right for every length`(length: Int) throws {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 89 &+ 250) }
        var output = ByteOutput()
        output.append(base64: bytes.span.bytes)
        #expect(Array(copying: output.bytes) == Array(Data(bytes).base64EncodedString().utf8))
    }

    @Test func `keys are bytes, whatever they are`() throws {
        let keys: [[UInt8]] = [[], [0], [0xff, 0xfe], Array("\"\\\n\u{1}".utf8), [UInt8](repeating: 7, count: 70_000)]
        let body: [UInt8] = keys.flatMap { key -> [UInt8] in [0] + string(key) + string(key) }
        for chunk in [1, 17, 1 << 20] {
            let objects = try Lines(stream("REDIS0011", body), chunk: chunk, wholeUpTo: 1000).objects()
            let expected = keys.map { JSON.string(Data($0).base64EncodedString()) }
            #expect(objects.map { $0["key_b64"] } == expected && objects.map { $0["value"] } == expected)
        }
    }

    @Test func `integers, negative expiries and high databases`() throws {
        let body: [UInt8] =
            [254, 0x80, 0, 1, 0, 0] + [253] + [0xff, 0xff, 0xff, 0xff] + record(0, "a", [0xc1, 0, 0x80])
            + record(0, "b", [0xc0, 5])
        let objects = try Lines(stream("REDIS0011", body)).objects()
        #expect(objects[0]["db"].int == 65_536 && objects[0]["expire_ms"].int == -1000)
        #expect(objects.map { $0["value"].text } == ["LTMyNzY4", "NQ=="])
        #expect(objects[1]["expire_ms"] == .null)
    }

    @Test func `a damaged value costs its own line only`() throws {
        let twice = record(2, "bad", [2] + string([1]) + string([1]))
        let lines = try Lines(stream("REDIS0011", record(0, "a", string([1])), twice, record(0, "b", string([2]))))
        #expect(try lines.objects().map { $0["key_b64"].text } == ["YQ==", "Yg=="])
        #expect(lines.tally.failed == 1 && lines.tally.written == 2 && lines.tally.read == 3)
        #expect(lines.tally.reasons.keys.first == "the value is damaged: member that came before")
        #expect(lines.tally.reasons.values.first?.keys == [Array("bad".utf8)])
    }
}
