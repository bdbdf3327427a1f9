/// Why a big value could not be read.
struct BigValueError: Error, Equatable, CustomStringConvertible {
    /// What was wrong. A struct, so that new codes break nobody.
    struct Code: Hashable, Sendable {
        private let name: String
        private init(_ name: String) { self.name = name }

        /// It is not what it was when the reading began.
        static let changed = Code("changed")
        /// The server answered with an error: the description is its words.
        static let refused = Code("refused")
        /// The connection is lost, or what came on it is no answer to what was asked.
        static let lost = Code("lost")
    }

    let code: Code
    let description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// An error reply. That a key is of another type than it was says that it changed.
    init(reply: String) {
        self = reply.hasPrefix("WRONGTYPE") ? .changed : BigValueError(.refused, reply)
    }

    static let changed = BigValueError(.changed, "it changed while it was read")
    static let malformed = BigValueError(.lost, "an answer that cannot be understood")
}
