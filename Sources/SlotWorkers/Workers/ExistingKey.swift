internal import RESP

/// Tells whether keys on the target are what commands of ours would have made them.
///
/// The server itself is the judge: the payload is restored under a temporary key in the same slot, and both keys are
/// dumped. No encoding has to be understood for it.
struct ExistingKey: Sendable {
    let connection: Connection
    let temporaryKey: TemporaryKey

    /// How long the temporary key lives if we do not.
    private static let lifetime = "60000"

    /// Bytes of commands that are asked about at once: each value comes back twice.
    private static let bytesAtOnce = 1 << 20

    /// For each command, whether its key is what it would have made it.
    ///
    /// - Parameter commands: `SET`s and `RESTORE`s as ``Batch`` encodes them, all of the selected database.
    func equal(_ commands: [EncodedCommand]) async throws -> [Bool] {
        var results: [Bool] = []
        var start = 0
        while start < commands.count {
            var end = start
            var bytes = 0
            repeat {
                bytes += commands[end].arguments.reduce(0) { $0 + $1.count }
                end += 1
            } while end < commands.count && bytes < Self.bytesAtOnce
            results.append(contentsOf: try await compare(commands[start..<end]))
            start = end
        }
        return results
    }

    private func compare(_ commands: ArraySlice<EncodedCommand>) async throws -> [Bool] {
        let questions = commands.map(questions)
        let replies = try await connection.pipeline(bytes: questions.flatMap { $0 })
        var answers = replies[...]
        return zip(commands, questions).map { command, asked in
            let reply = Array(answers.prefix(asked.count))
            answers = answers.dropFirst(asked.count)
            guard reply.count == 5, reply[0].error == nil, let ours = reply[1].bytes, let theirs = reply[2].bytes else {
                return false
            }
            return ours == theirs && reply[3].integer == expiry(of: command)
        }
    }

    /// What to ask about a command; nothing where it cannot be compared.
    private func questions(_ command: EncodedCommand) -> [[[UInt8]]] {
        let arguments = command.arguments
        guard arguments.count >= 3 else { return [] }
        let key = arguments[1]
        let mine = temporaryKey.name(in: HashSlot(key: key), purpose: ":equal")
        let make: [[UInt8]]
        switch command.name {
        case "SET": make = [Array("SET".utf8), mine, arguments[2], Array("PX".utf8), Array(Self.lifetime.utf8)]
        case "RESTORE" where arguments.count >= 4:
            make = [Array("RESTORE".utf8), mine, Array(Self.lifetime.utf8), arguments[3], Array("REPLACE".utf8)]
        default: return []
        }
        return [
            make, [Array("DUMP".utf8), mine], [Array("DUMP".utf8), key], [Array("PEXPIRETIME".utf8), key],
            [Array("UNLINK".utf8), mine],
        ]
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
