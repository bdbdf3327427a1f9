import Foundation
import RESP
import Testing

@testable import Verifier

struct DigestTableTests {
    private func place(_ number: Int) throws -> KeyPlace {
        let key = text("key:\(number)")
        let digester = try KeyDigester(seed: seed, scope: scope(13, 13))
        return digester.place(database: 0, key: key.span.bytes)
    }

    @Test func `equal sides leave nothing, in whatever order and batches they came`() async throws {
        let table = try DigestTable()
        let places = try (0..<5_000).map { try place($0) }
        await withTaskGroup { group in
            for side in ComparedSide.allCases {
                group.addTask {
                    var batch = DigestBatch(side: side, capacity: side == .source ? 64 : 1_000)
                    for number in side == .source ? Array(0..<5_000) : Array((0..<5_000).reversed()) {
                        let digest = Digest128(bits: UInt128(number) &* 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
                        if batch.append(digest, at: places[number]) { table.apply(&batch) }
                    }
                    table.apply(&batch)
                }
            }
        }
        #expect(table.differingBuckets().isEmpty)
        #expect(table.counts().sourceTotal == 5_000 && table.counts().targetTotal == 5_000)
    }

    @Test func `a missing, an extra, a different and a repeated key each make their bucket differ`() throws {
        let table = try DigestTable()
        var source = DigestBatch(side: .source)
        var target = DigestBatch(side: .target)
        let places = try (0..<100).map { try place($0) }
        for number in 0..<100 {
            let digest = Digest128(bits: UInt128(number + 1))
            if number != 1 { _ = source.append(digest, at: places[number]) }
            if number == 2 { _ = target.append(Digest128(bits: 77), at: places[number]) }
            if number != 2, number != 3 { _ = target.append(digest, at: places[number]) }
            if number == 4 { _ = source.append(digest, at: places[number]) }
        }
        table.apply(&source)
        table.apply(&target)
        let different = table.differingBuckets()
        #expect(different.count == 4)
        for number in 0..<100 { #expect(different.contains(places[number]) == (1...4).contains(number)) }
        #expect(Set(different.slots.slots) == Set((1...4).map { places[$0].slot }))
        #expect(different.count(in: places[1].slot) == 1)
        #expect(source.isEmpty && table.counts().source.reduce(0, +) == 100)
    }

    @Test func `sums wrap around`() {
        let greatest = Digest128(bits: .max)
        #expect(greatest &+ Digest128(bits: 2) == Digest128(bits: 1))
        #expect(Digest128.zero &- Digest128(bits: 1) == greatest)
        #expect(Digest128(bits: 1).description == "00000000000000000000000000000001")
    }
}
