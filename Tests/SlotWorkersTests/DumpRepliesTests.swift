import NIOCore
import RESP
import Testing

@testable import SlotWorkers

/// A transaction that was sent, for the follower of its answers.
private struct Request {
    var keys: Int
    var selects = false
}

/// What came of each key, with the payload as text.
private enum Outcome: Equatable {
    case key(String, expiry: Int64?, EvictionHint?)
    case gone
    case failed(String)
    case finished
    case refused(String)
}

/// Follows the answers to several transactions that come in pieces, as a connection's handler does.
private func follow(
    _ text: String, _ requests: [Request], _ dialect: DumpDialect = DumpDialect(tellsExpiryTime: true, eviction: .none),
    piece: Int = .max, isWhole: Bool = true
) throws -> [Outcome] {
    var replies = DumpReplies(dialect: dialect)
    var outcomes: [Outcome] = []
    var requests = requests[...]
    var rest: [UInt8] = []
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: min(piece, bytes.count)) {
        rest += bytes[start..<min(bytes.count, start + min(piece, bytes.count))]
        var cursor = ReplyCursor(rest.span.bytes)
        while let request = requests.first,
            let event = try replies.next(&cursor, keys: request.keys, selects: request.selects)
        {
            switch event {
            case .key(let payload, let expiry, let hint):
                outcomes.append(
                    .key(String(decoding: array(cursor.contents(payload)), as: UTF8.self), expiry: expiry, hint))
            case .gone: outcomes.append(.gone)
            case .failed(let reason): outcomes.append(.failed(reason))
            case .finished:
                outcomes.append(.finished)
                requests.removeFirst()
            case .refused(let reason):
                outcomes.append(.refused(reason))
                requests.removeFirst()
            }
        }
        rest.removeFirst(cursor.position)
    }
    if isWhole { #expect(rest.isEmpty) }
    return outcomes
}

private func queued(_ count: Int) -> String { "+OK\r\n" + String(repeating: "+QUEUED\r\n", count: count) }

