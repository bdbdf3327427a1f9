import Testing

@testable import RDBParser

@Suite struct `Bad streams` {
    struct Bad: CustomTestStringConvertible, Sendable {
        let name: String
        let bytes: [UInt8]
        let code: RDBError.Code
        let offset: UInt64
        let detail: UInt64?
        let says: String
        var testDescription: String { name }
    }

    static let bad: [Bad] = [
        Bad(name: "text", bytes: Array("hi".utf8), code: .notRDB, offset: 0, detail: nil, says: "not an RDB file"),
        Bad(
            name: "no digits", bytes: Array("REDIS00x1".utf8), code: .notRDB, offset: 0, detail: 0x78,
            says: "not an RDB"),
        Bad(
            name: "new version", bytes: stream("REDIS0099"), code: .unsupportedVersion, offset: 0, detail: 99,
            says: "99"),
        Bad(
            name: "Valkey 79",
            bytes: stream("VALKEY079"), code: .unsupportedVersion, offset: 0, detail: 79, says: "79"),
        Bad(
            name: "unknown type", bytes: stream("REDIS0011", key(0, [0]), key(99, [0])), code: .unknownType, offset: 13,
            detail: 99, says: "type byte 99 at byte 13"),
        Bad(
            name: "Redis's type in Valkey", bytes: stream("VALKEY080", key(25, zeros)), code: .unknownType, offset: 9,
            detail: 25, says: "25"),
        Bad(
            name: "Valkey's type in Redis 7", bytes: stream("REDIS0011", key(22, zeros)), code: .unknownType, offset: 9,
            detail: 22, says: "22"),
        Bad(
            name: "module 1", bytes: stream("REDIS0008", key(6, zeros)), code: .unsupported, offset: 9, detail: 6,
            says: "module without opcodes"),
        Bad(
            name: "module opcode", bytes: stream("REDIS0011", key(7, [1, 6])), code: .unknownOpcode, offset: 13,
            detail: 6,
            says: "module value"),
        Bad(
            name: "243 of Valkey", bytes: stream("VALKEY080", [243]), code: .unsupported, offset: 9, detail: 243,
            says: "slot import"),
        Bad(
            name: "243 of Redis", bytes: stream("REDIS0013", [243]), code: .unsupported, offset: 9, detail: 243,
            says: "metadata of a module"),
        Bad(
            name: "246", bytes: stream("REDIS0010", [246]), code: .unsupported, offset: 9, detail: 246,
            says: "pre-release of Redis 7.0"),
        Bad(
            name: "expiry without key", bytes: stream("REDIS0011", [249, 1, 254, 0]), code: .malformed, offset: 11,
            detail: 254, says: "behind its expiry"),
        Bad(
            name: "length form", bytes: stream("REDIS0011", key(0, [0x82])), code: .malformed, offset: 12, detail: 0x82,
            says: "value at byte 12"),
        Bad(
            name: "encoded count", bytes: stream("REDIS0011", key(2, [0xc0, 1])), code: .malformed, offset: 12,
            detail: 0xc0, says: "element count"),
        Bad(
            name: "length beyond memory",
            bytes: stream("REDIS0011", key(0, [0x81] + [UInt8](repeating: 255, count: 8))),
            code: .malformed, offset: 12, detail: .max, says: "value"),
        Bad(
            name: "count beyond memory", bytes: stream("REDIS0011", key(4, [0x81, 0x7f] + zeros)), code: .malformed,
            offset: 12, detail: 0x7f00_0000_0000_0000, says: "element count"),
        Bad(
            name: "key that expands too far",
            bytes: stream("REDIS0011", [0, 0xc3, 2, 0x81, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]),
            code: .malformed, offset: 10, detail: nil, says: "key"),
        Bad(
            name: "key that refers before its start", bytes: stream("REDIS0011", [0, 0xc3, 2, 3, 0x20, 0, 1, 1]),
            code: .malformed, offset: 10, detail: nil, says: "key"),
        Bad(
            name: "wrong checksum", bytes: Array("REDIS0011".utf8) + [255, 1, 0, 0, 0, 0, 0, 0, 0],
            code: .wrongChecksum,
            offset: 10, detail: nil, says: "checksum"),
    ]

    @Test(arguments: bad)
    func `are refused with what and where`(bad: Bad) throws {
        for chunk in [Int.max, 1] {
            let error = try #require(refusal(of: bad.bytes, chunk: chunk))
            #expect(error.code == bad.code && error.offset == bad.offset && error.detail == bad.detail, "\(error)")
            #expect(error.description.contains(bad.says), "\(error)")
        }
    }

    @Test func `go on failing after an error`() throws {
        let bytes = stream("REDIS0011", key(99, [0]))
        var parser = RDBStreamParser()
        var recorder = Recorder()
        #expect(throws: RDBError.self) { try parser.feed(bytes.span.bytes, into: &recorder) }
        #expect(parser.offset == 9)
        #expect(throws: RDBError.self) { try parser.feed(bytes.span.bytes, into: &recorder) }
        #expect(throws: RDBError.self) { try parser.finish() }
    }

    @Test func `say how much they claim, and take no memory for it`() throws {
        let large: [(UInt8, [UInt8], Int)] = [
            (0, [0x80, 0x06, 0, 0, 0], 100_663_296 + 8),
            (4, [0x81, 0x00, 0x10, 0, 0, 0, 0, 0, 0], 2 * (1 << 52) + 12),
            (0, [0x81, 0x7f, 255, 255, 255, 255, 255, 255, 255], .max - 9),
        ]
        for (type, value, needed) in large {
            var parser = RDBStreamParser()
            var recorder = Recorder()
            let bytes = Array("REDIS0011".utf8) + key(type, value)
            #expect(try parser.feed(bytes.span.bytes, into: &recorder) == 9)
            #expect(parser.bytesNeeded == needed)
        }
    }

    @Test func `never trap, whatever the bytes`() {
        var random = SystemRandomNumberGenerator()
        for magic in ["REDIS0003", "REDIS0009", "REDIS0012", "REDIS0013", "VALKEY080"] {
            for type in UInt8(0)...255 {
                for _ in 0..<40 {
                    let noise = (0..<60).map { _ in
                        Bool.random(using: &random) ? random.next() : UInt8.random(in: 0...4, using: &random)
                    }
                    #expect(
                        refusal(of: Array(magic.utf8) + [type] + noise)?.code != nil || type == 255
                            || magic == "REDIS0003")
                }
            }
        }
    }
}
