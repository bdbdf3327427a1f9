import NIOCore
import Testing

@testable import SlotWorkers

struct KeyLedgerTests {
    @Test func `a key that was noted is found again, and no other`() throws {
        let ledger = try KeyLedger()
        let keys = (0..<5000).map { Array("key:\($0)".utf8) } + [[], [0], [0, 0], [0xFF]]
        for key in keys { ledger.record(database: 0, key: key) }
        ledger.record(database: 3, key: keys[0])
        var known: [Int: Set<KeyLedger.Fingerprint>] = [:]
        for partition in 0..<KeyLedger.partitions { known[partition] = try ledger.fingerprints(ofPartition: partition) }
        func has(_ database: Int, _ key: [UInt8]) -> Bool {
            let fingerprint = ledger.fingerprint(database: database, key: key)
            return known[KeyLedger.partition(of: fingerprint)]?.contains(fingerprint) == true
        }
        #expect(keys.allSatisfy { has(0, $0) })
        #expect(has(3, keys[0]) && !has(3, keys[1]) && !has(256, keys[0]))
        #expect(!(5000..<6000).contains { has(0, Array("key:\($0)".utf8)) })
        #expect(known.values.reduce(0) { $0 + $1.count } == keys.count + 1)
    }

    @Test func `a key noted twice is one, and fingerprints differ from run to run`() throws {
        let ledgers = [try KeyLedger(), try KeyLedger()]
        let key = Array("key".utf8)
        for _ in 0..<3 { ledgers[0].record(database: 0, key: key) }
        let prints = ledgers.map { $0.fingerprint(database: 0, key: key) }
        #expect(prints[0] != prints[1])
        #expect(try ledgers[0].fingerprints(ofPartition: KeyLedger.partition(of: prints[0])) == [prints[0]])
    }

    @Test func `the partitions share the keys evenly`() throws {
        let ledger = try KeyLedger()
        var counts = [Int](repeating: 0, count: KeyLedger.partitions)
        for number in 0..<25_600 {
            let fingerprint = ledger.fingerprint(database: 0, key: Array("\(number)".utf8))
            counts[KeyLedger.partition(of: fingerprint)] += 1
        }
        #expect(counts.allSatisfy { (40...180).contains($0) })
    }
}

struct LedgerFileTests {
    @Test(arguments: [0, 1, 1023, 1024, 1025, 5000])
    func `everything that was appended is there, in order, also when read twice`(entries: Int) throws {
        let file = try LedgerFile()
        var expected = ByteBuffer()
        for number in 0..<entries {
            var entry = ByteBuffer()
            entry.writeMultipleIntegers(UInt64(number), UInt64(number) &* 31)
            file.append(entry)
            expected.writeImmutableBuffer(entry)
        }
        #expect(try file.contents() == expected)
        file.append(ByteBuffer(string: "more"))
        expected.writeString("more")
        #expect(try file.contents() == expected)
        #expect(try file.contents() == expected)
    }

    @Test func `an entry larger than the buffer is written whole`() throws {
        let file = try LedgerFile()
        let entry = ByteBuffer(bytes: (0..<300_000).map { UInt8(truncatingIfNeeded: $0) })
        file.append(entry)
        #expect(try file.contents() == entry)
    }

    @Test func `entries from several threads are all there`() async throws {
        let file = try LedgerFile()
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for number in 0..<2000 { file.append(ByteBuffer(integer: UInt64(worker * 2000 + number))) }
                }
            }
        }
        var contents = try file.contents()
        var found: Set<UInt64> = []
        while let number = contents.readInteger(as: UInt64.self) { found.insert(number) }
        #expect(found == Set(0..<16_000))
    }
}
