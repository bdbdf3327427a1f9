import NIOCore
import RESP
import Testing

@testable import SlotWorkers

private func slots(_ numbers: Int...) -> SlotSet {
    var set = SlotSet()
    for number in numbers { if let slot = HashSlot(number) { set.insert(slot) } }
    return set
}

private func slot(_ number: Int) throws -> HashSlot { try #require(HashSlot(number)) }

/// A key that lies in a slot.
private func key(_ name: String, in slot: Int) -> String {
    var number = 0
    while Int(HashSlot(key: Array("{\(number)}".utf8)).rawValue) != slot { number += 1 }
    return "{\(number)}\(name)"
}

private func names(_ keys: [String]) -> String {
    "*\(keys.count)\r\n" + keys.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
}

private func scanned(_ cursor: String, _ keys: [String]) -> String {
    "*2\r\n$\(cursor.utf8.count)\r\n\(cursor)\r\n" + names(keys)
}

private func numbered(_ count: Int, in slot: Int) -> [String] { (0..<count).map { key(":\($0)", in: slot) } }

struct KeyListingTests {
    private var found: [String] = []

    private mutating func answer(_ listing: inout KeyListing, _ text: String) throws -> Bool {
        let bytes = Array(text.utf8)
        var cursor = ReplyCursor(bytes.span.bytes)
        var names: [String] = []
        let isTaken = try listing.consume(&cursor) { key, database in
            names.append("\(database) " + String(decoding: array(key), as: UTF8.self))
        }
        let position = cursor.position
        #expect(position == (isTaken ? bytes.count : 0))
        found += names
        return isTaken
    }

    /// All questions that may be asked now.
    private func ask(_ listing: inout KeyListing) -> [KeyListing.Question] {
        var questions: [KeyListing.Question] = []
        while let question = listing.next() { questions.append(question) }
        return questions
    }

    private static let start = KeyListing.Question.scan(cursor: Array("0".utf8))

    @Test mutating func `a standalone server is asked database by database, cursor by cursor`() throws {
        var listing = KeyListing(databases: [0, 5], slots: nil)
        #expect(ask(&listing) == [.select(0)])
        #expect(try answer(&listing, "+OK\r\n"))
        #expect(ask(&listing) == [Self.start])
        #expect(!listing.isIdle && !listing.isDone)
        #expect(try answer(&listing, scanned("17", ["a", "b"])))
        #expect(ask(&listing) == [.scan(cursor: Array("17".utf8))])
        #expect(try answer(&listing, scanned("99", [])))
        #expect(ask(&listing) == [.scan(cursor: Array("99".utf8))])
        #expect(try answer(&listing, scanned("0", ["c"])))
        #expect(ask(&listing) == [.select(5)])
        #expect(try answer(&listing, "+OK\r\n"))
        #expect(ask(&listing) == [Self.start])
        #expect(try answer(&listing, scanned("0", ["a"])))
        #expect(ask(&listing) == [])
        #expect(listing.isDone && listing.isIdle)
        #expect(found == ["0 a", "0 b", "0 c", "5 a"])
    }

    @Test mutating func `an answer that is not whole names no key yet`() throws {
        let text = Array(scanned("17", ["a", "b\r\n", ""]).utf8)
        for cut in 1..<text.count {
            var listing = KeyListing(databases: [0], slots: nil)
            _ = ask(&listing)
            _ = try answer(&listing, "+OK\r\n")
            _ = ask(&listing)
            found = []
            #expect(try !answer(&listing, String(decoding: text[..<cut], as: UTF8.self)))
            #expect(found.isEmpty, "cut at \(cut)")
            #expect(try answer(&listing, String(decoding: text, as: UTF8.self)))
            #expect(found == ["0 a", "0 b\r\n", "0 "])
        }
    }

    @Test mutating func `a cluster node is asked how many keys a slot has, then for their names`() throws {
        var listing = KeyListing(databases: [0], slots: slots(3, 4, 5))
        #expect(ask(&listing) == [.select(0)])
        #expect(try answer(&listing, "-ERR SELECT is not allowed in cluster mode\r\n"))
        #expect(ask(&listing) == [.count(try slot(3)), .count(try slot(4)), .count(try slot(5))])
        #expect(try answer(&listing, ":2\r\n"))
        #expect(try answer(&listing, ":0\r\n"))
        #expect(try answer(&listing, ":1\r\n"))
        #expect(ask(&listing) == [.names(try slot(3), limit: 1002), .names(try slot(5), limit: 1001)])
        #expect(try answer(&listing, names(["a", "b"])))
        #expect(try answer(&listing, names(["c"])))
        #expect(listing.isDone)
        #expect(found == ["0 a", "0 b", "0 c"])
    }

    @Test mutating func `not more than 64 questions are on their way at once`() throws {
        var listing = KeyListing(databases: [0], slots: .all)
        _ = ask(&listing)
        _ = try answer(&listing, "+OK\r\n")
        var asked = ask(&listing).count
        #expect(asked == 64)
        while asked < HashSlot.count {
            #expect(try answer(&listing, ":0\r\n"))
            asked += ask(&listing).count
        }
        for _ in 0..<64 { #expect(try answer(&listing, ":0\r\n")) }
        #expect(listing.isDone)
    }

    @Test mutating func `a slot with very many keys is read by SCAN, and only its keys are taken from that`() throws {
        var listing = KeyListing(databases: [0], slots: slots(3, 4))
        _ = ask(&listing)
        _ = try answer(&listing, "+OK\r\n")
        _ = ask(&listing)
        _ = try answer(&listing, ":10001\r\n")
        _ = try answer(&listing, ":10000\r\n")
        #expect(ask(&listing) == [Self.start])
        let mine = key("a", in: 3)
        _ = try answer(&listing, scanned("7", [mine, key("b", in: 4), key("c", in: 5)]))
        #expect(ask(&listing) == [.scan(cursor: Array("7".utf8))])
        _ = try answer(&listing, scanned("0", []))
        #expect(ask(&listing) == [.names(try slot(4), limit: 11_000)])
        _ = try answer(&listing, names([key("b", in: 4)]))
        #expect(listing.isDone)
        #expect(found == ["0 \(mine)", "0 \(key("b", in: 4))"])
    }

    @Test mutating func `a slot that grew beyond what was asked for is read by SCAN`() throws {
        var listing = KeyListing(databases: [0], slots: slots(3))
        _ = ask(&listing)
        _ = try answer(&listing, "+OK\r\n")
        _ = ask(&listing)
        _ = try answer(&listing, ":1\r\n")
        _ = ask(&listing)
        _ = try answer(&listing, names(numbered(1001, in: 3)))
        #expect(ask(&listing) == [Self.start])
    }

    @Test mutating func `a slot that turns out to be large after the SCAN for another is scanned too`() throws {
        var listing = KeyListing(databases: [0], slots: slots(3, 4))
        _ = ask(&listing)
        _ = try answer(&listing, "+OK\r\n")
        _ = ask(&listing)
        _ = try answer(&listing, ":20000\r\n")
        _ = try answer(&listing, ":1\r\n")
        #expect(ask(&listing) == [Self.start])
        _ = try answer(&listing, scanned("0", [key("a", in: 3)]))
        #expect(ask(&listing) == [.names(try slot(4), limit: 1001)])
        _ = try answer(&listing, names(numbered(1001, in: 4)))
        #expect(ask(&listing) == [Self.start])
        _ = try? answer(&listing, scanned("0", [key("late", in: 4)]))
        #expect(found.contains("0 \(key("late", in: 4))"))
    }

    @Test mutating func `after a lost connection the database is selected again, and what was open is asked again`()
        throws
    {
        var listing = KeyListing(databases: [2], slots: nil)
        _ = ask(&listing)
        _ = try answer(&listing, "+OK\r\n")
        _ = ask(&listing)
        _ = try answer(&listing, scanned("17", ["a"]))
        _ = ask(&listing)
        listing.restart()
        #expect(listing.isIdle && !listing.isDone)
        #expect(ask(&listing) == [.select(2)])
        _ = try answer(&listing, "+OK\r\n")
        #expect(ask(&listing) == [.scan(cursor: Array("17".utf8))])
        _ = try answer(&listing, scanned("0", ["b"]))
        #expect(listing.isDone)
        #expect(found == ["2 a", "2 b"])
    }

    @Test mutating func `a connection lost among many slots loses none of them`() throws {
        var listing = KeyListing(databases: [0, 1], slots: slots(3, 4, 5))
        _ = ask(&listing)
        listing.restart()
        #expect(ask(&listing) == [.select(0)])
        _ = try answer(&listing, "+OK\r\n")
        #expect(ask(&listing) == [.select(0)])
        _ = try answer(&listing, "+OK\r\n")
        _ = ask(&listing)
        _ = try answer(&listing, ":1\r\n")
        listing.restart()
        #expect(ask(&listing) == [.select(0)])
        _ = try answer(&listing, "+OK\r\n")
        #expect(ask(&listing) == [.count(try slot(4)), .count(try slot(5)), .names(try slot(3), limit: 1001)])
        _ = try answer(&listing, ":1\r\n")
        _ = try answer(&listing, ":0\r\n")
        #expect(ask(&listing) == [.names(try slot(4), limit: 1001)])
        _ = try answer(&listing, names(["a"]))
        listing.restart()
        #expect(ask(&listing) == [.select(0)])
        _ = try answer(&listing, "+OK\r\n")
        #expect(ask(&listing) == [.names(try slot(4), limit: 1001)])
        _ = try answer(&listing, names(["b"]))
        #expect(ask(&listing) == [.select(1)])
        _ = try answer(&listing, "+OK\r\n")
        #expect(ask(&listing).count == 3)
        #expect(found == ["0 a", "0 b"])
    }

    @Test mutating func `a refusal is told, but SELECT 0 may be refused`() throws {
        var listing = KeyListing(databases: [0, 1], slots: nil)
        _ = ask(&listing)
        #expect(try answer(&listing, "-ERR SELECT is not allowed in cluster mode\r\n"))
        _ = ask(&listing)
        #expect(throws: KeyListing.Failure.refused("NOPERM no scan")) {
            var other = listing
            return try answer(&other, "-NOPERM no scan\r\n")
        }
        _ = try answer(&listing, scanned("0", []))
        #expect(ask(&listing) == [.select(1)])
        #expect(throws: KeyListing.Failure.refused("ERR DB index is out of range")) {
            try answer(&listing, "-ERR DB index is out of range\r\n")
        }
    }

    @Test(arguments: [
        "*2\r\n:1\r\n*0\r\n", "*2\r\n$1\r\n0\r\n:1\r\n", "*2\r\n$1\r\n0\r\n*1\r\n:1\r\n", "*2\r\n$-1\r\n*0\r\n",
    ])
    func `an answer to SCAN that is something else is refused`(text: String) throws {
        var test = self
        var listing = KeyListing(databases: [0], slots: nil)
        _ = ask(&listing)
        _ = try test.answer(&listing, "+OK\r\n")
        _ = ask(&listing)
        #expect(throws: KeyListing.Failure.self) { try test.answer(&listing, text) }
    }

    @Test func `questions are commands`() throws {
        for (question, expected) in [
            (.select(3), "SELECT 3"), (Self.start, "SCAN 0 COUNT 500"),
            (.count(try slot(7)), "CLUSTER COUNTKEYSINSLOT 7"),
            (.names(try slot(7), limit: 9), "CLUSTER GETKEYSINSLOT 7 9"),
        ] as [(KeyListing.Question, String)] {
            var buffer = ByteBuffer()
            KeyListing.write(question, to: &buffer)
            let command = EncodedCommand(buffer).arguments.map { String(decoding: $0, as: UTF8.self) }.joined(
                separator: " ")
            #expect(command == expected)
        }
    }
}
