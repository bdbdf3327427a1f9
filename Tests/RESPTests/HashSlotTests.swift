import RESP
import Testing

@Suite struct HashSlotTests {
    /// Answers of `CLUSTER KEYSLOT` of Valkey 9.1.2.
    @Test(arguments: [
        ("", 0), ("foo", 12182), ("{}foo", 9500), ("foo{}{bar}", 8363), ("foo{{bar}}zap", 4015),
        ("foo{bar}{zap}", 5061),
        ("{user1000}.following", 3443), ("123456789", 12739), ("a{b", 13340), ("a}b{c}", 7365),
        ("0123456789abcdefghij", 4398), (String(repeating: "x", count: 33), 11797),
    ])
    func `a key has the slot that a server gives it`(key: String, slot: Int) {
        #expect(Int(HashSlot(key: Array(key.utf8)).rawValue) == slot)
    }

    @Test func `a key of any bytes has the slot that a server gives it`() {
        #expect(HashSlot(key: [0xFF, 0x00, 0xFE]).rawValue == 434)
    }

    @Test func `the checksum of every length equals the one taken a bit at a time`() {
        for length in 0...70 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ length) }
            var crc: UInt16 = 0
            for byte in bytes {
                crc ^= UInt16(byte) << 8
                for _ in 0..<8 { crc = crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
            }
            #expect(CRC16.checksum(bytes.span.bytes) == crc, "length \(length)")
        }
    }

    @Test func `a hash tag is found wherever its braces stand`() {
        let tag = HashSlot(key: Array("tag".utf8))
        for before in 0...20 {
            let key = String(repeating: "a", count: before) + "{tag}" + String(repeating: "b", count: before)
            #expect(HashSlot(key: Array(key.utf8)) == tag, "\(before) bytes before it")
        }
    }

    @Test func `no slot lies above 16383`() {
        #expect(HashSlot(rawValue: 16383) != nil)
        #expect(HashSlot(rawValue: 16384) == nil)
        #expect(HashSlot(-1) == nil)
    }
}

@Suite struct SlotRangeTests {
    @Test(arguments: [1, 2, 3, 7, 8, 100, 16383, 16384])
    func `the ranges of a partition follow each other and differ by at most one`(workers: Int) throws {
        let ranges = SlotRange.partition(into: workers)
        #expect(ranges.count == workers)
        #expect(ranges.first?.first.rawValue == 0)
        #expect(ranges.last?.last.rawValue == 16383)
        for (left, right) in zip(ranges, ranges.dropFirst()) {
            #expect(left.last.rawValue + 1 == right.first.rawValue)
        }
        let sizes = ranges.map(\.count)
        #expect(try #require(sizes.max()) - #require(sizes.min()) <= 1)
    }

    @Test func `a partition into no or too many ranges is taken as the nearest that exists`() {
        #expect(SlotRange.partition(into: 0).map(\.description) == ["0-16383"])
        #expect(SlotRange.partition(into: 99_999).count == 16384)
    }

    @Test func `a range cannot end before it begins`() throws {
        let (low, high) = (try #require(HashSlot(3)), try #require(HashSlot(5)))
        #expect(SlotRange(first: high, last: low) == nil)
        let range = try #require(SlotRange(first: low, last: high))
        #expect(range.contains(low) && range.contains(high))
        #expect(try !range.contains(#require(HashSlot(6))))
    }
}

@Suite struct SlotSetTests {
    @Test(arguments: [
        ("0-4095,5000", "0-4095,5000", 4097), ("5", "5", 1), ("3,1,2", "1-3", 3), ("63-64", "63-64", 2),
        ("0-16383", "0-16383", 16384), ("10-20,15-30", "10-30", 21), ("16383,0", "0,16383", 2),
    ])
    func `a text is read and written back as the fewest ranges`(text: String, written: String, count: Int) throws {
        let set = try SlotSet(parsing: text)
        #expect(set.description == written)
        #expect(set.count == count)
    }

    @Test(arguments: [
        "", "a", "1-", "-1", "5-3", "16384", "1,,2", "1-2-3", " 1", "1 ", "+1", "0x10", "99999999999999999999",
    ])
    func `a text that names no slots is refused, and quoted`(text: String) {
        let error = #expect(throws: SlotSetError.self) { try SlotSet(parsing: text) }
        #expect(error?.description.contains("'") == true)
    }

    @Test func `sets are joined, cut and subtracted`() throws {
        let (left, right) = (try SlotSet(parsing: "0-10"), try SlotSet(parsing: "5-20"))
        #expect(left.union(right).description == "0-20")
        #expect(left.intersection(right).description == "5-10")
        #expect(left.subtracting(right).description == "0-4")
        #expect(SlotSet().isEmpty && SlotSet().description.isEmpty)
        #expect(SlotSet.all.subtracting(left).count == 16373)
    }
}
