import Testing

@testable import RDBParser

@Suite struct `Values that servers would refuse` {
    struct Bad: CustomTestStringConvertible, Sendable {
        let name: String
        let type: UInt8
        let value: [UInt8]
        let says: String
        var version = RDBVersion(family: .redis, number: 13)
        var testDescription: String { name }

        init(_ name: String, _ type: UInt8, _ value: String, _ says: String) {
            self.name = name
            self.type = type
            self.value = hex(value)
            self.says = says
        }
    }

    static let bad: [Bad] = [
        Bad("a member twice", 2, "02 01 61 01 61", "member that came before"),
        Bad("a member as integer and as text", 2, "02 c0 05 01 35", "member that came before"),
        Bad("a field twice", 4, "02 01 61 00 01 61 00", "field that came before"),
        Bad("a packed field twice", 16, "0f 0f 00*3 04 00 01 01 02 01 01 01 02 01 ff", "field that came before"),
        Bad("a packed field without value", 16, "09 09 00*3 01 00 01 01 ff", "listpack count"),
        Bad("a score that is no number", 5, "01 01 61 00*6 f8 7f", "score"),
        Bad("a text score that is no number", 3, "01 01 61 fd", "score"),
        Bad("a text score nan", 3, "01 01 61 03 6e 61 6e", "score"),
        Bad("a text score with rest", 3, "01 01 61 02 31 78", "score"),
        Bad("a packed score that is no number", 17, "0d 0d 00*3 02 00 81 61 02 81 78 02 ff", "score"),
        Bad("an unsorted intset", 11, "0c 02 00*3 02 00*3 07 00 ff ff", "intset order"),
        Bad("an intset with an integer twice", 11, "0c 02 00*3 02 00*3 07 00 07 00", "intset order"),
        Bad("an intset with bytes left", 11, "0b 02 00*3 01 00*3 07 00 00", "intset header"),
        Bad("an intset of integers of three bytes", 11, "0b 03 00*3 01 00*3 07 00 00", "intset header"),
        Bad("a wrong listpack count", 20, "09 09 00*3 02 00 01 01 ff", "listpack count"),
        Bad("a wrong listpack size", 20, "09 0a 00*3 01 00 01 01 ff", "listpack header"),
        Bad("a wrong listpack back-length", 20, "09 09 00*3 01 00 01 02 ff", "listpack back-length"),
        Bad("an unknown listpack encoding", 20, "09 09 00*3 01 00 f5 01 ff", "listpack entry"),
        Bad("a listpack entry beyond the end", 20, "09 09 00*3 01 00 85 01 ff", "listpack entry"),
        Bad("a listpack without end", 20, "08 08 00*3 01 00 01 01", "listpack end"),
        Bad("bytes behind a listpack's end", 20, "0a 0a 00*3 01 00 01 01 ff 00", "listpack end"),
        Bad("a wrong ziplist back-length", 10, "0f 0f 00*3 0c 00*3 02 00 00 f2 03 f2 ff", "ziplist back-length"),
        Bad("a wrong ziplist tail", 10, "0f 0f 00*3 0b 00*3 02 00 00 f2 02 f2 ff", "ziplist tail"),
        Bad("a wrong ziplist count", 10, "0f 0f 00*3 0c 00*3 03 00 00 f2 02 f2 ff", "ziplist count"),
        Bad("a wrong zipmap count", 9, "08 02 01 61 01 00 78 ff 00", "zipmap end"),
        Bad("a packed value that is an integer", 20, "c0 01", "packed value"),
        Bad("an unknown quicklist container", 18, "01 03 01 61", "quicklist container"),
        Bad("an expiry beyond all time", 24, "ff ff ff ff ff ff ff 7f 01 05 01 61 01 62", "field's expiry"),
        Bad("a packed expiry that is text", 25, "00*8 0f 0f 00*3 03 00 01 01 02 01 81 61 02 ff 00", "field's expiry"),
        Bad("a stream's length that is wrong", 15, "00 01 00 00 00", "stream length"),
        Bad(
            "a pending entry without owner", 15, "00 00 00 00 01 01 67 00 00 01 00*24 01 00",
            "owners of the stream's pending entries"),
        Bad(
            "a consumer of what is not pending", 15, "00 00 00 00 01 01 67 00 00 00 01 01 63 00*8 01 00*16",
            "owners of the stream's pending entries"),
        Bad(
            "pending entries out of order", 15, "00 00 00 00 01 01 67 00 00 02 00*24 01 00*24 01 00",
            "order of the stream's pending entries"),
        Bad("a group twice", 15, "00 00 00 00 02 01 67 00 00 00 00 01 67 00 00 00 00", "group that came before"),
        Bad("a node's ID of 15 bytes", 15, "01 0f 00*15 01 ff", "stream listpack's ID"),
    ]

    @Test(arguments: bad)
    func `are refused with what is wrong`(bad: Bad) throws {
        for chunk in [Int.max, 1] {
            do throws(RDBError) {
                _ = try decode(bad.type, bad.value, bad.version, chunk: chunk)
                Issue.record("not refused")
            } catch {
                #expect(error.code == .malformed)
                #expect(error.description.contains(bad.says), "\(error)")
            }
        }
    }

    @Test func `take no memory for what they only claim`() throws {
        let version = RDBVersion(family: .redis, number: 13)
        // A count of 2^60 strings; a string of 2^60 bytes; a listpack of 1 GiB.
        for (type, value) in [(1, "81 10 00*7"), (0, "81 10 00*7"), (2, "81 10 00*7 01 61")] as [(UInt8, String)] {
            #expect(refusal(type, hex(value), version)?.code == .truncated)
        }
        #expect(refusal(20, hex("80 40 00 00 00"), version)?.code == .tooLarge)
        #expect(refusal(20, hex("c3 80 01 00 00 00 80 10 00 00 00"), version)?.code == .tooLarge)
        #expect(refusal(0, hex("c3 01 80 10 00 00 00 00"), version)?.code == .malformed)
    }

    @Test func `noise is refused or decoded, and never traps`() {
        var random = SystemRandomNumberGenerator()
        for version in [RDBVersion(family: .redis, number: 13), RDBVersion(family: .valkey, number: 80)] {
            for type in UInt8(0)...27 {
                for _ in 0..<300 {
                    let noise = (0..<80).map { _ in
                        Bool.random(using: &random) ? random.next() : UInt8.random(in: 0...4, using: &random)
                    }
                    _ = refusal(type, noise, version)
                    let packed = listpack([UInt8](noise[..<40]), count: 3)
                    _ = refusal(type, string(packed) + noise, version)
                }
            }
        }
    }
}
