import NIOCore
import RDBParser
import Testing

@testable import SlotWorkers

struct RecordFeedTests {
    /// Feeds a stream in pieces, and says that it ends.
    private static func feed(_ stream: [UInt8], piece: Int) throws(RDBError) -> (records: Records, rest: [UInt8]) {
        var feed = RecordFeed(visitor: Records(), wholeUpTo: 16 << 20)
        var rest: [UInt8] = []
        for var chunk in pieces(stream, of: piece) {
            if !feed.isFinished { try feed.feed(&chunk) }
            if feed.isFinished { rest += Array(chunk.readableBytesView) }
        }
        if !feed.isFinished {
            var chunk = ByteBuffer()
            try feed.finish(&chunk)
            rest += Array(chunk.readableBytesView)
        }
        return (feed.visitor, rest)
    }

    private static func hash(fields: Int, valueSize: Int) -> [UInt8] {
        var value: [UInt8] = [0x80] + (0..<4).map { UInt8(truncatingIfNeeded: fields >> (24 - 8 * $0)) }
        for field in 0..<fields {
            value += rdbString(Array("field\(field)".utf8))
            value += rdbString([UInt8](repeating: UInt8(truncatingIfNeeded: field), count: valueSize))
        }
        return value
    }

    @Test(arguments: fixtureServers, fixtureFiles)
    func `any size of the pieces gives the same keys`(server: String, file: String) throws {
        let bytes = try Fixture.bytes(server, file)
        let expected = try records(of: bytes)
        for piece in file == "all.rdb" ? [1, 7, 64, 1000, 4096] : Array(1...64) + [4096] {
            let found = try Self.feed(bytes, piece: piece)
            #expect(found.records.records == expected.records, "pieces of \(piece)")
            #expect(found.records.functions == expected.functions)
            #expect(found.rest.isEmpty)
        }
    }

    @Test(arguments: fixtureServers)
    func `the keys of a file are those that its server had`(server: String) throws {
        let truth = try Fixture.truth(GroundTruth.self, server, "all.json")
        let found = try Self.feed(Fixture.bytes(server, "all.rdb"), piece: 100)
        #expect(
            Set(found.records.records.map { "\($0.database) \($0.key)" })
                == Set(truth.keys.map { "\($0.db) \([UInt8]($0.keyB64))" }))
        #expect(found.records.records.count == truth.keys.count)
    }

    @Test(arguments: [1, 100, 1000, 5000, 65_536, 256 << 10])
    func `a last value over several pieces is read to its end`(piece: Int) throws {
        // Many parts: how much is missing cannot be known before all of them are there.
        for fields in [10, 100, 1000, 5000] {
            let value = Self.hash(fields: fields, valueSize: 100)
            let bytes = stream([4] + rdbString(Array("h".utf8)) + value)
            let found = try Self.feed(bytes, piece: piece).records.records
            #expect(found.map(\.value) == [value], "\(fields) fields")
        }
    }

    @Test(arguments: [1, 3, 20, 1000, 5000])
    func `what stands behind the end stays in the piece`(piece: Int) throws {
        let rest = Array("the marker behind the RDB data".utf8)
        for fields in [1, 20, 200] {
            let bytes = stream([4] + rdbString(Array("h".utf8)) + Self.hash(fields: fields, valueSize: 30))
            #expect(try Self.feed(bytes + rest, piece: piece).rest == rest, "\(fields) fields")
        }
    }

    @Test func `a piece that completes a key gives it, at the latest when nothing more comes for now`() throws {
        // A source that waits must not leave a whole key unseen.
        let value = Self.hash(fields: 50, valueSize: 20)
        let bytes = Array("REDIS0011".utf8) + [4] + rdbString(Array("h".utf8)) + value
        for cut in stride(from: 12, to: bytes.count, by: 97) {
            for second in stride(from: cut + 1, to: bytes.count, by: 131) {
                var feed = RecordFeed(visitor: Records(), wholeUpTo: 16 << 20)
                for range in [0..<cut, cut..<second, second..<bytes.count] {
                    var chunk = ByteBuffer(bytes: bytes[range])
                    try feed.feed(&chunk)
                }
                var chunk = ByteBuffer()
                try feed.look(&chunk)
                #expect(feed.visitor.records.count == 1, "cut at \(cut) and \(second)")
            }
        }
    }

    @Test func `a large string over many pieces is one value`() throws {
        let text = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let bytes = stream([0] + rdbString(Array("k".utf8)) + rdbString(text) + [0] + rdbString([1]) + rdbString([2]))
        for piece in [1000, 4096, 65_536, 400_000] {
            let found = try Self.feed(bytes, piece: piece).records.records
            #expect(found.map(\.key) == [Array("k".utf8), [1]])
            #expect(found.first?.value == rdbString(text))
        }
    }

    @Test(arguments: [1, 100, 4096, 400_000])
    func `a value above the limit comes in elements, and the keys around it whole`(piece: Int) throws {
        let fields = (0..<2000).flatMap { Array("field\($0)".utf8) + [UInt8](repeating: UInt8($0 & 255), count: 30) }
        let big = [4] + rdbString(Array("h".utf8)) + Self.hash(fields: 2000, valueSize: 30)
        let bytes = stream([0] + rdbString([1]) + rdbString([2]) + big + [0] + rdbString([3]) + rdbString([4]))
        var feed = RecordFeed(visitor: Records(), wholeUpTo: 10_000)
        for var chunk in pieces(bytes, of: piece) { try feed.feed(&chunk) }
        #expect(feed.isFinished)
        #expect(feed.visitor.records.map(\.key) == [[1], Array("h".utf8), [3]])
        #expect(feed.visitor.records.map(\.value) == [rdbString([2]), fields, rdbString([4])])
    }

    @Test(arguments: fixtureServers)
    func `a stream that is cut off anywhere is called truncated, after its whole keys`(server: String) throws {
        let bytes = try Fixture.bytes(server, "nocompress.rdb")
        let expected = try records(of: bytes).records
        for cut in stride(from: 0, to: bytes.count, by: 13) {
            var feed = RecordFeed(visitor: Records(), wholeUpTo: 16 << 20)
            for var chunk in pieces(Array(bytes[..<cut]), of: 50) { try feed.feed(&chunk) }
            #expect {
                var chunk = ByteBuffer()
                try feed.finish(&chunk)
            } throws: { ($0 as? RDBError)?.code == .truncated }
            let found = feed.visitor.records
            #expect(found.elementsEqual(expected.prefix(found.count)))
            #expect(cut < bytes.count - 9 || found.count == expected.count)
        }
    }

    @Test func `a length that cannot be is not waited for with reserved memory`() throws {
        // A string of 2^63 bytes, and then some.
        let bytes = Array("REDIS0011".utf8) + [0, 1, 0x61, 0x81, 0x7F] + [UInt8](repeating: 0xFF, count: 7)
        var feed = RecordFeed(visitor: Records(), wholeUpTo: 16 << 20)
        var refused = false
        do {
            for var chunk in pieces(bytes + [UInt8](repeating: 0, count: 5000), of: 64) { try feed.feed(&chunk) }
            var chunk = ByteBuffer()
            try feed.finish(&chunk)
        } catch { refused = true }
        #expect(refused)
        // It is announced, and what there is of it passed on.
        #expect(feed.visitor.records.map(\.value.count) == [5000])
    }
}
