import Testing

@testable import RDBParser

@Suite struct `Checking values` {
    private func refusal(_ type: UInt8, _ value: [UInt8], _ version: RDBVersion) -> RDBError? {
        do throws(RDBError) {
            try ValueDecoder.check(type: type, value: value.span.bytes, version: version)
            return nil
        } catch { return error }
    }

    @Test(arguments: servers)
    func `finds every value of every server sound`(server: String) throws {
        let (version, records) = try fixtureRecords(server, "all")
        for record in records {
            #expect(refusal(record.type, record.value, version) == nil, "type \(record.type)")
        }
    }

    @Test(arguments: servers)
    func `refuses exactly what decoding refuses`(server: String) throws {
        let (version, records) = try fixtureRecords(server, "all")
        for record in records where record.value.count <= 60 {
            var value = record.value
            for index in value.indices {
                for mask: UInt8 in [1, 4, 0x80, 0xff] {
                    value[index] ^= mask
                    var decoded: RDBError?
                    do throws(RDBError) {
                        _ = try decode(record.type, value, version)
                    } catch { decoded = error }
                    #expect((refusal(record.type, value, version) == nil) == (decoded == nil))
                    value[index] ^= mask
                }
            }
        }
    }

    /// 2^48 − 1 is taken by Redis 7.4 and 8.6; 2^48 and more is refused in type 24, and may end them in type 25.
    @Test(arguments: [((Int64(1) << 48) - 1, true), (1 << 48, false), (0x0400_03bb_2cc3_d858, false)])
    func `takes no expiry of a field that ends Redis`(expiry: Int64, isSound: Bool) {
        let redis = RDBVersion(family: .redis, number: 12)
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: expiry >> (8 * $0)) }
        let packed = [0x81, 0x61, 2, 1, 1, 0xf4] + bytes + [9]
        #expect((refusal(25, bytes + string(listpack(packed, count: 3)), redis) == nil) == isSound)
        #expect((refusal(24, bytes + [1, 1, 1, 0x61, 1, 0x78], redis) == nil) == isSound)
        #expect((refusal(24, zeros[..<8] + lengthOf(expiry) + [1, 0x61, 1, 0x78], redis) == nil) == isSound)
        // Valkey has no such bound.
        let valkey = RDBVersion(family: .valkey, number: 80)
        #expect(refusal(22, [1, 1, 0x61, 1, 0x78] + bytes, valkey) == nil)
    }

    /// One field whose expiry lies so far behind the earliest, which is 0.
    private func lengthOf(_ expiry: Int64) -> [UInt8] {
        var length: [UInt8] = [1]
        RDBWriter.appendLength(UInt64(expiry) + 1, to: &length)
        return length
    }
}
