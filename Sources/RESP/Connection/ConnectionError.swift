/// A connection that could not be made, was lost, or on which the server refused what is needed.
package struct ConnectionError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong. A struct, so that new codes break nobody.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        package let description: String
        private init(_ name: String) { description = name }

        /// Nobody listens there, the network has no way, or the server takes no more clients.
        package static let refused = Code("refused")
        /// The host name has no address.
        package static let resolve = Code("resolve")
        /// The connect, the handshake or a reply took longer than allowed.
        package static let timedOut = Code("timedOut")
        /// A password is missing, wrong, or not wanted.
        package static let authentication = Code("authentication")
        /// The certificate is not trusted, is of another host, or the two sides do not both speak TLS.
        package static let tls = Code("tls")
        /// The user's ACL, or the server's protected mode, does not allow what is needed.
        package static let noPermission = Code("noPermission")
        /// A password, certificate or key file cannot be used.
        package static let unusableFile = Code("unusableFile")
        /// The peer sent what is not RESP, or what cannot be the answer.
        package static let protocolViolation = Code("protocolViolation")
        /// The connection ended.
        package static let closed = Code("closed")
        /// The server is still loading its data.
        package static let loading = Code("loading")
        /// The server answered a command that is needed with an error.
        package static let commandFailed = Code("commandFailed")
    }

    package let code: Code
    /// Which server it was about.
    package let endpoint: Endpoint
    /// Sentences for the operator: what happened, and what to do about it where that can be told.
    package let message: String
    /// The error reply behind it, if there was one.
    package let reply: ServerError?

    package init(_ code: Code, _ endpoint: Endpoint, _ message: String, reply: ServerError? = nil) {
        self.code = code
        self.endpoint = endpoint
        self.message = message
        self.reply = reply
    }

    package var description: String { message }
}
