import Testing

@testable import SlotWorkers

struct ReplyCursorTests {
    private static func steps(_ bytes: [UInt8]) throws -> (steps: [ReplyCursor.Step], position: Int, needed: Int) {
        var cursor = ReplyCursor(bytes.span.bytes)
        var steps: [ReplyCursor.Step] = []
        while let step = try cursor.next() { steps.append(step) }
        return (steps, cursor.position, cursor.needed)
    }

    private static func steps(_ text: String) throws -> [ReplyCursor.Step] { try steps(Array(text.utf8)).steps }

    @Test func `replies are walked over step by step, arrays with their elements`() throws {
        let text = "+OK\r\n-ERR no\r\n:42\r\n:-1\r\n$-1\r\n*-1\r\n*2\r\n$3\r\na\r\n\r\n$0\r\n\r\n*0\r\n"
        let found = try Self.steps(Array(text.utf8))
        #expect(
            found.steps == [
                .simple, .error("ERR no"), .integer(42), .integer(-1), .absent, .absent, .array(2), .bulk(42..<45),
                .bulk(51..<51), .array(0),
            ])
        #expect(found.position == text.utf8.count)
    }

    @Test func `what is not whole leaves the cursor where it was`() throws {
        for text in ["+OK\r\n-ERR no\r\n", "+OK\r\n:42\r\n", "+OK\r\n$5\r\nhello\r\n", "+OK\r\n*12\r\n"] {
            for cut in 6..<text.utf8.count {
                let found = try Self.steps(Array(Array(text.utf8).prefix(cut)))
                #expect(found.steps == [.simple], "\(text) cut at \(cut)")
                #expect(found.position == 5)
            }
        }
        let found = try Self.steps(Array("+OK\r\n$1000\r\nabc".utf8))
        #expect(found.needed == 5 + 7 + 1000 + 2)
    }

    @Test(arguments: [
        Int64.max, -.max, 999_999_999_999_999_999, 1_000_000_000_000_000_000, 9_223_372_036_854_775_000,
        -9_223_372_036_854_775_000,
    ])
    func `every integer that a server can send is read`(number: Int64) throws {
        #expect(try Self.steps(":\(number)\r\n") == [.integer(number)])
    }

    @Test(arguments: [
        ":\r\n", ":-\r\n", ":1a\r\n", ":9223372036854775808\r\n", ":99999999999999999999\r\n", "$x\r\n", "$\r\n",
        "$2147483648\r\n", "$999999999999999999\r\n", "*x\r\n", "%1\r\n", "_\r\n", "\r\n\r\n", "hello\r\n", ":+1\r\n",
    ])
    func `what is no reply is refused`(text: String) {
        #expect(throws: ReplyCursor.Malformed.self) { try Self.steps(text) }
    }

    @Test func `a line that does not end is not waited for without end`() throws {
        #expect(try Self.steps([0x2B] + [UInt8](repeating: 0x78, count: 60_000)).steps.isEmpty)
        #expect(throws: ReplyCursor.Malformed.self) { try Self.steps([0x2B] + [UInt8](repeating: 0x78, count: 70_000)) }
    }

    @Test func `queued replies are passed over together, as many as are asked for`() {
        let bytes = Array((String(repeating: "+QUEUED\r\n", count: 5) + "+OK\r\n").utf8)
        var cursor = ReplyCursor(bytes.span.bytes)
        let counts = [cursor.skipQueued(atMost: 2), cursor.skipQueued(atMost: 0), cursor.skipQueued(atMost: 9)]
        let position = cursor.position
        #expect(counts == [2, 0, 3])
        #expect(position == 45)
        var short = ReplyCursor(Array("+QUEUED\r".utf8).span.bytes)
        let none = short.skipQueued(atMost: 1)
        #expect(none == 0)
    }
}
