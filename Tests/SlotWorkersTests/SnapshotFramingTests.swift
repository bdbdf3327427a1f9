import NIOCore
import RDBParser
import Testing

@testable import SlotWorkers

struct SnapshotFramingTests {
    private static let marker = String(repeating: "0123456789", count: 4)

    /// What a primary's bytes mean when they come in pieces: the events, the keys, and whether the end was proven.
    private static func read(
        _ bytes: [UInt8], piece: Int
    ) throws -> (events: [SnapshotFraming.Event], records: [Records.Record], isProven: Bool?) {
        var framing = SnapshotFraming()
        var events: [SnapshotFraming.Event] = []
        var feed = RecordFeed(visitor: Records(), wholeUpTo: 16 << 20)
        var rest = ByteBuffer()
        var isPayload = false
        var isProven: Bool?
        for chunk in pieces(bytes, of: piece) {
            rest.writeImmutableBuffer(chunk)
            while !isPayload, let event = framing.next(&rest) {
                events.append(event)
                if case .payload = event { isPayload = true }
                if case .refused = event { return (events, [], nil) }
            }
            if isPayload, !feed.isFinished {
                try feed.feed(&rest)
                if feed.hasPutOff { try feed.look(&rest) }
            }
            if feed.isFinished, isProven == nil { isProven = framing.isProven(rest, rdbLength: feed.offset) }
        }
        return (events, feed.visitor.records, isProven)
    }

    @Test(arguments: fixtureServers)
    func `a real primary's diskless snapshot is read from any pieces`(server: String) throws {
        let bytes = try Fixture.bytes(server, "fullsync-eof.bin")
        var first: [Records.Record]?
        for piece in Array(1...64) + [100, 200, 4096] {
            let found = try Self.read(bytes, piece: piece)
            try #require(found.events.count == 2)
            guard case .fullResynchronization(let identifier, let offset) = found.events[0] else {
                Issue.record("\(found.events)")
                return
            }
            #expect(identifier.utf8.count == 40 && offset >= 0)
            #expect(found.events[1] == .payload(length: nil))
            #expect(found.isProven == true, "pieces of \(piece)")
            #expect(found.records.map(\.key).contains(Array("before".utf8)), "pieces of \(piece)")
            first = first ?? found.records
            #expect(found.records == first)
        }
    }

    @Test(arguments: Array(1...64))
    func `a snapshot from disk announces its length, after line feeds that show life`(piece: Int) throws {
        let rdb = try Fixture.bytes("redis-7.0.15", "lru.rdb")
        let head = "\n\n+FULLRESYNC \(Self.marker) 1234\r\n\n\n\n$\(rdb.count)\r\n"
        let found = try Self.read(Array(head.utf8) + rdb + Array("*1\r\n$4\r\nPING\r\n".utf8), piece: piece)
        #expect(
            found.events == [
                .fullResynchronization(replicationID: Self.marker, offset: 1234), .payload(length: UInt64(rdb.count)),
            ])
        #expect(found.isProven == true)
        #expect(found.records == (try records(of: rdb)).records)
    }

    @Test func `a length that is not the data's is no proof`() throws {
        let rdb = try Fixture.bytes("redis-7.0.15", "empty.rdb")
        let head = "+FULLRESYNC \(Self.marker) 0\r\n$\(rdb.count + 1)\r\n"
        #expect(try Self.read(Array(head.utf8) + rdb + [0], piece: 4096).isProven == false)
    }

    @Test func `another marker is no proof, half of one not yet`() throws {
        let rdb = try Fixture.bytes("redis-7.0.15", "empty.rdb")
        let head = Array("+FULLRESYNC \(Self.marker) 0\r\n$EOF:\(Self.marker)\r\n".utf8) + rdb
        #expect(try Self.read(head + Array(Self.marker.utf8), piece: 7).isProven == true)
        #expect(try Self.read(head + Array(Self.marker.utf8.dropLast()), piece: 7).isProven == nil)
        #expect(try Self.read(head + Array(String(Self.marker.reversed()).utf8), piece: 7).isProven == false)
    }

    @Test(arguments: [
        "-NOPERM User ann has no permissions to run the 'psync' command", "+CONTINUE", "+CONTINUE abc", "+FULLRESYNC",
        "+FULLRESYNC a", "+FULLRESYNC a b", "+FULLRESYNC a 1 2",
        "-NOMASTERLINK Can't SYNC while not connected with my master",
        "$5", "OK",
    ])
    func `an answer that is no full resynchronization is refused in the primary's words`(line: String) throws {
        for ending in ["\r\n", "\n"] {
            #expect(try Self.read(Array((line + ending).utf8), piece: 3).events == [.refused(line)])
        }
    }

    @Test(arguments: ["$", "$x", "$-1", "$18446744073709551616", "$EOF:short", "$EOF:\(marker)0", "+OK", "-ERR no"])
    func `a size that is none is refused`(line: String) throws {
        let found = try Self.read(Array("+FULLRESYNC a 0\r\n\(line)\r\n".utf8), piece: 5)
        #expect(found.events.last == .refused(line))
    }

    @Test func `a line that does not end is not waited for without end`() throws {
        let found = try Self.read([UInt8](repeating: 0x78, count: 5000), piece: 1000)
        #expect(found.events == [.refused("a line that does not end")])
    }
}
