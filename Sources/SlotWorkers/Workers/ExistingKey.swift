internal import RESP

/// Tells whether a key on the target is what a command of ours would have made it.
///
/// The server itself is the judge: the payload is restored under a temporary key in the same slot, and both keys are
/// dumped. No encoding has to be understood for it.
struct ExistingKey: Sendable {
    let connection: Connection
    let temporaryKey: TemporaryKey

    /// How long the temporary key lives if we do not.
    private static let lifetime = "60000"

    /// - Parameter command: A `SET` or `RESTORE` as ``Batch`` encodes it.
    func equals(_ command: EncodedCommand) async throws -> Bool {
        let arguments = command.arguments
        guard arguments.count >= 3 else { return false }
        let key = arguments[1]
        let mine = temporaryKey.name(in: HashSlot(key: key), purpose: ":equal")
        let make: [[UInt8]]
        switch command.name {
        case "SET": make = [Array("SET".utf8), mine, arguments[2], Array("PX".utf8), Array(Self.lifetime.utf8)]
        case "RESTORE" where arguments.count >= 4:
            make = [Array("RESTORE".utf8), mine, Array(Self.lifetime.utf8), arguments[3], Array("REPLACE".utf8)]
        default: return false
        }
        let replies = try await connection.pipeline(bytes: [
            make, [Array("DUMP".utf8), mine], [Array("DUMP".utf8), key], [Array("PEXPIRETIME".utf8), key],
            [Array("UNLINK".utf8), mine],
        ])
        guard replies.count == 5, replies[0].error == nil, let ours = replies[1].bytes, let theirs = replies[2].bytes
        else { return false }
        return ours == theirs && replies[3].integer == expiry(of: command)
    }

    /// The expiry that a command sets, as `PEXPIRETIME` tells it.
    private func expiry(of command: EncodedCommand) -> Int64 {
        let words = command.arguments.map { String(decoding: $0, as: UTF8.self) }
        if command.name == "SET" {
            guard let flag = words.lastIndex(of: "PXAT"), flag > 2, flag + 1 < words.count else { return -1 }
            return Int64(words[flag + 1]) ?? -1
        }
        return words.dropFirst(4).contains("ABSTTL") ? Int64(words[2]) ?? -1 : -1
    }
}
