import TestServers

/// Reads everything that a server holds by its native commands: no DUMP, none of our own parsing.
struct NativeReader {
    struct Key: Hashable {
        let database: Int
        let name: [UInt8]
    }

    struct Found {
        let value: NativeValue
        /// Milliseconds since 1970: one number where the server tells it, else between which two it must be.
        let expiry: ClosedRange<Int64>?
        /// OBJECT IDLETIME and OBJECT FREQ; `nil` where the server's policy keeps no such figure.
        let idleSeconds: Int64?
        let frequency: Int64?
    }

    private let client: TestClient
    private let knowsExpiryTime: Bool
    private let knowsFieldExpiry: Bool

    init(_ server: TestServer) throws {
        client = try server.client()
        let format = ServerFormat(server.name)
        knowsExpiryTime = format.version >= 10
        knowsFieldExpiry = format.knowsFieldExpiry
    }

    /// Every key of every database.
    func everything() throws -> [Key: Found] {
        var found: [Key: Found] = [:]
        for name in try client.info("keyspace").keys {
            guard name.hasPrefix("db"), let database = Int(name.dropFirst(2)) else { continue }
            try client.require("SELECT", String(database))
            for key in try client.require("KEYS", "*").elements.compactMap(\.bytes) {
                found[Key(database: database, name: key)] = try read(key)
            }
        }
        return found
    }

    /// The code of the function libraries.
    func functions() throws -> Set<[UInt8]> {
        Set(try client.require("FUNCTION", "LIST", "WITHCODE").elements.compactMap { $0["library_code"]?.bytes })
    }

    private func read(_ key: [UInt8]) throws -> Found {
        // Before anything that counts as use.
        let idle = try command("OBJECT", "IDLETIME", key).integer
        let frequency = try command("OBJECT", "FREQ", key).integer
        return Found(value: try value(of: key), expiry: try expiry(of: key), idleSeconds: idle, frequency: frequency)
    }

    private func expiry(of key: [UInt8]) throws -> ClosedRange<Int64>? {
        if knowsExpiryTime {
            let time = try command("PEXPIRETIME", key).integer ?? -2
            return time == -1 ? nil : time...time
        }
        let replies = try client.pipeline(
            [["MULTI"], ["TIME"], ["PTTL"], ["TIME"], ["EXEC"]].map { words in
                words.map { Array($0.utf8) } + (words == ["PTTL"] ? [key] : [])
            })[4].elements
        guard replies.count == 3, let left = replies[1].integer else { throw TestError("no PTTL: \(replies)") }
        return left == -1 ? nil : (Self.milliseconds(replies[0]) + left)...(Self.milliseconds(replies[2]) + left)
    }

    private static func milliseconds(_ time: TestReply) -> Int64 {
        let parts = time.elements.compactMap { Int64($0.text ?? "") }
        return parts.count == 2 ? parts[0] * 1000 + parts[1] / 1000 : 0
    }

    private func value(of key: [UInt8]) throws -> NativeValue {
        let type = try command("TYPE", key).text ?? ""
        switch type {
        case "string": return .string(Blob(try command("GET", key).bytes ?? []))
        case "list": return .list(try command("LRANGE", key, "0", "-1").blobs)
        case "set": return .set(try command("SMEMBERS", key).blobs.sorted())
        case "zset": return .sortedSet(try sortedSet(key))
        case "hash": return .hash(try hash(key))
        case "stream": return .stream(try stream(key))
        case "vectorset":
            return .vectorSet(
                elements: try command("VCARD", key).integer ?? -1, dimensions: try command("VDIM", key).integer ?? -1)
        default: throw TestError("a key of type \(type)")
        }
    }

    private func sortedSet(_ key: [UInt8]) throws -> [NativeValue.ScoredMember] {
        let replies = try command("ZRANGE", key, "0", "-1", "WITHSCORES").elements
        return try stride(from: 0, to: replies.count, by: 2).map { index in
            // Servers write as many digits as it takes to read the same bits again.
            guard let score = Double(replies[index + 1].text ?? "") else { throw TestError("a score: \(replies)") }
            return NativeValue.ScoredMember(member: replies[index].blob, score: score.bitPattern)
        }
    }

