import Testing

@testable import RDBParser

@Suite struct `Encoding values` {
    @Test(arguments: servers, targets)
    func `gives what decodes to the same value`(server: String, target: RDBVersion) throws {
        let format = try #require(TargetFormat(version: target))
        let (source, records) = try fixtureRecords(server, "all")
        for record in records {
            let value = try Value(type: record.type, value: record.value.span.bytes, version: source)
            var output: [UInt8] = [9]
            let (type, losing) = value.encode(for: format, into: &output)
            let bytes = [UInt8](output[1...])
            let decoded = try Value(type: type, value: bytes.span.bytes, version: target)
            switch (value, decoded) {
            case (.stream(let before), .stream(let after)):
                #expect(before.entries == after.entries && before.metadata.lastID == after.metadata.lastID)
                #expect(before.groups.map(\.pending) == after.groups.map(\.pending))
                #expect(
                    before.groups.map { $0.consumers.map(\.owned) } == after.groups.map { $0.consumers.map(\.owned) })
                if source.number > 9, target.number > 9 { #expect(before.metadata == after.metadata) }
            case (.hash(let before), .hash) where losing == .fieldExpiries:
                #expect(decoded == .hash(before.map { HashField(field: $0.field, value: $0.value) }))
            default:
                #expect(decoded == value)
            }
        }
    }

    @Test func `packs integers and strings of every size`() throws {
        let integers: [Int64] = [
            0, 127, 128, -1, -4096, 4095, 4096, -4097, -32768, 32767, 32768, .init(Int32.min), .init(Int32.max),
            1 << 31, .min, .max,
        ]
        var writer = ListpackWriter()
        var expected: [[UInt8]] = []
        for integer in integers {
            writer.append(integer)
            expected.append(text("\(integer)"))
        }
        for length in [0, 1, 63, 64, 4095, 4096, 16_377, 16_378, 16_384, 2_097_151] {
            let string = [UInt8](repeating: UInt8(length & 0x7f), count: length)
            writer.append(string)
            expected.append(string)
        }
        let value = try Value(
            type: 18, value: ([1, 2] + string(writer.finished())).span.bytes,
            version: RDBVersion(family: .redis, number: 10))
        #expect(value == .list(expected))
    }

    @Test func `writes lengths in their shortest form`() {
        let lengths: [(UInt64, String)] = [
            (0, "00"), (63, "3f"), (64, "40 40"), (16383, "7f ff"), (16384, "80 00 00 40 00"),
            (0xffff_ffff, "80 ff ff ff ff"), (1 << 32, "81 00 00 00 01 00 00 00 00"), (.max, "81 ff*8"),
        ]
        for (length, expected) in lengths {
            var output: [UInt8] = []
            RDBWriter.appendLength(length, to: &output)
            #expect(output == hex(expected))
        }
    }
}
