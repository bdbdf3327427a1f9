import NIOCore
import RESP
import Testing

@Suite struct ReplyDecoderTests {
    private static func bulk(_ text: String) -> Reply { .bulk(ByteBuffer(string: text)) }

    /// All types, one after the other, and what they mean.
    private static let stream =
        "+OK\r\n-ERR no\r\n-Error x\r\n:-42\r\n$5\r\nhe\r\no\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
        + "*3\r\n:1\r\n*1\r\n$1\r\na\r\n$-1\r\n_\r\n#t\r\n#f\r\n,1.5\r\n,inf\r\n(123456789012345678901\r\n"
        + "!9\r\nOOM never\r\n=7\r\ntxt:abc\r\n%1\r\n+k\r\n:1\r\n~2\r\n:1\r\n:2\r\n>1\r\n+m\r\n"
        + "|1\r\n+ttl\r\n:3\r\n+value\r\n*1\r\n|1\r\n+a\r\n+b\r\n:7\r\n+\r\n"
    private static let replies: [Reply] = [
        .ok, .error(ServerError(code: "ERR", message: "no")), .error(ServerError(code: "", message: "Error x")),
        .integer(-42), bulk("he\r\no"), bulk(""), .null, .null, .array([]),
        .array([.integer(1), .array([bulk("a")]), .null]), .null, .boolean(true), .boolean(false), .double(1.5),
        .double(.infinity), .bigNumber(ByteBuffer(string: "123456789012345678901")),
        .error(ServerError(code: "OOM", message: "never")), bulk("abc"),
        .array([.array([.simple(ByteBuffer(string: "k")), .integer(1)])]), .array([.integer(1), .integer(2)]),
        .push([.simple(ByteBuffer(string: "m"))]), .simple(ByteBuffer(string: "value")), .array([.integer(7)]),
        .simple(ByteBuffer()),
    ]

    @Test(arguments: 1...64)
    func `any chunking yields the same replies`(chunkSize: Int) throws {
        var decoder = ReplyDecoder()
        var buffer = ByteBuffer()
        var input = ByteBuffer(string: Self.stream)
        var replies: [Reply] = []
        while input.readableBytes > 0 {
            let chunk = input.readBytes(length: min(chunkSize, input.readableBytes)) ?? []
            buffer.writeBytes(chunk)
            while let reply = try decoder.next(from: &buffer) { replies.append(reply) }
        }
        #expect(replies == Self.replies)
        #expect(buffer.readableBytes == 0)
        #expect(decoder.offset == UInt64(Self.stream.utf8.count))
        #expect(!decoder.isInsideReply)
    }

    @Test(arguments: [
        ("hello\r\n", ReplyDecodingError.Code.unknownType, UInt64(0)), ("+OK\r\n\u{0}", .unknownType, 5),
        (":12a\r\n", .badNumber, 0), (":\r\n", .badNumber, 0), (":99999999999999999999\r\n", .badNumber, 0),
        ("$x\r\n", .badNumber, 0), ("$-2\r\n", .badNumber, 0), ("*-2\r\n", .badNumber, 0), ("%-1\r\n", .badNumber, 0),
        ("$3\r\nabcde", .missingLineEnd, 0), ("+O\rK\r\n", .missingLineEnd, 0), ("*2\r\n:1\r\n?", .unknownType, 8),
        ("$1000000000000\r\n", .tooLarge, 0), ("*1000000000\r\n", .tooLarge, 0), ("#x\r\n", .malformed, 0),
        (",abc\r\n", .malformed, 0), ("_x\r\n", .malformed, 0), ("=3\r\nabc\r\n", .malformed, 0),
        ("(1x\r\n", .badNumber, 0),
        ("*9223372036854775807\r\n", .tooLarge, 0), ("$9223372036854775807\r\n", .tooLarge, 0),
    ])
    func `malformed input is refused with its place`(text: String, code: ReplyDecodingError.Code, offset: UInt64) {
        let error = #expect(throws: ReplyDecodingError.self) {
            var decoder = ReplyDecoder()
            var buffer = ByteBuffer(string: text)
            while try decoder.next(from: &buffer) != nil {}
        }
        #expect(error?.code == code)
        #expect(error?.offset == offset)
    }

    @Test func `arrays may be nested 32 deep and no deeper`() throws {
        var decoder = ReplyDecoder()
        var allowed = ByteBuffer(string: String(repeating: "*1\r\n", count: 32) + ":1\r\n")
        #expect(try decoder.next(from: &allowed) != nil)
        let error = #expect(throws: ReplyDecodingError.self) {
            var decoder = ReplyDecoder()
            var buffer = ByteBuffer(string: String(repeating: "*1\r\n", count: 1000))
            _ = try decoder.next(from: &buffer)
        }
        #expect(error?.code == .tooDeep)
        #expect(error?.offset == 32 * 4 + 4)
    }

    @Test func `a line without an end is refused before it grows for ever`() {
        let error = #expect(throws: ReplyDecodingError.self) {
            var decoder = ReplyDecoder()
            var buffer = ByteBuffer(string: "+" + String(repeating: "a", count: 70_000))
            _ = try decoder.next(from: &buffer)
        }
        #expect(error?.code == .lineTooLong)
    }

    @Test func `elements of all levels count against the limit`() {
        var limits = ReplyDecoder.Limits()
        limits.maximumElements = 10
        let error = #expect(throws: ReplyDecodingError.self) {
            var decoder = ReplyDecoder(limits: limits)
            var buffer = ByteBuffer(string: "*4\r\n" + String(repeating: "*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n", count: 4))
            _ = try decoder.next(from: &buffer)
        }
        #expect(error?.code == .tooLarge)
    }

    @Test func `random bytes never trap`() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("+-:$*_#,(!=%~>|0123456789-\r\n\r\n\r\nab".utf8)
        for _ in 0..<5000 {
            var decoder = ReplyDecoder()
            var buffer = ByteBuffer(bytes: (0..<40).map { _ in alphabet.randomElement(using: &generator) ?? 0 })
            while let reply = try? decoder.next(from: &buffer) { _ = reply.text }
        }
    }

    @Test func `a command is an array of bulk strings`() {
        let encoded = CommandEncoder.encode("SET", [0xFF, 0x0D] as [UInt8], ByteBuffer(string: "v"), 12, Int64(-1))
        let expected: [UInt8] =
            Array("*5\r\n$3\r\nSET\r\n$2\r\n".utf8) + [0xFF, 0x0D]
            + Array("\r\n$1\r\nv\r\n$2\r\n12\r\n$2\r\n-1\r\n".utf8)
        #expect(Array(buffer: encoded) == expected)
    }
}
