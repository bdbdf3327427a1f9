/// A URL, an endpoint or an address map that cannot be used. Its message never quotes user information.
package struct AddressError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong. A struct, so that new codes break nobody.
    package struct Code: Sendable, Hashable {
        private let name: String
        private init(_ name: String) { self.name = name }

        /// No scheme, or one that is not known.
        package static let scheme = Code("scheme")
        /// A password stands in the URL.
        package static let password = Code("password")
        /// The user name is empty or not percent-encoded properly.
        package static let user = Code("user")
        /// A host is missing or malformed.
        package static let host = Code("host")
        /// A port is not a number from 1 to 65535.
        package static let port = Code("port")
        /// A path, a database number, a query or a fragment where none may be; or a path that is missing.
        package static let path = Code("path")
        /// The name of the primary is missing in a Sentinel URL.
        package static let name = Code("name")
        /// An address map without the form old=new.
        package static let map = Code("map")
    }

    package let code: Code
    /// One sentence for the operator.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
