import Testing

@testable import RDBParser

/// Encodings of which there is no fixture, or which no server writes.
@Suite struct `Elements of all encodings` {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let type: UInt8
        let version: RDBVersion
        let value: [UInt8]
        let expected: Value
        var testDescription: String { "\(name), type \(type)" }

        init(_ name: String, _ type: UInt8, _ number: Int, _ value: String, _ expected: Value) {
            self.name = name
            self.type = type
            version = RDBVersion(family: number == 80 ? .valkey : .redis, number: number)
            self.value = hex(value)
            self.expected = expected
        }
    }

    static let cases: [Case] = [
        Case("list", 1, 3, "02 01 61 c0 05", .list([text("a"), text("5")])),
        Case("set", 2, 3, "02 01 62 01 61", .set([text("a"), text("b")])),
        Case(
            "text scores", 3, 6, "05 01 61 03 31 2e 35 01 62 fe 01 63 ff 01 64 02 2d 30 01 65 05 35 65 2d 33 32",
            .sortedSet([
                ScoredMember(member: text("c"), score: -.infinity), ScoredMember(member: text("d"), score: -0.0),
                ScoredMember(member: text("e"), score: 5e-32), ScoredMember(member: text("a"), score: 1.5),
                ScoredMember(member: text("b"), score: .infinity),
            ])),
        Case(
            "ziplist", 10, 6,
            "1c 1c 00 00 00 19 00 00 00 05 00 00 01 61 03 fe 80 03 c0 00 01 04 f0 00 00 80 05 f1 ff",
            .list([text("a"), text("-128"), text("256"), text("-8388608"), text("0")])),
        Case(
            "ziplist's long integers", 10, 6,
            "1b 1b 00 00 00 10 00 00 00 02 00 00 d0 ff ff ff 7f 06 e0 00 00 00 00 00 00 00 80 ff",
            .list([text("2147483647"), text("-9223372036854775808")])),
        Case(
            "ziplist's sorted set", 12, 8, "12 12 00 00 00 0d 00 00 00 02 00 00 01 61 03 02 2d 30 ff",
            .sortedSet([ScoredMember(member: text("a"), score: -0.0)])),
        Case("intset", 11, 6, "0c 02 00*3 02 00*3 ff ff 07 00", .set([text("-1"), text("7")])),
        Case(
            "Valkey 9's hash", 22, 80, "02 01 61 01 78 ff*8 01 62 01 79 05 00*7",
            .hash([
                HashField(field: text("a"), value: text("x")),
                HashField(field: text("b"), value: text("y"), expiry: 5),
            ])),
        Case(
            "a pre-release's hash", 22, 12, "02 00 01 61 01 78 05 01 62 01 79",
            .hash([
                HashField(field: text("a"), value: text("x")),
                HashField(field: text("b"), value: text("y"), expiry: 5),
            ])),
        Case(
            "a pre-release's packed hash", 23, 12, "0f 0f 00 00 00 03 00 81 61 02 81 78 02 05 01 ff",
            .hash([HashField(field: text("a"), value: text("x"), expiry: 5)])),
        Case(
            "Redis 7.4's hash", 24, 12, "e8 03 00*6 02 00 01 61 01 78 01 01 62 01 79",
            .hash([
                HashField(field: text("a"), value: text("x")),
                HashField(field: text("b"), value: text("y"), expiry: 1000),
            ])),
        Case(
            "a module", 7, 12, "81 44 90 49 8e 24 49 a0 03 02 07 01 05 03 00 00 80 3f 04 00*8 05 01 61 00",
            .module(
                ModuleValue(
                    type: ModuleType(id: 0x4490_498e_2449_a003),
                    fields: [
                        .unsigned(7), .signed(5), .float(0x3f80_0000), .double(0), .string(text("a")),
                    ]))),
        Case(
            "a stream with producers", 26, 13,
            "00 00 05 01 00 00 00 00 01 00 40 64 05 01 01 70 01 02 69 64 05 01 03 04",
            .stream(
                StreamValue(
                    metadata: StreamMetadata(
                        length: 0, lastID: StreamID(5, 1),
                        history: .init(
                            firstID: StreamID(0, 0), greatestDeletedID: StreamID(0, 0), entriesAdded: 1)),
                    idempotence: .init(
                        duration: 100, maximum: 5,
                        producers: [
                            .init(name: text("p"), ids: [.init(id: text("id"), entry: StreamID(5, 1))])
                        ],
                        added: 3, duplicates: 4)))),
    ]

    @Test(arguments: cases)
    func `are decoded, in any chunking, and are refused when cut or damaged`(layout: Case) throws {
        let value = try Value(type: layout.type, value: layout.value.span.bytes, version: layout.version)
        #expect(value == layout.expected)
        let whole = try decode(layout.type, layout.value, layout.version)
        for chunk in 1...9 {
            #expect(try decode(layout.type, layout.value, layout.version, chunk: chunk) == whole)
        }
        for count in layout.value.indices {
            #expect(refusal(layout.type, [UInt8](layout.value[..<count]), layout.version)?.code == .truncated)
        }
        #expect(refusal(layout.type, layout.value + [0], layout.version)?.code == .malformed)
    }

    @Test func `zipmaps have unused bytes behind values, and long lengths`() throws {
        let zipmap = hex("02 01 61 02 01 78 79 00 01 62 fe 03 00 00 00 00 31 32 33 ff")
        let value = try Value(
            type: 9, value: ([UInt8(zipmap.count)] + zipmap).span.bytes, version: RDBVersion(family: .redis, number: 3))
        #expect(
            value
                == .hash([
                    HashField(field: text("a"), value: text("xy")), HashField(field: text("b"), value: text("123")),
                ]))
    }

    @Test func `listpacks hold integers and strings of every size`() throws {
        let short = [UInt8](repeating: 7, count: 63)
        let medium = [UInt8](repeating: 8, count: 200)
        let long = [UInt8](repeating: 9, count: 20_000)
        var entries: [UInt8] = []
        append(hex("7f"), to: &entries)
        append(hex("df ff"), to: &entries)
        append(hex("d0 00"), to: &entries)
        append(hex("cf ff"), to: &entries)
        append(hex("f1 00 80"), to: &entries)
        append(hex("f2 ff ff 7f"), to: &entries)
        append(hex("f3 00 00 00 80"), to: &entries)
        append(hex("f4 ff ff ff ff ff ff ff 7f"), to: &entries)
        append([0xbf] + short, to: &entries)
        append([0xe0, 200] + medium, to: &entries)
        append([0xf0, 0x20, 0x4e, 0, 0] + long, to: &entries)
        let packed = listpack(entries, count: 11)
        let value = try Value(
            type: 18, value: ([1, 2] + string(packed)).span.bytes, version: RDBVersion(family: .redis, number: 10))
        let numbers = ["127", "-1", "-4096", "4095", "-32768", "8388607", "-2147483648", "9223372036854775807"]
        #expect(value == .list(numbers.map(text) + [short, medium, long]))
    }

    @Test func `strings over 64 KiB come in pieces, raw or compressed`() throws {
        let version = RDBVersion(family: .redis, number: 11)
        let raw = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 9) }
        let whole = try decode(0, string(raw), version)
        for chunk in [1_000, 4_096, 70_000] {
            let recorder = try decode(0, string(raw), version, chunk: chunk)
            #expect(recorder == whole && recorder.pieces > 2)
        }
        // A literal of 32 bytes, then references to it.
        let compressed: [UInt8] =
            [31] + (0..<32).map { UInt8($0) }
            + (0..<1_000).flatMap { _ in [0xe0, 255, 31] as [UInt8] }
        let length = 32 + 1_000 * 264
        let value =
            [0xc3, 0x80] + bigEndian(UInt32(compressed.count)) + [0x80] + bigEndian(UInt32(length)) + compressed
        let expanded = (0..<length).map { UInt8(truncatingIfNeeded: $0 % 32) }
        #expect(try Value(type: 0, value: value.span.bytes, version: version) == .string(expanded))
        for chunk in [1, 100, 5_000] {
            let recorder = try decode(0, value, version, chunk: chunk)
            #expect(recorder.pieces > 2 && recorder.longestPiece < 66_000)
        }
        var wrong = value
        wrong[9] ^= 1
        #expect(refusal(0, wrong, version)?.code == .malformed)
    }

    @Test func `compressed strings refer back as far as 8 KiB, over the ends of pieces`() throws {
        let version = RDBVersion(family: .redis, number: 11)
        let head = (0..<8_192).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 7) }
        let literals = stride(from: 0, to: head.count, by: 32).flatMap { [31] + head[$0..<$0 + 32] }
        let compressed = literals + (0..<1_000).flatMap { _ in [0xff, 255, 255] as [UInt8] }
        let length = 8_192 + 1_000 * 264
        let value =
            [0xc3, 0x80] + bigEndian(UInt32(compressed.count)) + [0x80] + bigEndian(UInt32(length)) + compressed
        let expanded = (0..<length).map { head[$0 % 8_192] }
        #expect(try Value(type: 0, value: value.span.bytes, version: version) == .string(expanded))
        #expect(try decode(0, value, version, chunk: 777) == decode(0, value, version))
        // One byte further is before the start.
        var before = value
        before[value.count - 3_000 + 2] = 255
        before[11 + literals.count - 32 - 1 - 33] = 30
        #expect(refusal(0, before, version) != nil)
    }
}

func text(_ string: String) -> [UInt8] { Array(string.utf8) }

func bigEndian(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }

func littleEndian(_ number: UInt32) -> [UInt8] { bigEndian(number).reversed() }

/// An RDB string.
func string(_ bytes: [UInt8]) -> [UInt8] { [0x80] + bigEndian(UInt32(bytes.count)) + bytes }

/// Appends an entry of a listpack with its back-length.
func append(_ entry: [UInt8], to listpack: inout [UInt8]) {
    listpack += entry
    let length = entry.count
    let size = Listpack.backLengthSize(of: length)
    for index in 0..<size {
        listpack.append(UInt8(length >> (7 * (size - 1 - index)) & 0x7f) | (index == 0 ? 0 : 0x80))
    }
}

func listpack(_ entries: [UInt8], count: Int) -> [UInt8] {
    littleEndian(UInt32(entries.count + 7)) + [UInt8(count & 255), UInt8(count >> 8)] + entries + [255]
}

func refusal(
    _ type: UInt8, _ value: [UInt8], _ version: RDBVersion, limits: ValueDecoder.Limits = .init()
) -> RDBError? {
    do throws(RDBError) {
        _ = try decode(type, value, version, limits: limits)
        return nil
    } catch { return error }
}
