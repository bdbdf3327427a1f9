import Foundation
import RDBParser

@testable import Verifier

/// The servers whose files lie in `fixtures/`, with ground truth that the servers themselves gave.
let servers = ["redis-6.2.14", "redis-7.0.15", "redis-7.4.1", "redis-8.6.3", "valkey-8.0.1", "valkey-9.1.2"]

/// A fixed seed, so that a failure can be seen again.
let seed = RunSeed(bytes: (0..<16).map { $0 })!

func version(_ number: Int) -> RDBVersion { RDBVersion(family: number >= 80 ? .valkey : .redis, number: number) }

func scope(_ source: Int, _ target: Int) -> ComparisonScope {
    ComparisonScope(source: version(source), target: version(target))
}

struct Key: Hashable {
    var database: UInt64
    var name: [UInt8]
}

/// A record of a fixture.
struct Record {
    var key: Key
    var type: UInt8
    var value: [UInt8]
    var expiry: Int64?
    var version: RDBVersion

    func digest(_ digester: KeyDigester) throws -> ValueDigest {
        try digester.value(type: type, value: value.span.bytes, version: version)
    }

    func sum(_ digester: KeyDigester) throws -> RecordDigest {
        try digester.record(
            database: Int(key.database), key: key.name.span.bytes, expiry: expiry, type: type,
            value: value.span.bytes, version: version)
    }
}

enum Fixture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static func bytes(_ server: String, _ name: String = "all.rdb") throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent("fixtures/\(server)/\(name)")))
    }

    static func records(_ server: String) throws -> [Record] {
        var parser = RDBStreamParser()
        var collector = Collector()
        let bytes = try bytes(server)
        _ = try parser.feed(bytes.span.bytes, into: &collector)
        try parser.finish()
        return collector.records
    }

    /// The ground truth of each key, without what is no user data, or only another way to say the same.
    static func truth(_ server: String, withHistory: Bool) throws -> [Key: NSDictionary] {
        let file = try JSONSerialization.jsonObject(with: Data(try bytes(server, "all.json"))) as? [String: Any]
        var truth: [Key: NSDictionary] = [:]
        for key in file?["keys"] as? [[String: Any]] ?? [] {
            guard let name = (key["key_b64"] as? String).flatMap({ Data(base64Encoded: $0) }),
                let database = key["db"] as? UInt64, let type = key["type"] as? String
            else { continue }
            var value = key["value"] as Any
            if type == "zset" { value = (value as? [[Any]] ?? []).map { [$0[0], $0[2]] } }
            if type == "stream", let stream = value as? [String: Any] { value = plain(stream, withHistory) }
            truth[Key(database: database, name: [UInt8](name))] = [
                "type": type, "value": value, "expiry": key["expire_ms"] as Any,
            ]
        }
        return truth
    }

    private static func plain(_ stream: [String: Any], _ withHistory: Bool) -> [String: Any] {
        var stream = stream
        stream["recorded_first_entry_id"] = nil
        if !withHistory {
            stream["entries_added"] = nil
            stream["max_deleted_entry_id"] = nil
        }
        let groups = (stream["groups"] as? [[String: Any]] ?? []).map { group -> [String: Any] in
            var group = group
            if !withHistory { group["entries_read"] = nil }
            group["lag"] = nil
            let consumers = (group["consumers"] as? [[String: Any]] ?? []).map { consumer -> [String: Any] in
                var consumer = consumer
                consumer["seen_time"] = nil
                consumer["active_time"] = nil
                return consumer
            }
            group["consumers"] = consumers.sorted { "\($0["name"] ?? "")" < "\($1["name"] ?? "")" }
            return group
        }
        stream["groups"] = groups
        return stream
    }
}

private struct Collector: RDBVisitor {
    var records: [Record] = []
    private var version = RDBVersion(family: .redis, number: 1)
    private var database: UInt64 = 0

    mutating func header(_ version: RDBVersion) { self.version = version }
    mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    mutating func database(_ index: UInt64) { database = index }
    mutating func sizes(keys: UInt64, expiries: UInt64) {}
    mutating func function(_ code: RawSpan) {}
    mutating func record(_ record: borrowing RDBRecord) {
        records.append(
            Record(
                key: Key(database: database, name: array(record.key)), type: record.type, value: array(record.value),
                expiry: record.expiry, version: version))
    }
}

func array(_ span: RawSpan) -> [UInt8] { span.withUnsafeBytes { [UInt8]($0) } }
