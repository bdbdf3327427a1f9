import COpenSSL
import Foundation

@testable import RDBParser

/// JSON of any shape.
indirect enum JSON: Decodable, Hashable {
    case null
    case number(Int64)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let number = try? container.decode(Int64.self) {
            self = .number(number)
        } else if let string = try? container.decode(String.self) {
            self = .string(string)
        } else if let array = try? container.decode([JSON].self) {
            self = .array(array)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    subscript(name: String) -> JSON { if case .object(let fields) = self { fields[name] ?? .null } else { .null } }

    var array: [JSON] { if case .array(let elements) = self { elements } else { [] } }
}

/// Values in the shapes of the ground truth, as far as it says: bytes as base64, from 2,049 on as length and SHA-256.
enum Truth {
    static func blob(_ bytes: [UInt8]) -> JSON {
        bytes.count <= 2048
            ? .string(Data(bytes).base64EncodedString())
            : .object(["len": .number(Int64(bytes.count)), "sha256": .string(sha256(bytes))])
    }

    static func sha256(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// What the server said, without what is only another way to say it (scores as text).
    static func expected(_ value: JSON, type: String) -> JSON {
        switch type {
        case "zset": .array(value.array.map { .array([$0.array[0], $0.array[2]]) })
        case "stream": stream(value)
        default: value
        }
    }

    static func json(_ value: Value) -> JSON {
        switch value {
        case .string(let bytes): blob(bytes)
        case .list(let elements), .set(let elements): .array(elements.map(blob))
        case .sortedSet(let members):
            .array(
                members.map {
                    let hex = String($0.score.bitPattern, radix: 16)
                    return .array([
                        blob($0.member), .string(String(repeating: "0", count: 16 - hex.count) + hex),
                    ])
                })
        case .hash(let fields):
            .array(fields.map { .array([blob($0.field), blob($0.value), $0.expiry.map { .number($0) } ?? .null]) })
        case .stream(let stream): json(stream)
        case .module(let module): .string(module.type.name)
        }
    }

    private static func stream(_ value: JSON) -> JSON {
        guard case .object(var fields) = value else { return value }
        fields["groups"] = .array(
            fields["groups"]?.array.map { group in
                guard case .object(var fields) = group else { return group }
                fields["consumers"] = sorted(fields["consumers"]?.array ?? [])
                if fields["entries_read"] == nil { fields["entries_read"] = .null }
                return .object(fields)
            } ?? [])
        return .object(fields)
    }

    private static func json(_ stream: StreamValue) -> JSON {
        var fields: [String: JSON] = [
            "length": .number(Int64(stream.metadata.length)),
            "last_id": .string(stream.metadata.lastID.description),
            "entries": .array(
                stream.entries.map { .array([.string($0.id.description), .array($0.fields.map(blob))]) }),
            "groups": .array(stream.groups.map(json)),
        ]
        if let history = stream.metadata.history {
            fields["max_deleted_entry_id"] = .string(history.greatestDeletedID.description)
            fields["entries_added"] = .number(Int64(history.entriesAdded))
            fields["recorded_first_entry_id"] = .string(history.firstID.description)
        }
        return .object(fields)
    }

    private static func json(_ group: StreamValue.Group) -> JSON {
        let pending = group.pending.map { pending -> JSON in
            let owner = group.consumers.first { $0.owned.contains(pending.id) }
            return .array([
                .string(pending.id.description), blob(owner?.name ?? []), .number(pending.deliveryTime),
                .number(Int64(pending.deliveryCount)),
            ])
        }
        let consumers = group.consumers.map { consumer -> JSON in
            .object([
                "name": blob(consumer.name), "seen_time": .number(consumer.seenTime),
                "active_time": consumer.activeTime.map { .number($0) } ?? .null,
                "pel_count": .number(Int64(consumer.owned.count)),
            ])
        }
        return .object([
            "name": blob(group.name), "last_delivered_id": .string(group.lastID.description),
            "pending": .number(Int64(group.pending.count)),
            "entries_read": group.entriesRead.map { .number($0) } ?? .null, "pel": .array(pending),
            "consumers": sorted(consumers),
        ])
    }

    private static func sorted(_ consumers: [JSON]) -> JSON {
        .array(consumers.sorted { "\($0["name"])" < "\($1["name"])" })
    }
}
