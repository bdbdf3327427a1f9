import CChecksum
import Testing

@testable import RDBParser

@Suite struct Checksums {
    @Test func `CRC-64 gives its check value`() {
        let digits = Array("123456789".utf8)
        #expect(CRC64.update(0, with: digits.span.bytes) == 0xe9c6_d914_c4b8_d9ca)
    }

    @Test func `folding and slices agree with the definition`() {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<1_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        for length in 0...300 {
            let crc = random.next()
            let start = length % 17
            let part = Array(bytes[start..<start + length])
            let expected = bitwise(crc, part)
            #expect(cchecksum_crc64_sliced(crc, part, length) == expected)
            #expect(cchecksum_crc64(crc, part, length) == expected)
            if length >= 16, cchecksum_can_fold() != 0 {
                #expect(cchecksum_crc64_folded(crc, part, length) == expected)
            }
        }
    }

    @Test(arguments: [4_096, 65_537, 1_000_003])
    func `folding and slices agree on long input and in parts`(length: Int) {
        let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        let whole = cchecksum_crc64(0, bytes, length)
        #expect(whole == cchecksum_crc64_sliced(0, bytes, length))
        let head = CRC64.update(0, with: bytes.span.bytes.extracting(..<(length / 3)))
        #expect(CRC64.update(head, with: bytes.span.bytes.extracting((length / 3)...)) == whole)
    }

    private func bitwise(_ crc: UInt64, _ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(crc) { crc, byte in
            (0..<8).reduce(crc ^ UInt64(byte)) { crc, _ in crc >> 1 ^ (crc & 1 == 1 ? 0x95ac_9329_ac4b_c9b5 : 0) }
        }
    }
}
