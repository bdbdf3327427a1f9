/// A RESP2 reply. Bytes are bytes; `text` is for assertions and messages.
package enum TestReply: Hashable, Sendable {
    case simple(String)
    case error(String)
    case integer(Int64)
    /// A bulk string; `nil` for the null bulk string.
    case bulk([UInt8]?)
    /// An array; `nil` for the null array.
    case array([TestReply]?)

    package static let ok = TestReply.simple("OK")

    /// The bytes of a bulk or simple string.
    package var bytes: [UInt8]? {
        switch self {
        case .bulk(let bytes): bytes
        case .simple(let text): Array(text.utf8)
        default: nil
        }
    }

    /// A string, error or integer as text.
    package var text: String? {
        switch self {
        case .error(let text): text
        case .integer(let integer): String(integer)
        default: bytes.map { String(decoding: $0, as: UTF8.self) }
        }
    }

    package var integer: Int64? {
        if case .integer(let integer) = self { integer } else { nil }
    }

    /// The elements of an array; empty for anything else.
    package var elements: [TestReply] {
        if case .array(let elements) = self { elements ?? [] } else { [] }
    }

    package var isError: Bool {
        if case .error = self { true } else { false }
    }

    package var isNil: Bool {
        self == .bulk(nil) || self == .array(nil)
    }
}