    private func hash(_ key: [UInt8]) throws -> [NativeValue.HashField] {
        let replies = try command("HGETALL", key).elements
        let names = stride(from: 0, to: replies.count, by: 2).compactMap { replies[$0].bytes }
        var expiries = [Int64?](repeating: nil, count: names.count)
        if knowsFieldExpiry {
            let count = Array(String(names.count).utf8)
            let words = ["HPEXPIRETIME", "FIELDS"].map { Array($0.utf8) }
            let answer = try client.command([words[0], key, words[1], count] + names)
            guard answer.elements.count == names.count else { throw TestError("HPEXPIRETIME: \(answer)") }
            expiries = answer.elements.map { $0.integer == -1 ? nil : $0.integer }
        }
        return names.indices.map { index in
            NativeValue.HashField(
                field: Blob(names[index]), value: replies[2 * index + 1].blob, expiry: expiries[index])
        }.sorted { $0.field < $1.field }
    }

    private func stream(_ key: [UInt8]) throws -> NativeStream {
        let full = try command("XINFO", "STREAM", key, "FULL", "COUNT", "0")
        let entries = try command("XRANGE", key, "-", "+").elements.map { entry in
            NativeStream.Entry(id: entry.elements[0].text ?? "", fields: entry.elements[1].blobs)
        }
        return NativeStream(
            length: full["length"]?.integer ?? -1, lastId: full["last-generated-id"]?.text ?? "", entries: entries,
            maxDeletedEntryId: full["max-deleted-entry-id"]?.text, entriesAdded: full["entries-added"]?.integer,
            recordedFirstEntryId: full["recorded-first-entry-id"]?.text,
            groups: try (full["groups"]?.elements ?? []).map { try group($0, of: key) }
        ).sorted
    }

    /// A group by XINFO STREAM FULL, whose pending entries must be those that XPENDING tells.
    private func group(_ reply: TestReply, of key: [UInt8]) throws -> NativeStream.Group {
        let name = reply["name"]?.bytes ?? []
        // The name of the list differs between versions.
        let pel = (reply["pending"] ?? reply["pel"])?.elements.map { pending in
            NativeStream.Pending(
                id: pending.elements[0].text ?? "", consumer: pending.elements[1].blob,
                deliveryTime: pending.elements[2].integer ?? -1, deliveryCount: pending.elements[3].integer ?? -1)
        }
        let extended = try command("XPENDING", key, name, "-", "+", "100000").elements.map { pending in
            [pending.elements[0].text, pending.elements[1].blob.description, pending.elements[3].text]
        }
        guard extended == pel?.map({ [$0.id, $0.consumer.description, String($0.deliveryCount)] }) else {
            throw TestError("XPENDING and XINFO differ: \(extended) and \(reply)")
        }
        return NativeStream.Group(
            name: Blob(name), lastDeliveredId: reply["last-delivered-id"]?.text ?? "",
            pending: reply["pel-count"]?.integer ?? -1, entriesRead: reply["entries-read"]?.integer, pel: pel ?? [],
            consumers: reply["consumers"]?.elements.map { consumer in
                NativeStream.Consumer(
                    name: consumer["name"]?.blob ?? Blob([]), seenTime: consumer["seen-time"]?.integer ?? -1,
                    activeTime: consumer["active-time"]?.integer, pelCount: consumer["pel-count"]?.integer ?? -1)
            } ?? [])
    }

    /// Sends a command of words and keys.
    private func command(_ arguments: any CommandWord...) throws -> TestReply {
        try client.command(arguments.map(\.commandBytes))
    }
}

private protocol CommandWord {
    var commandBytes: [UInt8] { get }
}

extension String: CommandWord {
    fileprivate var commandBytes: [UInt8] { Array(utf8) }
}

extension [UInt8]: CommandWord {
    fileprivate var commandBytes: [UInt8] { self }
}

extension TestReply {
    fileprivate var blob: Blob { Blob(bytes ?? []) }
    fileprivate var blobs: [Blob] { elements.map(\.blob) }

    /// The value behind a name, where names and values alternate.
    fileprivate subscript(name: String) -> TestReply? {
        let elements = elements
        for index in stride(from: 0, to: elements.count - 1, by: 2) where elements[index].text == name {
            return elements[index + 1]
        }
        return nil
    }
}
