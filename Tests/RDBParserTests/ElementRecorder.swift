@testable import RDBParser

/// What a visitor heard of a value, pieces joined.
struct ElementRecorder: ValueVisitor, Equatable {
    private(set) var events: [String] = []
    private(set) var pieces = 0
    private(set) var longestPiece = 0
    private var string: [UInt8] = []

    mutating func begin(_ kind: ValueKind, count: UInt64?) { events.append("begin \(kind) \(count ?? 0)") }
    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        pieces += 1
        longestPiece = max(longestPiece, piece.byteCount)
        string += array(piece)
        guard isLast else { return }
        events.append("\(part) \(length == string.count) \(string)")
        string = []
    }
    mutating func score(_ score: Double) { events.append("score \(score)") }
    mutating func expiry(_ milliseconds: Int64) { events.append("expiry \(milliseconds)") }
    mutating func stream(_ event: borrowing StreamEvent) {
        let text =
            switch copy event {
            case .entry(let id, let count, let deleted): "entry \(id) \(count) \(deleted)"
            case .metadata(let metadata): "\(metadata)"
            case .group(let name, let id, let read): "group \(array(name)) \(id) \(read ?? -1)"
            case .pending(let id, let time, let count): "pending \(id) \(time) \(count)"
            case .consumer(let name, let seen, let active): "consumer \(array(name)) \(seen) \(active ?? -2)"
            case .owned(let id): "owned \(id)"
            case .idempotence(let duration, let maximum): "idempotence \(duration) \(maximum)"
            case .producer(let name): "producer \(array(name))"
            case .producerID(let id, let entry): "producer ID \(array(id)) \(entry)"
            case .idempotenceCounters(let added, let duplicates): "counters \(added) \(duplicates)"
            }
        events.append(text)
    }
    mutating func module(_ event: ModuleEvent) { events.append("\(event)") }
    mutating func end() { events.append("end") }

    static func == (left: Self, right: Self) -> Bool { left.events == right.events }
}

/// Decodes a value fed in chunks of a size (grown only as far as the decoder asks for).
func decode(
    _ type: UInt8, _ value: [UInt8], _ version: RDBVersion, chunk: Int = .max,
    limits: ValueDecoder.Limits = .init()
) throws(RDBError) -> ElementRecorder {
    var decoder = try ValueDecoder(type: type, version: version, limits: limits)
    var recorder = ElementRecorder()
    var start = 0
    var end = min(chunk, value.count)
    while true {
        start += try decoder.feed(value.span.bytes.extracting(start..<end), into: &recorder)
        if end == value.count || decoder.isFinished { break }
        let missing = max(decoder.bytesNeeded, 1)
        end = min(value.count, max(end + min(chunk, value.count), missing < value.count ? start + missing : 0))
    }
    try decoder.finish()
    guard start == value.count else { throw RDBError(.malformed, offset: UInt64(start), element: "rest") }
    return recorder
}

/// The records of a server's file, with the version of it.
func fixtureRecords(_ server: String, _ file: String) throws -> (version: RDBVersion, records: [Record]) {
    var parser = RDBStreamParser()
    var recorder = Recorder()
    _ = try parse(try Fixture.bytes(server, "\(file).rdb"), parser: &parser, into: &recorder)
    guard let version = parser.version else { throw RDBError(.notRDB, offset: 0, element: "fixture") }
    return (version, recorder.records)
}
