import COpenSSL
import Foundation

/// A value as a server's own commands tell it, and as the ground truth of the fixtures has it from them.
enum NativeValue: Hashable, Sendable {
    case string(Blob)
    case list([Blob])
    /// Sorted.
    case set([Blob])
    /// In the server's order.
    case sortedSet([ScoredMember])
    /// Sorted by field.
    case hash([HashField])
    case stream(NativeStream)
    case vectorSet(elements: Int64, dimensions: Int64)

    struct ScoredMember: Hashable, Sendable {
        let member: Blob
        /// The bits of the score.
        let score: UInt64
    }

    struct HashField: Hashable, Sendable {
        let field: Blob
        let value: Blob
        /// Milliseconds since 1970; `nil` for none, or where the server knows none.
        var expiry: Int64?
    }
}

/// Bytes as the ground truth has them: as base64, from 2,049 on as length and SHA-256.
struct Blob: Hashable, Comparable, Sendable, CustomStringConvertible {
    let description: String

    init(_ bytes: [UInt8]) {
        description =
            bytes.count <= 2048
            ? Data(bytes).base64EncodedString() : Self.description(count: bytes.count, sha256: Self.sha256(bytes))
    }

    static func < (left: Blob, right: Blob) -> Bool { left.description < right.description }

    private static func description(count: Int, sha256: String) -> String { "\(count) bytes with SHA-256 \(sha256)" }

    private static func sha256(_ bytes: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        EVP_Digest(bytes, bytes.count, &digest, &length, EVP_sha256(), nil)
        return digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// A stream as XRANGE and XINFO STREAM FULL tell it.
struct NativeStream: Hashable, Sendable, Decodable {
    struct Entry: Hashable, Sendable {
        let id: String
        /// Field, value, field, value, …
        let fields: [Blob]
    }

    struct Pending: Hashable, Sendable {
        let id: String
        let consumer: Blob
        /// Milliseconds since 1970.
        let deliveryTime: Int64
        let deliveryCount: Int64
    }

    struct Consumer: Hashable, Sendable, Decodable {
        let name: Blob
        let seenTime: Int64
        /// From Redis 7.2 on.
        var activeTime: Int64?
        let pelCount: Int64
    }

    struct Group: Hashable, Sendable, Decodable {
        let name: Blob
        let lastDeliveredId: String
        let pending: Int64
        /// From Redis 7.0 on; `nil` also where the server does not know it.
        var entriesRead: Int64?
        let pel: [Pending]
        /// Sorted by name, as servers differ in their order.
        var consumers: [Consumer]
    }

    let length: Int64
    let lastId: String
    let entries: [Entry]
    /// This and the next two from Redis 7.0 on.
    var maxDeletedEntryId: String?
    var entriesAdded: Int64?
    var recordedFirstEntryId: String?
    /// Sorted by name.
    var groups: [Group]

    /// With groups and consumers in an order of their own.
    var sorted: NativeStream {
        var stream = self
        stream.groups.sort { $0.name < $1.name }
        for index in stream.groups.indices { stream.groups[index].consumers.sort { $0.name < $1.name } }
        return stream
    }
}

// MARK: - From the ground truth

extension Blob: Decodable {
    private enum CodingKeys: String, CodingKey { case len, sha256 }

    init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            description = text
        } else {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            description = Self.description(
                count: try container.decode(Int.self, forKey: .len),
                sha256: try container.decode(String.self, forKey: .sha256))
        }
    }
}

extension NativeValue.ScoredMember: Decodable {
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        member = try container.decode(Blob.self)
        _ = try container.decode(String.self)
        score = UInt64(try container.decode(String.self), radix: 16) ?? 0
    }
}

extension NativeValue.HashField: Decodable {
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        field = try container.decode(Blob.self)
        value = try container.decode(Blob.self)
        expiry = try container.decodeIfPresent(Int64.self)
    }
}

extension NativeStream.Entry: Decodable {
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        id = try container.decode(String.self)
        fields = try container.decode([Blob].self)
    }
}

extension NativeStream.Pending: Decodable {
    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        id = try container.decode(String.self)
        consumer = try container.decode(Blob.self)
        deliveryTime = try container.decode(Int64.self)
        deliveryCount = try container.decode(Int64.self)
    }
}
