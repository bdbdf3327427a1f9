internal import NIOCore
internal import RDBParser
internal import RESP

/// Reads a key's value in pages, without `DUMP`: what it passes on is what `ValueDecoder` passes on for the same value.
///
/// Memory is bounded by three pages of about `limits.bytes`, and by the largest element that is no string key's value (one
/// element comes whole). The pages are of different moments: two readings that are equal are of a value that did not change
/// between the end of the first and the beginning of the second.
///
/// Where it differs from `DUMP`: the order of what has none; fields that have expired are left out; so are a stream's
/// deleted entries; the IDs that Redis 8.6 keeps about producers cannot be read by any command
/// (``Reading/lacksProducerIDs``); delivery times of pending entries that `XINFO STREAM FULL` does not show (those behind
/// the first ones of a long list) come from their idle time: exact by an anchor since 7.0, within a millisecond before.
struct BigValueReader {
    /// What a server understands.
    struct Abilities: Sendable {
        var tellsExpiryTime = true
        /// Fields with expiry: Redis since 7.4, Valkey since 9.0.
        var tellsFieldExpiries = false
        /// `XINFO STREAM … FULL`: since 6.0.
        var showsStreamInFull = true
    }

    /// A value that was read to its end.
    struct Reading: Sendable {
        var digest: ValueDigest
        /// Absolute milliseconds by the source's clock; `nil` for none.
        var expiry: Int64?
        /// Whether the stream holds IDs of producers, which were not passed on.
        var lacksProducerIDs = false
        /// The source's clock at the end.
        var time: Int64

        /// Elements that were read; bytes of a string.
        var count: UInt64 { digest.count }

        func equals(_ other: Reading) -> Bool {
            digest.equals(other.digest, now: max(time, other.time)) && lacksProducerIDs == other.lacksProducerIDs
        }
    }

    /// Strings are passed on in pieces of at most so many bytes.
    static let pieceBytes = 64 << 10

    let link: PageLink
    let abilities: Abilities
    let limits: PageSize.Limits
    private let dialect: DumpDialect

    /// - Parameter limits: Default: those of the link.
    init(link: PageLink, abilities: Abilities, limits: PageSize.Limits? = nil) {
        self.link = link
        self.abilities = abilities
        self.limits = limits ?? link.limits
        dialect = DumpDialect(tellsExpiryTime: abilities.tellsExpiryTime, eviction: .none)
    }

    /// What a key is.
    ///
    /// - Returns: `nil` for one that is gone; `.module` for what cannot be read in pages.
    func kind(of key: [UInt8]) async throws -> ValueKind? {
        let answer = try await ask([["TYPE", key]], keys: 1)
        return try answer.read { cursor throws(BigValueError) -> ValueKind? in
            let text = try cursor.text()
            return text == "none" ? nil : ValueKind(typeName: text)
        }
    }

    /// The source's clock, in milliseconds.
    func time() async throws -> Int64 {
        let answer = try await ask([["TIME"]])
        return try answer.read { cursor throws(BigValueError) in try cursor.time() }
    }

    /// Reads the whole value once.
    ///
    /// - Parameters:
    ///   - kind: By ``kind(of:)``; not a module.
    ///   - start: The source's time when the first of the readings that are to be compared began.
    ///   - betweenPages: Waits until there is room for more; what it throws ends the reading.
    /// - Returns: `nil` when the key is gone; the visitor may have got a part of it then.
    /// - Throws: `BigValueError`; after anything thrown the link is of no more use.
    func read<V: ValueVisitor & ~Copyable>(
        _ key: [UInt8], kind: ValueKind, start: Int64, into visitor: inout V,
        betweenPages: (inout V) async throws -> Void
    ) async throws -> Reading? {
        var digest = ValueDigest(start: start)
        digest.begin(kind, count: nil)
        visitor.begin(kind, count: nil)
        var isThere = true
        var lacksProducerIDs = false
        switch kind {
        case .string: isThere = try await readString(key, &digest, &visitor, betweenPages)
        case .list: try await readList(key, &digest, &visitor, betweenPages)
        case .set, .sortedSet, .hash: try await readTable(key, kind, &digest, &visitor, betweenPages)
        case .stream:
            let state = try await readStream(key, &digest, &visitor, betweenPages)
            isThere = state != nil
            lacksProducerIDs = state?.lacksProducerIDs == true
        case .module: throw BigValueError(.refused, "a module's value cannot be read in parts")
        }
        guard isThere, let (expiry, time) = try await expiry(of: key) else { return nil }
        digest.end()
        visitor.end()
        return Reading(digest: digest, expiry: expiry, lacksProducerIDs: lacksProducerIDs, time: time)
    }

    /// The key's expiry and the source's time; `nil` when the key is gone.
    func expiry(of key: [UInt8]) async throws -> (expiry: Int64?, time: Int64)? {
        let answer = try await ask([
            ["MULTI"], ["TIME"], [abilities.tellsExpiryTime ? "PEXPIRETIME" : "PTTL", key], ["EXEC"],
        ])
        return try answer.read { cursor throws(BigValueError) -> (expiry: Int64?, time: Int64)? in
            try cursor.transaction(of: 2)
            let time = try cursor.time()
            let reply = try cursor.integer()
            return reply == -2 ? nil : (dialect.expiry(reply, time: time), time)
        }
    }

    // MARK: Questions

    /// Sends commands, and waits for all replies.
    func ask(_ commands: [[any CommandArgument]], keys: Int = 0) async throws -> Answer {
        Answer(bytes: try await send(commands, keys: keys).get())
    }

    /// Sends commands; the answer is waited for later, while the page before it is passed on.
    ///
    /// - Parameter keys: How many keys begin to be read with them.
    func send(_ commands: [[any CommandArgument]], keys: Int = 0) -> EventLoopFuture<ByteBuffer> {
        var buffer = ByteBuffer()
        for command in commands { CommandEncoder.write(command, to: &buffer) }
        return link.exchange(buffer, replies: commands.count, keys: keys)
    }
}

extension ValueKind {
    /// - Parameter typeName: The answer to `TYPE`; one of no known type is a module's.
    init(typeName: String) {
        switch typeName {
        case "string": self = .string
        case "list": self = .list
        case "set": self = .set
        case "zset": self = .sortedSet
        case "hash": self = .hash
        case "stream": self = .stream
        default: self = .module
        }
    }
}

extension BigValueReader.Abilities {
    init(_ facts: ServerFacts) {
        tellsExpiryTime = facts.tellsExpiryTime
        tellsFieldExpiries =
            switch facts.product {
            case .redis: facts.version >= ServerVersion(7, 4)
            case .valkey: facts.version >= ServerVersion(9, 0)
            default: false
            }
        showsStreamInFull = facts.product != .redis || facts.version >= ServerVersion(6, 0)
    }
}
