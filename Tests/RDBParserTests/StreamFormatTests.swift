import Testing

@testable import RDBParser

@Suite struct `Streams of all versions` {
    struct Layout: CustomTestStringConvertible, Sendable {
        let name: String
        let magic: String
        let type: UInt8
        let value: [UInt8]
        var testDescription: String { "\(name) in \(magic)" }

        init(_ name: String, _ magic: String, _ type: UInt8, _ value: String) {
            self.name = name
            self.magic = magic
            self.type = type
            self.value = hex(value)
        }
    }

    static let layouts: [Layout] = [
        Layout("string", "REDIS0001", 0, "03 01 02 03"),
        Layout("32-bit length", "REDIS0011", 0, "80 00 00 00 02 01 02"),
        Layout("64-bit length", "REDIS0011", 0, "81 00 00 00 00 00 00 00 01 09"),
        Layout("14-bit length", "REDIS0011", 0, "40 02 01 02"),
        Layout("list", "REDIS0003", 1, "02 01 07 c0 05"),
        Layout("set", "REDIS0011", 2, "01 c1 01 02"),
        Layout("sorted set, text", "REDIS0006", 3, "03 01 07 02 31 32 01 08 fd 01 09 ff"),
        Layout("hash", "REDIS0011", 4, "01 01 07 c2 01 02 03 04"),
        Layout("sorted set", "REDIS0011", 5, "01 01 07 00*8"),
        Layout(
            "module", "REDIS0011", 7,
            "81 01 02 03 04 05 06 07 08 01 05 02 06 03 00 00 00 00 04 00*8 05 02 01 01 00"),
        Layout("zipmap", "REDIS0003", 9, "02 00 ff"),
        Layout("ziplist", "REDIS0006", 10, "01 ff"),
        Layout("compressed intset", "REDIS0006", 11, "c3 02 09 01 02"),
        Layout("quicklist", "REDIS0009", 14, "02 01 ff 01 ff"),
        Layout(
            "stream 1", "REDIS0009", 15,
            "01 10 00*16 01 ff 01 01 01 01 01 67 01 01 01 00*24 01 01 01 63 00*8 01 00*16"),
        Layout("quicklist 2", "REDIS0010", 18, "02 01 01 ff 02 01 ff"),
        Layout(
            "stream 2", "REDIS0010", 19,
            "00 01 01 01 01 01 01 01 01 01 01 67 01 01 01 01 00*24 01 01 01 63 00*8 01 00*16"),
        Layout(
            "stream 3", "VALKEY080", 21,
            "00 01 01 01 01 01 01 01 01 01 01 67 01 01 01 01 00*24 01 01 01 63 00*16 01 00*16"),
        Layout("stream 4", "REDIS0013", 26, "00 01 01 01 01 01 01 01 01 00 40 64 40 64 01 01 70 01 01 69 05 06 01 00"),
        Layout("Valkey 9 hash with expiries", "VALKEY080", 22, "01 01 07 01 08 00*8"),
        Layout("pre-release hash", "REDIS0012", 22, "01 05 01 07 01 08"),
        Layout("pre-release hash listpack", "REDIS0012", 23, "01 ff"),
        Layout("hash with expiries", "REDIS0012", 24, "00*8 01 05 01 07 01 08"),
        Layout("hash listpack with expiries", "REDIS0012", 25, "00*8 01 ff"),
    ]

    @Test(arguments: layouts)
    func `pass each value whole, and nothing while a byte of it is missing`(layout: Layout) throws {
        let magic = Array(layout.magic.utf8)
        let bytes = magic + key(layout.type, layout.value) + key(0, [0]) + [255] + zeros[..<8]
        let found = try records(bytes)
        #expect(found.map(\.value) == [layout.value, [0]])
        #expect(found.map(\.type) == [layout.type, 0])

        let end = magic.count + 3 + layout.value.count
        for count in magic.count..<end {
            var parser = RDBStreamParser()
            var recorder = Recorder()
            let consumed = try parser.feed(bytes.span.bytes.extracting(..<count), into: &recorder)
            #expect(consumed == magic.count && recorder.records.isEmpty)
            #expect((count - consumed + 1...end - consumed).contains(parser.bytesNeeded), "\(count)")
        }
    }

    @Test func `take expiry, idle time and frequency in any order`() throws {
        let milliseconds: [UInt8] = [252, 0x10, 0x27, 0, 0, 0, 0, 0, 0]
        let seconds: [UInt8] = [253, 10, 0, 0, 0]
        let record = Record(
            database: 0, key: [0x6b], type: 0, value: [0], expiry: 10_000, idleSeconds: 300, frequency: 200)
        let idle: [UInt8] = [248, 0x41, 0x2c]
        let frequency: [UInt8] = [249, 200]
        for parts in [milliseconds + idle + frequency, frequency + idle + seconds, idle + milliseconds + frequency] {
            #expect(
                try records(stream("REDIS0009", parts, key(0, [0]), key(0, [0]))) == [
                    record, Record(database: 0, key: [0x6b], type: 0, value: [0]),
                ])
        }
    }

    @Test func `decode keys that are integers or compressed`() throws {
        let lzf: [UInt8] = [0xc3, 6, 40, 1, 0x61, 0x62, 0xe0, 29, 1]
        let keys: [([UInt8], String)] = [
            ([0xc0, 0x80], "-128"), ([0xc0, 0], "0"), ([0xc1, 0x39, 0x30], "12345"),
            ([0xc2, 0, 0, 0, 0x80], "-2147483648"), ([0xc2, 0xff, 0xff, 0xff, 0x7f], "2147483647"),
            (lzf, String(repeating: "ab", count: 20)), ([0], ""), ([0x40, 1, 0x7a], "z"),
        ]
        for (encoded, text) in keys {
            #expect(try records(stream("REDIS0011", [0] + encoded + [1, 1])).map(\.key) == [Array(text.utf8)])
        }
    }

    @Test func `pass over slot information and what modules wrote beside the keys`() throws {
        let parts: [UInt8] = [244, 1, 2, 3, 247, 9, 2, 1, 5, 1, 7, 0, 254, 2, 251, 1, 0]
        let events = try parse(stream("REDIS0012", parts, key(0, [0])))
        #expect(events.count == 4)
        #expect(events[1...2] == [.database(2), .sizes(keys: 1, expiries: 0)])
    }

    @Test func `end without a checksum before version 5, and leave what follows`() throws {
        let bytes = Array("REDIS0004".utf8) + key(0, [0]) + [255, 1, 2]
        var parser = RDBStreamParser()
        var recorder = Recorder()
        #expect(try parser.feed(bytes.span.bytes, into: &recorder) == bytes.count - 2)
        #expect(parser.isFinished && recorder.records.count == 1)
        #expect(try parser.feed(bytes.span.bytes, into: &recorder) == 0)
    }
}
