import Foundation

@testable import RDBParser

/// The servers whose files lie in `fixtures/`, with ground truth that the servers themselves gave.
let servers = ["redis-6.2.14", "redis-7.0.15", "redis-7.4.1", "redis-8.6.3", "valkey-8.0.1", "valkey-9.1.2"]

/// The files of each server; all but `all` are small.
let files = ["all", "empty", "expired", "lfu", "lru", "nocompress"]
let smallFiles = ["empty", "expired", "lfu", "lru", "nocompress"]

/// What a server says that one of its files holds.
struct GroundTruth: Decodable {
    struct Key: Decodable {
        let db: UInt64
        let keyB64: Data
        let type: String
        let rdbType: UInt8
        let expireMs: Int64?
        let lruIdleS: UInt64?
        let lfuFreq: UInt8?
    }

    let magic: String
    let aux: [String: String]
    let functionsB64: [Data]?
    let keys: [Key]
}

/// What `DUMP` said of the keys of `all`.
struct Dumps: Decodable {
    struct Dump: Decodable {
        let keyB64: Data
        let db: UInt64
        let rdbType: UInt8
        let footer: UInt16
        let dumpB64: Data
    }

    let functionDumpB64: Data?
    let dumps: [Dump]
}

enum Fixture {
    static func bytes(_ server: String, _ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("fixtures")
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent(server).appendingPathComponent(name)))
    }

    static func truth<T: Decodable>(_: T.Type, _ server: String, _ name: String) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(T.self, from: Data(try bytes(server, name)))
    }
}

/// What a visitor heard, as a value.
enum Event: Hashable {
    case header(RDBVersion)
    case auxiliary(name: [UInt8], value: [UInt8])
    case database(UInt64)
    case sizes(keys: UInt64, expiries: UInt64)
    case function([UInt8])
    case record(Record)
}

struct Record: Hashable {
    var database: UInt64
    var key: [UInt8]
    var type: UInt8
    var value: [UInt8]
    var expiry: Int64?
    var idleSeconds: UInt64?
    var frequency: UInt8?
}

struct Recorder: RDBVisitor, ~Copyable {
    var events: [Event] = []
    private var index: UInt64 = 0

    var records: [Record] { events.compactMap { if case .record(let record) = $0 { record } else { nil } } }

    mutating func header(_ version: RDBVersion) { events.append(.header(version)) }
    mutating func auxiliary(name: RawSpan, value: RawSpan) {
        events.append(.auxiliary(name: array(name), value: array(value)))
    }
    mutating func database(_ index: UInt64) {
        self.index = index
        events.append(.database(index))
    }
    mutating func sizes(keys: UInt64, expiries: UInt64) { events.append(.sizes(keys: keys, expiries: expiries)) }
    mutating func function(_ code: RawSpan) { events.append(.function(array(code))) }
    mutating func record(_ record: borrowing RDBRecord) {
        events.append(
            .record(
                Record(
                    database: index, key: array(record.key), type: record.type, value: array(record.value),
                    expiry: record.expiry, idleSeconds: record.idleSeconds, frequency: record.frequency)))
    }
}

func array(_ span: RawSpan) -> [UInt8] { span.withUnsafeBytes { [UInt8]($0) } }

/// Parses a whole input, fed in chunks of a size (grown only as far as the parser asks for).
///
/// - Returns: The bytes that were consumed.
func parse(
    _ bytes: [UInt8], chunk: Int = .max, parser: inout RDBStreamParser, into recorder: inout Recorder
) throws(RDBError) -> Int {
    var start = 0
    var end = min(chunk, bytes.count)
    while true {
        start += try parser.feed(bytes.span.bytes.extracting(start..<end), into: &recorder)
        if end == bytes.count || parser.isFinished { break }
        let missing = max(parser.bytesNeeded, 1)
        end = min(bytes.count, max(end + min(chunk, bytes.count), missing < bytes.count ? start + missing : 0))
    }
    try parser.finish()
    return start
}

func parse(_ bytes: [UInt8], chunk: Int = .max) throws(RDBError) -> [Event] {
    var parser = RDBStreamParser()
    var recorder = Recorder()
    _ = try parse(bytes, chunk: chunk, parser: &parser, into: &recorder)
    return recorder.events
}

/// The error of an input, or `nil` where there is none.
func refusal(of bytes: [UInt8], chunk: Int = .max) -> RDBError? {
    do throws(RDBError) {
        _ = try parse(bytes, chunk: chunk)
        return nil
    } catch { return error }
}
