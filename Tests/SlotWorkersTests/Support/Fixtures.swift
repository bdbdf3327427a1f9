import Foundation
import NIOCore
import RDBParser

/// The servers whose files lie in `fixtures/`.
let fixtureServers = ["redis-6.2.14", "redis-7.0.15", "redis-7.4.1", "redis-8.6.3", "valkey-8.0.1", "valkey-9.1.2"]

/// Their RDB files.
let fixtureFiles = ["all.rdb", "empty.rdb", "expired.rdb", "lfu.rdb", "lru.rdb", "nocompress.rdb"]

/// What `DUMP` said of the keys of `all.rdb`.
struct Dumps: Decodable {
    struct Dump: Decodable {
        let keyB64: Data
        let footer: UInt16
        let dumpB64: Data
    }

    let dumps: [Dump]
}

/// What a server says that one of its files holds.
struct GroundTruth: Decodable {
    struct Key: Decodable {
        let db: UInt64
        let keyB64: Data
    }

    let keys: [Key]
}

enum Fixture {
    static func path(_ server: String, _ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
                "fixtures/\(server)/\(name)"
            ).path
    }

    static func bytes(_ server: String, _ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(server, name))))
    }

    static func truth<T: Decodable>(_: T.Type, _ server: String, _ name: String) throws -> T {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(T.self, from: Data(try bytes(server, name)))
    }
}

/// Keys of an RDB stream, in their order.
struct Records: RDBVisitor {
    struct Record: Hashable {
        var database: UInt64
        var key: [UInt8]
        var type: UInt8
        var value: [UInt8]
        var expiry: Int64?
    }

    var records: [Record] = []
    var functions: [[UInt8]] = []
    private var database: UInt64 = 0

    mutating func header(_ version: RDBVersion) {}
    mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    mutating func database(_ index: UInt64) { database = index }
    mutating func sizes(keys: UInt64, expiries: UInt64) {}
    mutating func function(_ code: RawSpan) { functions.append(array(code)) }
    mutating func record(_ record: borrowing RDBRecord) {
        records.append(
            Record(
                database: database, key: array(record.key), type: record.type, value: array(record.value),
                expiry: record.expiry))
    }
}

/// Of values that come in elements the strings are kept, end to end.
extension Records: LargeRecordVisitor {
    mutating func beginRecord(_ record: borrowing RDBRecord) { self.record(record) }
    mutating func begin(_ kind: ValueKind, count: UInt64?) {}
    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        records[records.count - 1].value += array(piece)
    }
    mutating func score(_ score: Double) {}
    mutating func expiry(_ milliseconds: Int64) {}
    mutating func stream(_ event: borrowing StreamEvent) {}
    mutating func module(_ event: ModuleEvent) {}
    mutating func end() {}
}

func array(_ span: RawSpan) -> [UInt8] { span.withUnsafeBytes { [UInt8]($0) } }

/// Parses a whole stream in one piece.
func records(of stream: [UInt8]) throws -> Records {
    var parser = RDBStreamParser()
    var visitor = Records()
    _ = try parser.feed(stream.span.bytes, into: &visitor)
    try parser.finish()
    return visitor
}

/// The pieces of some bytes: `size` each, the last one shorter.
func pieces(_ bytes: [UInt8], of size: Int) -> [ByteBuffer] {
    stride(from: 0, to: bytes.count, by: size).map { ByteBuffer(bytes: bytes[$0..<min($0 + size, bytes.count)]) }
}

/// An RDB stream of version 11, without a checksum, around `elements`.
func stream(_ elements: [UInt8]) -> [UInt8] {
    Array("REDIS0011".utf8) + elements + [0xFF] + [UInt8](repeating: 0, count: 8)
}

/// An RDB string: up to 63 bytes with a short length, else a 32-bit one.
func rdbString(_ bytes: [UInt8]) -> [UInt8] {
    if bytes.count < 64 { return [UInt8(bytes.count)] + bytes }
    return [0x80] + (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (24 - 8 * $0)) } + bytes
}
