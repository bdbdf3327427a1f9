import Testing

@testable import SlotWorkers

struct WriteReplyTests {
    /// All replies of some bytes that come in pieces, runs of successes joined.
    private static func scan(_ bytes: [UInt8], piece: Int) throws -> (replies: [WriteReply], rest: Int) {
        var replies: [WriteReply] = []
        var buffer: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            buffer += bytes[start..<min(start + piece, bytes.count)]
            var position = 0
            while position < buffer.count, let next = try WriteReplyScanner.next(in: buffer, from: position) {
                if case .succeeded(let more) = next.reply, case .succeeded(let before) = replies.last {
                    replies[replies.count - 1] = .succeeded(before + more)
                } else {
                    replies.append(next.reply)
                }
                position += next.size
            }
            buffer.removeFirst(position)
        }
        return (replies, buffer.count)
    }

    @Test(arguments: Array(1...64) + [4096])
    func `replies are the same in pieces of any size`(piece: Int) throws {
        let text =
            String(repeating: "+OK\r\n", count: 20) + "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
            + "+OK\r\n$-1\r\n" + String(repeating: "+OK\r\n", count: 3)
            + ":1\r\n-BUSYKEY Target key name already exists.\r\n"
            + "_\r\n-ERR\r\n-\r\n+OK\r\n"
        let (replies, rest) = try Self.scan(Array(text.utf8), piece: piece)
        #expect(
            replies == [
                .succeeded(20), .refused("OOM command not allowed when used memory > 'maxmemory'."), .succeeded(1),
                .absent,
                .succeeded(4), .refused("BUSYKEY Target key name already exists."), .absent, .refused("ERR"),
                .refused(""),
                .succeeded(1),
            ])
        #expect(rest == 0)
    }

    @Test func `a reply that is not whole is waited for`() throws {
        for text in ["+", "+O", "+OK", "+OK\r", "-ERR x", "-ERR x\r", "$", "$-", "$-1", "$-1\r", ":", "_", "_\r"] {
            #expect(try WriteReplyScanner.next(in: Array(text.utf8), from: 0) == nil, "\(text)")
        }
        let two = Array("+OK\r\n+O".utf8)
        let next = try #require(try WriteReplyScanner.next(in: two, from: 0))
        #expect(next.reply == .succeeded(1) && next.size == 5)
    }

    @Test(arguments: [
        "*1\r\n", "$3\r\nabc\r\n", "$\r\n", "x\r\n", "\r\n\r\n", "\0\0\0\0\0\0\0\0\r\n", "%1\r\n", "HTTP/1.1 400\r\n",
    ])
    func `what is no reply to a write is refused`(text: String) {
        #expect(throws: WriteReplyScanner.Malformed.self) {
            try WriteReplyScanner.next(in: Array(text.utf8), from: 0)
        }
    }

    @Test func `a line that does not end is not waited for without end`() throws {
        let short = Array("-ERR".utf8) + [UInt8](repeating: 0x78, count: 60_000)
        #expect(try WriteReplyScanner.next(in: short, from: 0) == nil)
        let long = Array("-ERR".utf8) + [UInt8](repeating: 0x78, count: 70_000)
        #expect(throws: WriteReplyScanner.Malformed(byte: 0x2D)) {
            try WriteReplyScanner.next(in: long, from: 0)
        }
    }
}

extension WriteReplyTests {
    @Test(
        arguments: [
            ("BUSYKEY Target key name already exists.", .keyExists),
            ("OOM command not allowed when used memory > 'maxmemory'.", .later("target out of memory")),
            ("MISCONF Errors writing to the AOF file", .later("target cannot persist (MISCONF)")),
            ("LOADING Redis is loading the dataset in memory", .later("target is loading its data")),
            ("BUSY Redis is busy running a script.", .later("target is busy with a script")),
            (
                "NOREPLICAS Not enough good replicas to write.",
                .later("target has too few replicas (min-replicas-to-write)")
            ),
            ("TRYAGAIN Multiple keys request during rehashing of slot", .later("slot is being moved")),
            ("MOVED 3999 127.0.0.1:6381", .moved(hint: "127.0.0.1:6381")), ("MOVED", .moved(hint: nil)),
            ("CLUSTERDOWN The cluster is down", .moved(hint: nil)),
            ("CLUSTERDOWN Hash slot not served", .moved(hint: nil)),
            ("READONLY You can't write against a read only replica.", .moved(hint: nil)),
            ("MASTERDOWN Link with MASTER is down", .moved(hint: nil)),
            ("UNBLOCKED force unblock from blocking operation", .moved(hint: nil)),
            ("ASK 3999 10.0.0.5:6381", .ask("10.0.0.5:6381")), ("ASK", .key("ASK")),
            ("NOAUTH Authentication required.", .fatal("NOAUTH Authentication required.")),
            ("NOPERM No permissions to access a key", .key("NOPERM No permissions to access a key")),
            (
                "NOPERM this user has no permissions to access one of the keys used as arguments",
                .key("NOPERM this user has no permissions to access one of the keys used as arguments")
            ),
            (
                "NOPERM User monkey has no permissions to run the 'restore' command",
                .fatal("NOPERM User monkey has no permissions to run the 'restore' command")
            ),
            ("ERR DUMP payload version or checksum are wrong", .key("ERR DUMP payload version or checksum are wrong")),
            ("ERR Bad data format", .key("ERR Bad data format")),
            ("CROSSSLOT Keys in request", .key("CROSSSLOT Keys in request")),
            ("", .key("")), ("OOMPH", .key("OOMPH")),
        ] as [(String, Refusal)])
    func `an error reply means what its code says`(line: String, expected: Refusal) {
        #expect(Refusal(line) == expected)
    }

    @Test func `only what passes is sent again`() {
        let lines = ["OOM x", "LOADING x", "MOVED 1 a:1", "ASK 1 a:1", "TRYAGAIN x", "READONLY x"]
        for line in lines { #expect(Refusal(line).isTemporary, "\(line)") }
        for line in ["BUSYKEY x", "NOAUTH x", "ERR x", "NOPERM key"] { #expect(!Refusal(line).isTemporary, "\(line)") }
    }

    @Test func `a long error is cut, so that reasons stay few and short`() {
        #expect(Refusal("ERR " + String(repeating: "x", count: 5000)).reason.count == 200)
    }
}
