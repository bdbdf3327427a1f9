import NIOCore
import RDBParser
import RESP
import Testing

@testable import SlotWorkers

struct ValuePiecesTests {
    private static let key = Array("temporary".utf8)

    private static func format(_ number: Int = 80) throws -> TargetFormat {
        try #require(TargetFormat(version: RDBVersion(family: number >= 80 ? .valkey : .redis, number: number)))
    }

    /// All pieces of a value that is made by `events`, each as its commands in words.
    private static func pieces(
        for number: Int = 80, _ events: (inout ValuePieces) -> Void
    ) throws -> (pieces: [ValuePiece], commands: [[String]], value: ValuePieces) {
        let delivered = Delivered()
        var value = ValuePieces(key: key, format: try format(number), now: 1000) { delivered.pieces.append($0) }
        events(&value)
        value.end()
        let commands = try delivered.pieces.flatMap { piece in
            var decoder = ReplyDecoder()
            var bytes = piece.bytes
            var commands: [[String]] = []
            while let reply = try decoder.next(from: &bytes) {
                commands.append((reply.elements ?? []).map { $0.text ?? "?" })
            }
            #expect(commands.count == piece.commands)
            return commands
        }
        return (delivered.pieces, commands, value)
    }

    private final class Delivered { var pieces: [ValuePiece] = [] }

    private static func add(_ text: String, _ part: ValuePart, to value: inout ValuePieces) {
        let bytes = Array(text.utf8)
        value.bytes(bytes.span.bytes, of: part, length: UInt64(bytes.count), isLast: true)
    }

    @Test func `a string is written where it belongs, so that a repetition changes nothing`() throws {
        let made = try Self.pieces { value in
            value.begin(.string, count: nil)
            for (text, isLast) in [("abc", false), ("de", true)] {
                value.bytes(Array(text.utf8).span.bytes, of: .string, length: 5, isLast: isLast)
            }
        }
        #expect(made.commands == [["SETRANGE", "temporary", "0", "abc"], ["SETRANGE", "temporary", "3", "de"]])
        #expect(made.value.count == 5)
    }

    @Test func `elements share a command, also one that comes in parts`() throws {
        let made = try Self.pieces { value in
            value.begin(.list, count: 3)
            Self.add("a", .element, to: &value)
            Self.add("", .element, to: &value)
            for (text, isLast) in [("b", false), ("c", false), ("", true)] {
                value.bytes(Array(text.utf8).span.bytes, of: .element, length: 2, isLast: isLast)
            }
        }
        #expect(made.commands == [["RPUSH", "temporary", "a", "", "bc"]])
        #expect(made.pieces.map { [$0.before, $0.behind] } == [[0, 3]])
    }

    @Test func `scores keep their bits; a zero with a sign comes when the set has grown`() throws {
        let scores = [1, -0.0, 0.1, -Double.infinity, .infinity, 1.0 / 3, .leastNonzeroMagnitude]
        let made = try Self.pieces { value in
            value.begin(.sortedSet, count: 7)
            for (index, score) in scores.enumerated() {
                Self.add("m\(index)", .member, to: &value)
                value.score(score)
            }
        }
        let words = made.commands.flatMap { $0.dropFirst(2) }
        let found = stride(from: 0, to: words.count, by: 2).map { (words[$0 + 1], Double(words[$0])?.bitPattern) }
        #expect(found.map(\.0) == ["m0", "m2", "m3", "m4", "m5", "m6", "m1"])
        #expect(found.map(\.1) == [0, 2, 3, 4, 5, 6, 1].map { scores[$0].bitPattern })
        #expect(made.value.count == 7)
    }

    @Test func `fields get their expiries behind their values, where the target has such`() throws {
        func events(_ value: inout ValuePieces) {
            value.begin(.hash, count: 2)
            Self.add("f", .field, to: &value)
            Self.add("1", .value, to: &value)
            value.expiry(1234)
            Self.add("g", .field, to: &value)
            Self.add("2", .value, to: &value)
        }
        let made = try Self.pieces { events(&$0) }
        #expect(
            made.commands == [
                ["HSET", "temporary", "f", "1", "g", "2"], ["HPEXPIREAT", "temporary", "1234", "FIELDS", "1", "f"],
            ])
        #expect(made.value.loss == nil)
        let older = try Self.pieces(for: 11) { events(&$0) }
        #expect(older.commands == [["HSET", "temporary", "f", "1", "g", "2"]])
        #expect(older.value.loss == .fieldExpiries)
    }

    @Test func `fields that have expired do not stay for ever where fields cannot expire`() throws {
        let made = try Self.pieces(for: 11) { value in
            value.begin(.hash, count: 2)
            for (field, expiry) in [("gone", 1000), ("stays", nil)] as [(String, Int64?)] {
                Self.add(field, .field, to: &value)
                Self.add("1", .value, to: &value)
                if let expiry { value.expiry(expiry) }
            }
        }
        #expect(made.commands == [["HSET", "temporary", "gone", "1", "stays", "1"], ["HDEL", "temporary", "gone"]])
        #expect(made.value.loss == nil && made.value.hasFieldExpiries)
        #expect(made.value.lastsUntil == .max)
    }

    @Test func `an empty string is one`() throws {
        let made = try Self.pieces { $0.begin(.string, count: 0) }
        #expect(made.commands == [["SET", "temporary", ""]])
    }

    @Test func `a stream with nothing left in it is still one`() throws {
        let made = try Self.pieces { value in
            value.begin(.stream, count: nil)
            value.stream(.entry(StreamID(5, 1), fieldCount: 1, isDeleted: true))
            Self.add("f", .field, to: &value)
            Self.add("v", .value, to: &value)
            value.stream(
                .metadata(
                    StreamMetadata(
                        length: 0, lastID: StreamID(9, 0),
                        history: .init(firstID: StreamID(0, 0), greatestDeletedID: StreamID(5, 1), entriesAdded: 4))))
        }
        #expect(
            made.commands == [
                ["XGROUP", "CREATE", "temporary", "backfill", "0", "MKSTREAM"],
                ["XGROUP", "DESTROY", "temporary", "backfill"],
                ["XSETID", "temporary", "9-0", "ENTRIESADDED", "4", "MAXDELETEDID", "5-1"],
            ])
        #expect(made.value.count == 0)
    }

    @Test func `pieces stay small, and say where in the value they stand`() throws {
        let made = try Self.pieces { value in
            value.begin(.list, count: 50_000)
            for index in 0..<50_000 { Self.add("element \(index)", .element, to: &value) }
        }
        #expect(made.pieces.count > 4)
        #expect(made.pieces.allSatisfy { $0.byteCount < 400 << 10 })
        #expect(made.pieces.map(\.before) == [0] + made.pieces.dropLast().map(\.behind))
        #expect(made.pieces.last?.behind == 50_000)
        #expect(made.commands.flatMap { $0.dropFirst(2) } == (0..<50_000).map { "element \($0)" })
    }

    @Test func `a module's value cannot be written in pieces`() throws {
        let made = try Self.pieces { value in
            value.begin(.module, count: nil)
            value.module(.type(ModuleType(id: 0)))
        }
        #expect(made.value.refusal?.contains("--big-value-bytes") == true)
    }
}
