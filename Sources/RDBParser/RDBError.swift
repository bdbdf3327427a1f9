/// Why RDB bytes were refused, and where.
public struct RDBError: Error, Hashable, Sendable {
    /// What is wrong. A structure, so that a new code breaks nobody's switch.
    public struct Code: Hashable, Sendable {
        enum Kind: Hashable, Sendable {
            case truncated, notRDB, unsupportedVersion, wrongChecksum, unknownType, unknownOpcode, unsupported,
                malformed, tooLarge
        }

        let kind: Kind

        /// The input ended inside of something.
        public static let truncated = Code(kind: .truncated)
        /// The input does not begin with `REDIS` or `VALKEY` and a version.
        public static let notRDB = Code(kind: .notRDB)
        /// An RDB version that is not known here; `RDBError.detail` is its number.
        public static let unsupportedVersion = Code(kind: .unsupportedVersion)
        /// The CRC-64 of the bytes is not the one written behind them.
        public static let wrongChecksum = Code(kind: .wrongChecksum)
        /// A type byte that this version does not define; `RDBError.detail` is the byte.
        public static let unknownType = Code(kind: .unknownType)
        /// A byte where an opcode must stand that is none; `RDBError.detail` is the byte.
        public static let unknownOpcode = Code(kind: .unknownOpcode)
        /// Known to exist, but not handled, such as values of modules without opcodes; `RDBError.detail` is its byte.
        public static let unsupported = Code(kind: .unsupported)
        /// Bytes that contradict the format.
        public static let malformed = Code(kind: .malformed)
        /// A part that must be whole in memory is larger than the limit; `RDBError.detail` is its size in bytes.
        public static let tooLarge = Code(kind: .tooLarge)
    }

    public let code: Code

    /// Bytes from the start of the RDB stream (or DUMP payload), not of the current chunk.
    public let offset: UInt64

    /// What was being read, such as "stream consumer".
    public let element: StaticString

    /// The byte or number that was refused, where there is one.
    public let detail: UInt64?

    public init(_ code: Code, offset: UInt64, element: StaticString, detail: UInt64? = nil) {
        self.code = code
        self.offset = offset
        self.element = element
        self.detail = detail
    }

    public static func == (left: RDBError, right: RDBError) -> Bool {
        left.code == right.code && left.offset == right.offset && left.detail == right.detail
            && left.element.description == right.element.description
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(offset)
        hasher.combine(detail)
    }
}

extension RDBError: CustomStringConvertible {
    /// A sentence for an operator.
    public var description: String {
        let number = detail.map { " \($0)" } ?? ""
        return switch code.kind {
        case .truncated: "The input ends at byte \(offset), inside of: \(element)."
        case .notRDB: "This is not an RDB file or stream: it does not begin with REDIS or VALKEY and a version."
        case .unsupportedVersion: "RDB version\(number) is not supported (\(element), at byte \(offset))."
        case .wrongChecksum:
            "The checksum at byte \(offset) does not match the bytes before it: they are damaged (\(element))."
        case .unknownType: "Unknown type byte\(number) at byte \(offset), for this RDB version."
        case .unknownOpcode: "Unknown opcode\(number) at byte \(offset), in: \(element)."
        case .unsupported: "Not supported: \(element) (byte\(number) at byte \(offset))."
        case .malformed: "Malformed \(element) at byte \(offset)\(detail.map { " (byte \($0))" } ?? "")."
        case .tooLarge: "Too large to be held whole: \(element) at byte \(offset), of\(number) bytes."
        }
    }
}