struct DumpRepliesTests {
    @Test(arguments: Array(1...64) + [4096])
    func `values, expiries and missing keys come in order, from any pieces`(piece: Int) throws {
        let text =
            queued(8) + "*8\r\n$3\r\na\r\n\r\n:-1\r\n$-1\r\n:-2\r\n$0\r\n\r\n:4102444800000\r\n$1\r\nd\r\n:0\r\n"
            + queued(2) + "*2\r\n$1\r\ne\r\n:-1\r\n"
        #expect(
            try follow(text, [Request(keys: 4), Request(keys: 1)], piece: piece) == [
                .key("a\r\n", expiry: nil, nil), .gone, .key("", expiry: 4_102_444_800_000, nil),
                .key("d", expiry: 1, nil),
                .finished, .key("e", expiry: nil, nil), .finished,
            ])
    }

    @Test(arguments: Array(1...64) + [4096])
    func `SELECT belongs to the transaction before which it was sent`(piece: Int) throws {
        let one = queued(2) + "*2\r\n$1\r\na\r\n:-1\r\n"
        let text = one + "+OK\r\n" + one + one + "-ERR DB index is out of range\r\n" + one + one
        let requests = [
            Request(keys: 1), Request(keys: 1, selects: true), Request(keys: 1), Request(keys: 1, selects: true),
            Request(keys: 1),
        ]
        let value: [Outcome] = [.key("a", expiry: nil, nil), .finished]
        // The keys behind a refused SELECT are those of another database.
        #expect(
            try follow(text, requests, piece: piece)
                == value + value + value + [.refused("ERR DB index is out of range")] + value)
    }

    @Test(arguments: Array(1...40) + [4096])
    func `before 7.0 the expiry is the source's time and what is left`(piece: Int) throws {
        let dialect = DumpDialect(tellsExpiryTime: false, eviction: .none)
        let text =
            queued(9)
            + "*9\r\n*2\r\n$10\r\n1700000000\r\n$6\r\n123456\r\n$1\r\na\r\n:-1\r\n$1\r\nb\r\n:5000\r\n$1\r\nc\r\n:0\r\n$1\r\nd\r\n:-2\r\n"
        #expect(
            try follow(text, [Request(keys: 4)], dialect, piece: piece) == [
                .key("a", expiry: nil, nil), .key("b", expiry: 1_700_000_005_123, nil), .key("c", expiry: 1, nil),
                .key("d", expiry: 1, nil), .finished,
            ])
    }

    @Test func `idle time and frequency come before the value; a refusal of theirs does not matter`() throws {
        let text =
            queued(6) + "*6\r\n:77\r\n$1\r\na\r\n:-1\r\n-ERR An LFU maxmemory policy is selected\r\n$1\r\nb\r\n:-1\r\n"
        for (eviction, hint) in [(.idle, .idle(77)), (.frequency, .frequency(77))]
            as [(WritePlan.Eviction, EvictionHint)]
        {
            let dialect = DumpDialect(tellsExpiryTime: true, eviction: eviction)
            #expect(
                try follow(text, [Request(keys: 2)], dialect, piece: 3)
                    == [.key("a", expiry: nil, hint), .key("b", expiry: nil, nil), .finished])
        }
        let gone = queued(3) + "*3\r\n$-1\r\n$-1\r\n:-2\r\n"
        #expect(
            try follow(gone, [Request(keys: 1)], DumpDialect(tellsExpiryTime: true, eviction: .idle)) == [
                .gone, .finished,
            ])
    }

    @Test(arguments: [1, 5, 4096])
    func `a refused command refuses its transaction, in its own words, and no other`(piece: Int) throws {
        let good = queued(2) + "*2\r\n$1\r\na\r\n:-1\r\n"
        let abort = "-EXECABORT Transaction discarded because of previous errors.\r\n"
        let text = "+OK\r\n+QUEUED\r\n-MOVED 7 127.0.0.1:1\r\n" + abort + good
        #expect(
            try follow(text, [Request(keys: 1), Request(keys: 1)], piece: piece)
                == [.refused("MOVED 7 127.0.0.1:1"), .key("a", expiry: nil, nil), .finished])
        #expect(
            try follow(queued(2) + abort, [Request(keys: 1)], piece: piece)
                == [.refused("EXECABORT Transaction discarded because of previous errors.")])
        let loading = String(repeating: "-LOADING wait\r\n", count: 4) + good
        #expect(
            try follow(loading, [Request(keys: 1), Request(keys: 1)], piece: piece)
                == [.refused("LOADING wait"), .key("a", expiry: nil, nil), .finished])
    }

    @Test func `an error in place of a value fails that key alone`() throws {
        let text = queued(4) + "*4\r\n-ERR dump\r\n:-1\r\n$1\r\nb\r\n-ERR ttl\r\n"
        #expect(try follow(text, [Request(keys: 2)]) == [.failed("ERR dump"), .failed("ERR ttl"), .finished])
    }

    @Test func `an array that does not fit the request gives no key away`() throws {
        for text in [
            queued(4) + "*2\r\n$1\r\na\r\n:-1\r\n" + queued(2),
            queued(2) + "*4\r\n$1\r\na\r\n:-1\r\n$1\r\nb\r\n:-1\r\n",
            queued(2) + "*0\r\n",
        ] {
            let keys = text.hasPrefix(queued(4)) ? 2 : 1
            let outcomes = try? follow(text, [Request(keys: keys)], isWhole: false)
            // Refused or malformed, but no value under the wrong key.
            #expect(outcomes?.contains { if case .key = $0 { true } else { false } } != true, "\(text)")
        }
    }

    @Test(arguments: [
        "+OK\r\n*2\r\n", queued(2) + "*2\r\n:1\r\n:2\r\n", queued(2) + "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "x",
        queued(2) + "*2\r\n*1\r\n",
    ])
    func `nonsense gives no key`(text: String) {
        let outcomes = try? follow(text + "+OK\r\n", [Request(keys: 1)], isWhole: false)
        #expect(outcomes?.contains { if case .key = $0 { true } else { false } } != true)
    }

    @Test func `a clock that cannot be does not end the process`() async {
        await #expect(processExitsWith: .success) {
            var replies = DumpReplies(dialect: DumpDialect(tellsExpiryTime: false, eviction: .none))
            let text =
                "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n*2\r\n$19\r\n9223372036854775807\r\n$1\r\n0\r\n$1\r\na\r\n:1\r\n"
            var cursor = ReplyCursor(Array(text.utf8).span.bytes)
            _ = try? replies.next(&cursor, keys: 1, selects: false)
        }
    }

    @Test func `an expiry at the end of time does not end the process`() async {
        await #expect(processExitsWith: .success) {
            let dialect = DumpDialect(tellsExpiryTime: false, eviction: .none)
            _ = dialect.expiry(.max - 1_700_000_000_000, time: 1_700_000_000_001)
        }
    }

    @Test func `nested arrays of absurd sizes do not end the process`() async {
        await #expect(processExitsWith: .success) {
            var replies = DumpReplies(dialect: DumpDialect(tellsExpiryTime: true, eviction: .none))
            let text =
                "-ERR no\r\n+QUEUED\r\n+QUEUED\r\n" + String(repeating: "*999999999999999999\r\n", count: 12)
            var cursor = ReplyCursor(Array(text.utf8).span.bytes)
            _ = try? replies.next(&cursor, keys: 1, selects: false)
        }
    }
}

