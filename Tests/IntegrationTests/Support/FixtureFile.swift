import Foundation
import TestServers

/// An RDB file of a real server, with what that server says that it holds.
struct FixtureFile: Sendable {
    struct Key: Sendable {
        let database: Int
        let name: [UInt8]
        let rdbType: UInt8
        /// Milliseconds since 1970.
        let expiry: Int64?
        /// Seconds since it was used, and how often it was, where the file says so.
        let idleSeconds: Int64?
        let frequency: Int64?
        let value: NativeValue

        /// For messages.
        var title: String { "\(database):\(String(decoding: name.prefix(60), as: UTF8.self).debugDescription)" }
    }

    private struct Truth: Decodable {
        let functionsB64: [Data]?
        let keys: [Key]
    }

    /// Such as `redis-7.0.15`.
    let server: String
    let path: String
    let keys: [Key]
    /// The code of its function libraries.
    let functions: Set<[UInt8]>

    /// The servers whose files lie in `fixtures`.
    static let servers = [
        "redis-6.2.14", "redis-7.0.15", "redis-7.4.1", "redis-8.6.3", "valkey-8.0.1", "valkey-9.1.2",
    ]

    /// A file that has every type and encoding of its server.
    static func all(of server: String) throws -> FixtureFile { try FixtureFile(server, "all") }

    init(_ server: String, _ name: String) throws {
        self.server = server
        let base = "\(TestFolder.package)/fixtures/\(server)/\(name)"
        path = base + ".rdb"
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let truth = try decoder.decode(Truth.self, from: Data(contentsOf: URL(fileURLWithPath: base + ".json")))
        keys = truth.keys
        functions = Set((truth.functionsB64 ?? []).map { [UInt8]($0) })
    }
}

extension FixtureFile.Key: Decodable {
    private enum CodingKeys: String, CodingKey {
        case db, keyB64, type, rdbType, expireMs, lruIdleS, lfuFreq, value
    }

    private enum VectorSetKeys: String, CodingKey { case card, dim }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        database = try container.decode(Int.self, forKey: .db)
        name = [UInt8](try container.decode(Data.self, forKey: .keyB64))
        rdbType = try container.decode(UInt8.self, forKey: .rdbType)
        expiry = try container.decodeIfPresent(Int64.self, forKey: .expireMs)
        idleSeconds = try container.decodeIfPresent(Int64.self, forKey: .lruIdleS)
        frequency = try container.decodeIfPresent(Int64.self, forKey: .lfuFreq)
        func read<T: Decodable>(_: T.Type = T.self) throws -> T { try container.decode(T.self, forKey: .value) }
        let type = try container.decode(String.self, forKey: .type)
        switch type {
        case "string": value = .string(try read())
        case "list": value = .list(try read())
        case "set": value = .set(try read([Blob].self).sorted())
        case "zset": value = .sortedSet(try read())
        case "hash": value = .hash(try read([NativeValue.HashField].self).sorted { $0.field < $1.field })
        case "stream": value = .stream(try read(NativeStream.self).sorted)
        case "vectorset":
            let fields = try container.nestedContainer(keyedBy: VectorSetKeys.self, forKey: .value)
            value = .vectorSet(
                elements: try fields.decode(Int64.self, forKey: .card),
                dimensions: try fields.decode(Int64.self, forKey: .dim))
        default: throw TestError("the ground truth has a value of type \(type)")
        }
    }
}
