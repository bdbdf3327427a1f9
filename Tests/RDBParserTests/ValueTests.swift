import Testing

@testable import RDBParser

@Suite struct `Strings and payloads` {
    enum Read: Equatable {
        case raw([UInt8])
        case integer(Int64)
        case compressed
        case invalid
    }

    static let strings: [([UInt8], Read)] = [
        ([0], .raw([])), ([2, 7, 8], .raw([7, 8])), ([0x40, 2, 7, 8], .raw([7, 8])),
        ([0x80, 0, 0, 0, 1, 9], .raw([9])), ([0xc0, 0xff], .integer(-1)), ([0xc1, 0, 0x80], .integer(-32768)),
        ([0xc2, 1, 0, 0, 0], .integer(1)), ([0xc3, 2, 1, 0, 7], .compressed), ([0xc3, 0, 0], .compressed),
        ([], .invalid), ([2, 7], .invalid), ([1, 7, 8], .invalid), ([0xc0], .invalid), ([0xc0, 1, 2], .invalid),
        ([0xc4, 1], .invalid), ([0x81, 255, 255, 255, 255, 255, 255, 255, 255], .invalid),
    ]

    @Test(arguments: strings)
    func `a string is raw, an integer or compressed`(bytes: [UInt8], expected: Read) {
        let read: Read
        switch RDBString.read(bytes.span.bytes) {
        case .raw(let span): read = .raw(array(span))
        case .integer(let number): read = .integer(number)
        case .compressed: read = .compressed
        case nil: read = .invalid
        }
        #expect(read == expected)
    }

    @Test func `a compressed string expands to what was written`() throws {
        var output: [UInt8] = [1]
        try RDBString.decode(([0xc3, 6, 40, 1, 0x61, 0x62, 0xe0, 29, 1] as [UInt8]).span.bytes, into: &output)
        #expect(output == [1] + Array(String(repeating: "ab", count: 20).utf8))
    }

    @Test(
        arguments: [
            [0xc3, 6, 39, 1, 0x61, 0x62, 0xe0, 29, 1], [0xc3, 6, 41, 1, 0x61, 0x62, 0xe0, 29, 1],
            [0xc3, 5, 40, 1, 0x61, 0x62, 0xe0, 29], [0xc3, 4, 40, 1, 0x61, 0x62, 0xe0], [0xc3, 2, 3, 5, 0x61],
        ] as [[UInt8]])
    func `damaged compression is refused`(bytes: [UInt8]) {
        var output: [UInt8] = []
        #expect(throws: RDBError(.malformed, offset: 0, element: "string")) {
            try RDBString.decode(bytes.span.bytes, into: &output)
        }
    }

    @Test func `a DUMP payload's footer is checked`() throws {
        // Redis 7.0.15's DUMP of the string 12.
        let payload: [UInt8] = [0, 0xc0, 0x0c, 0x0a, 0, 0x3c, 0x2a, 0xf8, 0x51, 0x5c, 0x04, 0xbc, 0xd5]
        #expect(refusal(payload.dropLast(3)) == .truncated)
        for index in payload.indices {
            var damaged = payload
            damaged[index] ^= 0x10
            #expect(refusal(damaged) == .wrongChecksum)
        }
        var unchecked = payload
        unchecked.replaceSubrange(5..., with: [UInt8](repeating: 0, count: 8))
        #expect(refusal(unchecked) == nil)
    }

    private func refusal(_ payload: [UInt8]) -> RDBError.Code? {
        do throws(RDBError) {
            _ = try DumpPayload(payload.span.bytes)
            return nil
        } catch { return error.code }
    }
}
