import Foundation
import RDBParser
import Testing

@testable import Verifier

struct DigestTests {
    static let pairs = servers.flatMap { source in servers.map { (source, $0) } }
    static let numbers = [
        "redis-6.2.14": 9, "redis-7.0.15": 10, "redis-7.4.1": 12, "redis-8.6.3": 13, "valkey-8.0.1": 11,
        "valkey-9.1.2": 80,
    ]

    @Test(arguments: pairs)
    func `values of two servers' files have equal digests exactly where both servers say the same`(
        source: String, target: String
    ) throws {
        let scope = scope(try #require(Self.numbers[source]), try #require(Self.numbers[target]))
        let withHistory = scope.streamHistory == .compared
        let sourceTruth = try Fixture.truth(source, withHistory: withHistory)
        let targetTruth = try Fixture.truth(target, withHistory: withHistory)
        let digester = try KeyDigester(seed: seed, scope: scope)
        let targets = Dictionary(uniqueKeysWithValues: try Fixture.records(target).map { ($0.key, $0) })
        var equal = 0
        for record in try Fixture.records(source) where record.type != 7 {
            guard let other = targets[record.key] else { continue }
            let (truth, otherTruth) = try (
                #require(sourceTruth[record.key]), #require(targetTruth[record.key])
            )
            let name = String(decoding: record.key.name, as: UTF8.self)
            let isSame = truth.isEqual(otherTruth)
            let (digest, otherDigest) = try (record.digest(digester), other.digest(digester))
            let isEqual =
                digest.value == otherDigest.value && digest.fieldExpiries == otherDigest.fieldExpiries
                && (!withHistory || digest.streamHistory == otherDigest.streamHistory)
                && digest.idempotence == otherDigest.idempotence && record.expiry == other.expiry
            #expect(isEqual == isSame, "\(name): \(source), \(target)")
            let sums = try (record.sum(digester), other.sum(digester))
            #expect((sums.0.digest == sums.1.digest) == isSame, "sum of \(name): \(source), \(target)")
            if isSame { equal += 1 }
        }
        #expect(equal >= 50, "\(source), \(target)")
    }

    @Test(arguments: servers)
    func `a value in elements has the digest of the whole one`(server: String) throws {
        let digester = try KeyDigester(seed: seed, scope: scope(13, 13))
        let whole = try Fixture.records(server).map { try $0.sum(digester) }
        var parser = RDBStreamParser()
        var visitor = PieceVisitor(digester: digester)
        let bytes = try Fixture.bytes(server)
        var start = 0
        var end = 0
        while !parser.isFinished {
            end = min(max(end + 999, start + parser.bytesNeeded), bytes.count)
            start += try parser.feed(bytes.span.bytes.extracting(start..<end), wholeUpTo: 1, into: &visitor)
        }
        visitor.finishRecord()
        #expect(visitor.digests == whole)
    }

    @Test func `a sum depends on database, key, expiry, kind and value, each alone`() throws {
        let digester = try KeyDigester(seed: seed, scope: scope(13, 13))
        func sum(_ database: Int, _ key: String, _ expiry: Int64?, _ value: Value) throws -> Digest128 {
            var bytes: [UInt8] = []
            let format = try #require(TargetFormat(version: version(13)))
            let type = value.encode(for: format, into: &bytes).type
            let name = text(key)
            return try digester.record(
                database: database, key: name.span.bytes, expiry: expiry, type: type,
                value: bytes.span.bytes, version: version(13)
            ).digest
        }
        let sums = [
            try sum(0, "key", nil, .string(Array("value".utf8))),
            try sum(9, "key", nil, .string(Array("value".utf8))),
            try sum(0, "kez", nil, .string(Array("value".utf8))),
            try sum(0, "ke", nil, .string(Array("yvalue".utf8))),
            try sum(0, "key", 0, .string(Array("value".utf8))),
            try sum(0, "key", 1, .string(Array("value".utf8))),
            try sum(0, "key", 2, .string(Array("value".utf8))),
            try sum(0, "key", nil, .string(Array("vaLue".utf8))),
            try sum(0, "key", nil, .string([])),
            try sum(0, "key", nil, .list([Array("value".utf8)])),
            try sum(0, "key", nil, .set([Array("value".utf8)])),
            try sum(0, "key", 1, .set([Array("value".utf8)])),
        ]
        #expect(Set(sums).count == sums.count)
        #expect(try sum(0, "key", 1, .set([[1], [2]])) == sum(0, "key", 1, .set([[2], [1]])))
    }

    @Test func `another seed gives other digests and other places`() throws {
        let other = try #require(RunSeed(bytes: (1..<17).map { $0 }))
        let digesters = try [seed, other].map { try KeyDigester(seed: $0, scope: scope(13, 13)) }
        let record = try #require(try Fixture.records("redis-6.2.14").first)
        #expect(try record.sum(digesters[0]).digest != record.sum(digesters[1]).digest)
        let places = digesters.map { $0.place(database: 0, key: record.key.name.span.bytes) }
        #expect(places[0].slot == places[1].slot && places[0].hash != places[1].hash)
        #expect(digesters[0].place(database: 1, key: record.key.name.span.bytes).hash != places[0].hash)
    }

    @Test func `SipHash gives the numbers of its paper`() {
        let hash = SipHash(key: 0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
        let bytes = (0..<15).map { UInt8($0) }
        let end = Array(bytes[8...])
        let none: [UInt8] = []
        #expect(hash.hash(bytes.span.bytes) == 0xa129_ca61_49be_45e5)
        #expect(hash.hash(none.span.bytes) == 0x726f_db47_dd0e_0e31)
        #expect(hash.hash(prefix: 0x0706_0504_0302_0100, end.span.bytes) == 0xa129_ca61_49be_45e5)
    }

    @Test func `a seed is read as it is written, and nothing else is one`() throws {
        #expect(try RunSeed(parsing: seed.description) == seed)
        for text in ["", "00", "0011223344556677889900112233445", "zz11223344556677889900112233445566"] {
            #expect(throws: VerifierError.self) { try RunSeed(parsing: text) }
        }
        #expect(RunSeed.random() != RunSeed.random())
    }
}

/// Counts whole what the parser announces in pieces.
private struct PieceVisitor: LargeRecordVisitor {
    let digester: KeyDigester
    var digests: [RecordDigest] = []
    private var database: UInt64 = 0
    private var isInRecord = false

    init(digester: KeyDigester) { self.digester = digester }

    mutating func finishRecord() {
        if isInRecord { digests.append(digester.finishRecord()) }
        isInRecord = false
    }

    mutating func header(_ version: RDBVersion) {}
    mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    mutating func database(_ index: UInt64) { database = index }
    mutating func sizes(keys: UInt64, expiries: UInt64) {}
    mutating func function(_ code: RawSpan) {}
    mutating func record(_ record: borrowing RDBRecord) { Issue.record("a record came whole") }
    mutating func beginRecord(_ record: borrowing RDBRecord) {
        isInRecord = true
        digester.beginRecord(database: Int(database), key: record.key, expiry: record.expiry)
    }
    mutating func begin(_ kind: ValueKind, count: UInt64?) { digester.begin(kind, count: count) }
    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        digester.bytes(piece, of: part, length: length, isLast: isLast)
    }
    mutating func score(_ score: Double) { digester.score(score) }
    mutating func expiry(_ milliseconds: Int64) { digester.expiry(milliseconds) }
    mutating func stream(_ event: borrowing StreamEvent) { digester.stream(event) }
    mutating func module(_ event: ModuleEvent) { digester.module(event) }
    mutating func end() {
        digester.end()
        finishRecord()
    }
}
