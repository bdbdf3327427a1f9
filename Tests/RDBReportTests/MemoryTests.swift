import RDBParser
import Testing

@testable import RDBReport

/// A string of 300,000 bytes, a list of 20,000 elements, and a short key behind them.
private let largeRecords: [UInt8] = {
    let list: [UInt8] = [0x80, 0, 0, 0x4e, 0x20] + (0..<20_000).flatMap { _ in [3, 1, 2, 3] as [UInt8] }
    let text = string([UInt8](repeating: 5, count: 300_000))
    return stream(
        "REDIS0011", record(0, "first", string([1])), [252] + [UInt8](repeating: 0, count: 8), record(0, "text", text),
        record(1, "list", list), record(0, "last", string([1])))
}()

@Suite struct `Large values` {
    @Test func `are inspected without being held, with their exact sizes`() throws {
        let statistics = Statistics(now: 0) { _ in false }
        for chunk in [100, 512, 4096] {
            let feed = try read(
                largeRecords, chunk: chunk, by: Watched(Inspection(statistics, wholeUpTo: 1000)))
            #expect(feed.reader.largest <= 3 * 4096, "in chunks of \(chunk)")
            let entries = feed.reader.reader.statistics.biggest.entries
            #expect(entries.map(\.bytes) == [300_009, 80_009, 7, 6])
            #expect(entries.map(\.elements) == [nil, 20_000, nil, nil])
            #expect(feed.reader.reader.statistics.total.expiring == 1)
        }
    }

    @Test func `are written as JSON without being held`() throws {
        let whole = try Lines(largeRecords)
        for chunk in [100, 512, 4096] {
            var feed = try read(largeRecords, chunk: chunk, by: Watched(JSONLinesWriter(wholeUpTo: 1000)))
            #expect(feed.reader.largest <= 3 * 4096, "in chunks of \(chunk)")
            var text: [UInt8] = []
            feed.reader.reader.drain { span in text = Array(copying: span) }
            #expect(text == whole.text)
        }
        #expect(try whole.objects()[2]["value"].array.count == 20_000)
    }
}
