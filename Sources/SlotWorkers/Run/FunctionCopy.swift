internal import NIOCore
internal import RESP

/// Copies function libraries: the code of each, to each primary.
struct FunctionCopy: Sendable {
    let onConflict: ConflictPolicy
    let isDryRun: Bool

    /// The libraries of a server, by its own word. Empty where it knows no functions (before 7.0).
    static func list(from connection: Connection) async throws -> [[UInt8]] {
        let reply = try await connection.send("FUNCTION", "LIST", "WITHCODE")
        if let error = reply.error {
            if error.code == "NOPERM" { throw RunError(.connection, "function libraries were not read: \(error)") }
            return []
        }
        var libraries: [[UInt8]] = []
        for library in reply.elements ?? [] {
            let fields = library.elements ?? []
            for index in stride(from: 0, to: fields.count - 1, by: 2) where fields[index].text == "library_code" {
                if let code = fields[index + 1].bytes { libraries.append(Array(code.readableBytesView)) }
            }
        }
        return libraries
    }

    /// Loads libraries into every primary.
    func load(_ libraries: [[UInt8]], into primaries: [Connection], reasons: inout [String]) async throws
        -> FunctionCounts
    {
        var counts = FunctionCounts()
        for code in libraries {
            counts.read += 1
            if isDryRun {
                counts.copied += 1
                continue
            }
            var wasThere = false
            var failure: String?
            for connection in primaries {
                var command: [any CommandArgument] = ["FUNCTION", "LOAD"]
                if onConflict == .replace { command.append("REPLACE") }
                guard let error = try await connection.pipeline([command + [code]])[0].error else { continue }
                if error.message.contains("already exists"), onConflict != .replace {
                    wasThere = true
                } else {
                    failure = "\(connection.endpoint): \(error)"
                }
            }
            switch (failure, wasThere) {
            case (let reason?, _):
                counts.failed += 1
                reasons.append("The function library \(Self.name(of: code)) was not loaded on \(reason)")
            case (nil, true) where onConflict == .error:
                counts.failed += 1
                reasons.append(
                    "The function library \(Self.name(of: code)) exists on the target (--on-conflict error).")
            case (nil, true): counts.existing += 1
            case (nil, false): counts.copied += 1
            }
        }
        return counts
    }

    /// The name in a library's first line, `#!lua name=mylib`.
    private static func name(of code: [UInt8]) -> String {
        let line = String(decoding: code.prefix { $0 != UInt8(ascii: "\n") }.prefix(200), as: UTF8.self)
        guard let start = line.range(of: "name=") else { return "without a name" }
        return "'\(line[start.upperBound...].prefix { !$0.isWhitespace })'"
    }
}

extension StringProtocol {
    /// The first place of `text`; what Foundation would do, without Foundation.
    func range(of text: String) -> Range<Index>? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index..<self.index(index, offsetBy: text.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
