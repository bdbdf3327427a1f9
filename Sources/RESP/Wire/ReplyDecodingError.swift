/// Bytes that are not RESP, or more of them than the limits allow.
package struct ReplyDecodingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong. A struct, so that new codes break nobody.
    package struct Code: Sendable, Hashable {
        fileprivate let text: String

        private init(_ text: String) { self.text = text }

        /// The first byte of a value is of no known type.
        package static let unknownType = Code("unknown type byte")
        /// A length or an integer is not a decimal number, or is below what is allowed.
        package static let badNumber = Code("not a number")
        /// CR and LF are missing where a value has to end.
        package static let missingLineEnd = Code("missing line end")
        /// A line is longer than 64 KiB.
        package static let lineTooLong = Code("line too long")
        /// A declared length is above the limit.
        package static let tooLarge = Code("too large")
        /// Arrays are nested more deeply than the limit.
        package static let tooDeep = Code("nested too deeply")
        /// A RESP3 boolean, double, null or verbatim string is malformed.
        package static let malformed = Code("malformed")
    }

    package let code: Code
    /// Bytes from the first byte that the decoder was ever given.
    package let offset: UInt64
    /// What was being read, such as "bulk length".
    package let element: String

    package var description: String { "\(code.text) in \(element) at byte \(offset) of the replies" }
}
