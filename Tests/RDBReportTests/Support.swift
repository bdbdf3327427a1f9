import COpenSSL
import Foundation
import RDBParser

@testable import RDBReport

/// The servers whose files lie in `fixtures/`, with ground truth that the servers themselves gave.
let servers = ["redis-6.2.14", "redis-7.0.15", "redis-7.4.1", "redis-8.6.3", "valkey-8.0.1", "valkey-9.1.2"]

/// The files of each server.
let files = ["all", "empty", "expired", "lfu", "lru", "nocompress"]

enum Fixture {
    static func bytes(_ server: String, _ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("fixtures")
        return [UInt8](try Data(contentsOf: folder.appendingPathComponent(server).appendingPathComponent(name)))
    }

    /// The object that says what a file holds.
    static func truth(_ server: String, _ file: String) throws -> JSON {
        JSON(try JSONSerialization.jsonObject(with: Data(try bytes(server, file + ".json"))))
    }
}

/// JSON of any shape.
indirect enum JSON: Hashable, CustomStringConvertible {
    case null
    case number(Int64)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(_ value: Any) {
        switch value {
        case let text as String: self = .string(text)
        case let number as NSNumber: self = .number(number.int64Value)
        case let array as [Any]: self = .array(array.map { JSON($0) })
        case let object as [String: Any]: self = .object(object.mapValues { JSON($0) })
        default: self = .null
        }
    }

    subscript(name: String) -> JSON {
        get { if case .object(let fields) = self { fields[name] ?? .null } else { .null } }
        set {
            guard case .object(var fields) = self else { return }
            fields[name] = newValue == .null ? nil : newValue
            self = .object(fields)
        }
    }

    var array: [JSON] { if case .array(let elements) = self { elements } else { [] } }
    var text: String { if case .string(let text) = self { text } else { "" } }
    var int: Int { if case .number(let number) = self { Int(number) } else { -1 } }

    var description: String {
        switch self {
        case .null: "null"
        case .number(let number): "\(number)"
        case .string(let text): "\"\(text)\""
        case .array(let elements): "\(elements)"
        case .object(let fields): "{\(fields.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" })}"
        }
    }
}

/// Reads a whole input with `reader`, in chunks of a size.
func read<Reader: StreamReader & ~Copyable>(
    _ bytes: [UInt8], chunk: Int = 1 << 20, by reader: consuming Reader
) throws(RDBError) -> StreamFeed<Reader> {
    var feed = StreamFeed(reader)
    var position = 0
    while position < bytes.count, !feed.isFinished {
        let end = min(bytes.count, position + chunk)
        try feed.feed(bytes.span.bytes.extracting(position..<end))
        position = end
    }
    try feed.finish()
    return feed
}

/// Notes how much another reader is given at once.
struct Watched<Reader: StreamReader & ~Copyable>: StreamReader, ~Copyable {
    var reader: Reader
    private(set) var largest = 0

    init(_ reader: consuming Reader) { self.reader = reader }

    mutating func read(_ chunk: RawSpan, by parser: inout RDBStreamParser) throws(RDBError) -> Int {
        largest = max(largest, chunk.byteCount)
        return try reader.read(chunk, by: &parser)
    }
}

/// What was exported as JSON lines.
struct Lines {
    var text: [UInt8] = []
    var tally = ExportTally()

    init(_ bytes: [UInt8], chunk: Int = 1 << 20, wholeUpTo: Int = 1 << 20) throws {
        var feed = try read(bytes, chunk: chunk, by: JSONLinesWriter(wholeUpTo: wholeUpTo))
        feed.reader.drain { span in text = Array(copying: span) }
        tally = feed.reader.tally
    }

    /// Each line as JSON, as `JSONSerialization` understands it.
    func objects() throws -> [JSON] {
        try text.split(separator: UInt8(ascii: "\n")).map {
            JSON(try JSONSerialization.jsonObject(with: Data($0)))
        }
    }
}

/// Both sides in one form: what has no order sorted, long strings as length and SHA-256.
enum Canonical {
    /// A value in the shape of the ground truth, with strings of more than 2,048 bytes as it has them.
    static func exported(_ value: JSON, type: String) -> JSON {
        switch type {
        case "string": return blob(value)
        case "list": return .array(value.array.map(blob))
        case "set": return sorted(value.array.map(blob))
        case "zset": return sorted(value.array.map { .array([blob($0.array[0]), $0.array[2]]) })
        case "hash": return sorted(value.array.map { .array([blob($0.array[0]), blob($0.array[1]), $0.array[2]]) })
        case "stream":
            var stream = value
            stream["idmp"] = .null
            stream["entries"] = .array(
                value["entries"].array.map { .array([$0.array[0], .array($0.array[1].array.map(blob))]) })
            return groupsSorted(stream)
        default: return .null
        }
    }

    static func expected(_ value: JSON, type: String) -> JSON {
        switch type {
        case "zset": sorted(value.array.map { .array([$0.array[0], $0.array[2]]) })
        case "set", "hash": sorted(value.array)
        case "string", "list": value
        case "stream": groupsSorted(value)
        default: .null
        }
    }

    private static func groupsSorted(_ stream: JSON) -> JSON {
        var stream = stream
        stream["groups"] = .array(
            stream["groups"].array.map { group in
                var group = group
                group["consumers"] = sorted(group["consumers"].array.map { withoutNull($0, "active_time") })
                return withoutNull(group, "entries_read")
            })
        return stream
    }

    /// What is null on one side may be missing on the other.
    private static func withoutNull(_ object: JSON, _ name: String) -> JSON {
        var object = object
        object[name] = object[name]
        return object
    }

    private static func sorted(_ elements: [JSON]) -> JSON {
        .array(elements.sorted { $0.description < $1.description })
    }

    static func blob(_ value: JSON) -> JSON {
        guard let data = Data(base64Encoded: value.text), data.count > 2048 else { return value }
        return .object(["len": .number(Int64(data.count)), "sha256": .string(sha256([UInt8](data)))])
    }

    private static func sha256(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// An RDB stream of these bytes, with the end and no checksum.
func stream(_ magic: String, _ body: [UInt8]...) -> [UInt8] {
    Array(magic.utf8) + body.flatMap { $0 } + [255] + [UInt8](repeating: 0, count: 8)
}

/// A string with its length in front.
func string(_ bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    RDBWriter.appendString(bytes, to: &output)
    return output
}

/// A record: type byte, key, value.
func record(_ type: UInt8, _ name: String, _ value: [UInt8]) -> [UInt8] { [type] + string(Array(name.utf8)) + value }
