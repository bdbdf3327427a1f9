package import NIOCore

/// One decoded RESP value, for control-level use (the hot paths read their replies without building values).
///
/// RESP2 as in the protocol specification of Redis 5 … Valkey 9; RESP3 types are folded into the RESP2 ones where
/// nothing is lost by it: a set is an array, a map is an array of two-element arrays, a verbatim string is bulk bytes
/// without its format prefix, a blob error is an error. Keys and values stay bytes.
package enum Reply: Sendable, Hashable {
    /// `+…`, without its line end.
    case simple(ByteBuffer)
    /// `-…` and RESP3's `!…`: what the server refused.
    case error(ServerError)
    /// `:…`
    case integer(Int64)
    /// `$…` and RESP3's `=…`, binary safe.
    case bulk(ByteBuffer)
    /// `*…`, RESP3's `~…`, and `%…` as an array of pairs.
    case array([Reply])
    /// `$-1`, `*-1`, RESP3's `_`.
    case null
    /// RESP3's `#t`, `#f`.
    case boolean(Bool)
    /// RESP3's `,…`
    case double(Double)
    /// RESP3's `(…`: decimal digits with an optional sign.
    case bigNumber(ByteBuffer)
    /// RESP3's `>…`: not the answer to a command.
    case push([Reply])

    /// `+OK`.
    package static let ok = Reply.simple(ByteBuffer(string: "OK"))
}

extension Reply {
    /// The bytes of a simple or a bulk string; `nil` for everything else.
    package var bytes: ByteBuffer? {
        switch self {
        case .simple(let bytes), .bulk(let bytes), .bigNumber(let bytes): bytes
        default: nil
        }
    }

    /// The text of a string, an integer or a number; bytes that are not UTF-8 are replaced. `nil` for everything else.
    package var text: String? {
        switch self {
        case .integer(let value): String(value)
        case .double(let value): String(value)
        default: bytes.map { String(buffer: $0) }
        }
    }

    /// The value of an integer, or of a string that is one in decimal; `nil` for everything else.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        default: bytes.flatMap { Int64(String(buffer: $0)) }
        }
    }

    /// The elements of an array or a push; `nil` for everything else.
    package var elements: [Reply]? {
        switch self {
        case .array(let elements), .push(let elements): elements
        default: nil
        }
    }

    /// What the server refused, if it did.
    package var error: ServerError? {
        if case .error(let error) = self { error } else { nil }
    }

    /// Whether this is `nil` in any of its three spellings.
    package var isNull: Bool { self == .null }

    /// Whether this is `+OK`.
    package var isOK: Bool { self == .ok }
}

/// An error reply.
package struct ServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The first word, where it is in capitals, such as `NOPERM` or `ERR`; empty where it is not.
    package let code: String
    /// What follows the code.
    package let message: String

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    /// Splits the line of an error reply into code and message.
    package init(line: String) {
        let word = line.prefix { $0 != " " }
        if !word.isEmpty, word.allSatisfy({ $0.isASCII && ($0.isUppercase || $0.isNumber || $0 == "_") }) {
            code = String(word)
            message = String(line.dropFirst(word.count + 1))
        } else {
            code = ""
            message = line
        }
    }

    /// The line as the server sent it.
    package var description: String { code.isEmpty ? message : "\(code) \(message)" }
}
