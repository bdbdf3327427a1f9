import NIOCore
import RESP
import Testing

@testable import SlotWorkers

/// Asks about one page of keys; `answer` gives the replies to each question, which is named by its commands.
private func measure(
    _ keys: [String], limit: Int, probe: inout ValueProbe, piece: Int = .max, answer: (String) -> String
) throws -> (questions: [String], big: [Int]) {
    var page = KeyPage(database: 0, slot: nil)
    for key in keys { page.append(Array(key.utf8).span.bytes) }
    guard var request = probe.request(page) else { return ([], []) }
    var questions: [String] = []
    while true {
        var buffer = ByteBuffer()
        probe.write(request, to: &buffer)
        let question = String(buffer: buffer).split(separator: "\r\n").filter { !"*$".contains($0.first ?? "x") }
            .joined(separator: " ")
        questions.append(question)
        let bytes = Array(answer(question).utf8)
        var rest: [UInt8] = []
        var outcome: ValueProbe.Outcome?
        for start in stride(from: 0, to: bytes.count, by: min(piece, bytes.count)) {
            rest += bytes[start..<min(bytes.count, start + min(piece, bytes.count))]
            let (reached, consumed) = try probe.consume(rest, &request)
            outcome = reached
            rest.removeFirst(consumed)
        }
        #expect(rest.isEmpty)
        switch try #require(outcome) {
        case .measured: return (questions, request.big)
        case .again: continue
        }
    }
}

extension ValueProbe {
    /// The same with an array, and how much of it was taken.
    fileprivate mutating func consume(
        _ bytes: [UInt8], _ request: inout Request
    ) throws -> (outcome: Outcome?, consumed: Int) {
        var cursor = ReplyCursor(bytes.span.bytes)
        let outcome = try consume(&cursor, &request)
        return (outcome, cursor.position)
    }
}

struct ValueProbeTests {
    @Test(arguments: [1, 3, 1000])
    func `keys that take more memory than the limit are big`(piece: Int) throws {
        var probe = ValueProbe(limit: 1000)
        let (questions, big) = try measure(["a", "b", "c", "d", "e"], limit: 1000, probe: &probe, piece: piece) { _ in
            ":1000\r\n:1001\r\n$-1\r\n:9223372036854775807\r\n-MOVED 1 localhost:1\r\n"
        }
        #expect(questions == ["MEMORY USAGE a MEMORY USAGE b MEMORY USAGE c MEMORY USAGE d MEMORY USAGE e"])
        #expect(big == [1, 3])
        #expect(probe.means == .memory)
        #expect(probe.warning == nil)
    }

    @Test(arguments: [
        "NOPERM this user has no permissions to run the 'memory|usage' command", "ERR unknown command 'MEMORY'",
    ])
    func `where memory is not told, types and lengths are asked for`(refusal: String) throws {
        var probe = ValueProbe(limit: 6400)
        let keys = ["s", "l", "e", "z", "h", "x", "m", "n"]
        let answer = { (question: String) -> String in
            switch question.prefix(4) {
            case "MEMO": String(repeating: "-\(refusal)\r\n", count: keys.count)
            case "TYPE": "+string\r\n+list\r\n+set\r\n+zset\r\n+hash\r\n+stream\r\n+vectorset\r\n+none\r\n"
            default: ":6401\r\n:101\r\n:100\r\n:5000\r\n-WRONGTYPE meanwhile\r\n:7\r\n"
            }
        }
        let first = try measure(keys, limit: 6400, probe: &probe, piece: 5, answer: answer)
        #expect(
            first.questions.dropFirst() == [
                "TYPE s TYPE l TYPE e TYPE z TYPE h TYPE x TYPE m TYPE n",
                "STRLEN s LLEN l SCARD e ZCARD z HLEN h XLEN x",
            ])
        #expect(first.big == [0, 1, 3])
        #expect(probe.means == .lengths)
        #expect(probe.warning == nil)
        #expect(try measure(keys, limit: 6400, probe: &probe, answer: answer).questions.count == 2)
    }

    @Test func `where nothing is told, that is said, and asked no more`() throws {
        var probe = ValueProbe(limit: 1)
        let refused = { (question: String) in "-NOPERM no permissions to run the command\r\n" }
        let first = try measure(["a"], limit: 1, probe: &probe, answer: refused)
        #expect(first.questions == ["MEMORY USAGE a", "TYPE a"])
        #expect(first.big == [])
        #expect(probe.means == .none)
        #expect(probe.warning?.contains("how big its values are") == true)
        #expect(try measure(["a"], limit: 1, probe: &probe, answer: refused).questions == [])
    }

    @Test func `sizes behind a refused SELECT are of another database's keys`() throws {
        var probe = ValueProbe(limit: 1)
        var page = KeyPage(database: 3, slot: nil)
        page.append(Array("a".utf8).span.bytes)
        var request = try #require(probe.request(page))
        request.selects = true
        let answers = Array("-ERR DB index is out of range\r\n:9999\r\n".utf8)
        #expect(try probe.consume(answers, &request).outcome == .measured)
        #expect(request.big == [])
    }

    @Test func `a page without its big keys keeps the others in their order`() {
        var page = KeyPage(database: 2, slot: nil)
        for key in ["a", "bb", "", "ccc"] { page.append(Array(key.utf8).span.bytes) }
        let rest = page.without([0, 2])
        #expect(rest.database == 2)
        let keys = (0..<rest.count).map { index in rest.withKey(index) { array($0) } }
        #expect(keys == [Array("bb".utf8), Array("ccc".utf8)])
    }
}

struct PageSizeTests {
    @Test func `pages grow by eight until they are full`() {
        var size = PageSize(.init(bytes: 10_000, elements: 500))
        var counts = [size.count]
        for _ in 0..<4 {
            size.learn(elements: size.count, bytes: size.count * 10)
            counts.append(size.count)
        }
        #expect(counts == [8, 64, 500, 500, 500])
        size.learn(elements: 500, bytes: 500_000)
        #expect(size.count == 10)
        size.learn(elements: 1, bytes: 1_000_000)
        #expect(size.count == 1)
        size.learn(elements: 0, bytes: 20)
        #expect(size.count == 1)
        for _ in 0..<60 { size.learn(elements: size.count, bytes: size.count * 10) }
        #expect(size.count == 500)
    }
}

struct ReplyCounterTests {
    @Test(arguments: 1...40)
    func `replies are whole when the last byte is there, in pieces of any size`(piece: Int) throws {
        let bytes = Array("+OK\r\n*2\r\n$3\r\nabc\r\n*1\r\n:5\r\n-ERR x\r\n*0\r\n$-1\r\n".utf8)
        var counter = ReplyCounter(replies: 5)
        for end in stride(from: piece, to: bytes.count, by: piece) {
            #expect(try counter.follow(Array(bytes[..<end])) == nil)
        }
        #expect(try counter.follow(bytes) == bytes.count)
    }

    @Test func `an array that claims too much is refused`() {
        var counter = ReplyCounter(replies: 1)
        let bytes = Array("*999999999999999999\r\n".utf8)
        #expect(throws: ReplyCursor.Malformed.self) { try counter.follow(bytes) }
    }
}
