import Testing

@testable import RDBParser

/// What was heard: records, and large ones with their elements.
private struct LargeRecorder: LargeRecordVisitor {
    var records: [Record] = []
    var large: [(record: Record, elements: ElementRecorder)] = []
    private var elements = ElementRecorder()
    private var head: Record?

    mutating func header(_ version: RDBVersion) {}
    mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    mutating func database(_ index: UInt64) {}
    mutating func sizes(keys: UInt64, expiries: UInt64) {}
    mutating func function(_ code: RawSpan) {}
    mutating func record(_ record: borrowing RDBRecord) { records.append(copied(record)) }
    mutating func beginRecord(_ record: borrowing RDBRecord) {
        head = copied(record)
        elements = ElementRecorder()
    }
    mutating func begin(_ kind: ValueKind, count: UInt64?) { elements.begin(kind, count: count) }
    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        elements.bytes(piece, of: part, length: length, isLast: isLast)
    }
    mutating func score(_ score: Double) { elements.score(score) }
    mutating func expiry(_ milliseconds: Int64) { elements.expiry(milliseconds) }
    mutating func stream(_ event: borrowing StreamEvent) { elements.stream(event) }
    mutating func module(_ event: ModuleEvent) { elements.module(event) }
    mutating func end() {
        elements.end()
        if let head { large.append((head, elements)) }
    }

    private func copied(_ record: borrowing RDBRecord) -> Record {
        Record(
            database: 0, key: array(record.key), type: record.type, value: array(record.value),
            expiry: record.expiry, idleSeconds: record.idleSeconds, frequency: record.frequency)
    }
}

@Suite struct `Large records` {
    private func parse(_ bytes: [UInt8], wholeUpTo maximum: Int, chunk: Int) throws -> (LargeRecorder, largest: Int) {
        var parser = RDBStreamParser()
        var recorder = LargeRecorder()
        var (start, end, largest) = (0, min(chunk, bytes.count), 0)
        while !parser.isFinished {
            largest = max(largest, end - start)
            let consumed = try parser.feed(
                bytes.span.bytes.extracting(start..<end), wholeUpTo: maximum, into: &recorder)
            start += consumed
            if end == bytes.count, consumed == 0 { break }
            end = min(bytes.count, max(start + max(chunk, parser.bytesNeeded), end))
        }
        try parser.finish()
        #expect(parser.offset == UInt64(bytes.count))
        return (recorder, largest)
    }

    @Test(arguments: servers)
    func `of servers' files come in elements, the others whole, in any chunking`(server: String) throws {
        let bytes = try Fixture.bytes(server, "all.rdb")
        let (version, records) = try fixtureRecords(server, "all")
        var expected = 0
        for chunk in [100, 1_000, 65_536] {
            let (recorder, _) = try parse(bytes, wholeUpTo: 600, chunk: chunk)
            #expect(recorder.records.count + recorder.large.count == records.count)
            #expect(recorder.large.count > 3 && (expected == 0 || recorder.large.count == expected))
            expected = recorder.large.count
            for (head, elements) in recorder.large {
                let record = try #require(
                    records.first { $0.key == head.key && $0.type == head.type && $0.expiry == head.expiry })
                #expect(record.value.count + record.key.count > 580)
                #expect(try elements == decode(record.type, record.value, version))
            }
        }
    }

    @Test func `are never held whole`() throws {
        let list = [0x80] + bigEndian(20_000) + (0..<20_000).flatMap { _ in [3, 1, 2, 3] as [UInt8] }
        let text = string([UInt8](repeating: 5, count: 300_000))
        let bytes = stream("REDIS0011", [252] + zeros[..<8] + key(1, list), key(0, text), key(0, [0]))
        let (recorder, largest) = try parse(bytes, wholeUpTo: 1_000, chunk: 512)
        #expect(recorder.large.map(\.record.type) == [1, 0] && recorder.records.count == 1)
        #expect(recorder.large[0].record.expiry == 0)
        #expect(recorder.large[0].elements.events.count == 20_002)
        #expect(largest <= 1_024)
    }

    @Test func `are counted from the first byte that belongs to them`() throws {
        let record = [249, 7] + key(0, [UInt8(40)] + zeros[..<40])
        let bytes = stream("REDIS0011", record)
        for chunk in [1, 1_000] {
            #expect(try parse(bytes, wholeUpTo: record.count, chunk: chunk).0.records.count == 1)
            let (recorder, _) = try parse(bytes, wholeUpTo: record.count - 1, chunk: chunk)
            #expect(recorder.records.isEmpty && recorder.large.map(\.record.frequency) == [7])
        }
    }

    @Test func `fail where their elements are damaged`() {
        let bytes = stream("REDIS0011", key(2, [3, 1, 0x61, 1, 0x61, 1, 0x62]))
        let error = RDBError(.malformed, offset: 15, element: "member that came before")
        for chunk in [1, 1_000] {
            #expect(throws: error) { try parse(bytes, wholeUpTo: 4, chunk: chunk) }
        }
    }
}