struct DumpDialectTests {
    @Test func `a transaction asks for value and expiry of each key, between MULTI and EXEC`() throws {
        var page = KeyPage(database: 0, slot: nil)
        for key in ["a", "", "ccc"] { page.append(Array(key.utf8).span.bytes) }
        #expect(page.count == 3)
        func commands(_ dialect: DumpDialect, _ keys: Range<Int>) -> [[String]] {
            var buffer = ByteBuffer()
            dialect.write(DumpRequest(page: page, keys: keys), to: &buffer)
            var commands: [[String]] = []
            var lines = String(buffer: buffer).split(separator: "\r\n", omittingEmptySubsequences: false)[...]
            while let head = lines.popFirst(), let count = Int(head.dropFirst()) {
                commands.append(
                    (0..<count).compactMap { _ in lines.popFirst().flatMap { _ in lines.popFirst() }.map(String.init) })
            }
            return commands
        }
        #expect(
            commands(DumpDialect(tellsExpiryTime: true, eviction: .none), 0..<2)
                == [["MULTI"], ["DUMP", "a"], ["PEXPIRETIME", "a"], ["DUMP", ""], ["PEXPIRETIME", ""], ["EXEC"]])
        #expect(
            commands(DumpDialect(tellsExpiryTime: false, eviction: .idle), 2..<3)
                == [["MULTI"], ["TIME"], ["OBJECT", "IDLETIME", "ccc"], ["DUMP", "ccc"], ["PTTL", "ccc"], ["EXEC"]])
        #expect(
            commands(DumpDialect(tellsExpiryTime: true, eviction: .frequency), 0..<1)
                == [["MULTI"], ["OBJECT", "FREQ", "a"], ["DUMP", "a"], ["PEXPIRETIME", "a"], ["EXEC"]])
    }

    @Test(
        arguments: [(-1, nil), (0, 1), (1, 1), (-2, 1), (4_102_444_800_000, 4_102_444_800_000), (.max, .max)]
            as [(Int64, Int64?)])
    func `an absolute expiry is taken as it is, and none only where there is none`(reply: Int64, expiry: Int64?) {
        #expect(DumpDialect(tellsExpiryTime: true, eviction: .none).expiry(reply, time: 5) == expiry)
    }

    @Test(arguments: [(-1, nil), (0, 1), (1, 1001), (-2, 1), (5000, 6000)] as [(Int64, Int64?)])
    func `a relative expiry counts from the source's time, and is never none`(reply: Int64, expiry: Int64?) {
        #expect(DumpDialect(tellsExpiryTime: false, eviction: .none).expiry(reply, time: 1000) == expiry)
    }
}
