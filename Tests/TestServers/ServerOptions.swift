/// How a test server differs from a plain one: loopback, no persistence, no password.
package struct ServerOptions: Sendable {
    /// TLS on a port of its own, beside the plain one.
    package struct TLS: Sendable {
        package var identity: TestCertificates.Identity
        package var authority: TestCertificates.Identity
        /// Whether clients have to present a certificate of the authority.
        package var asksClients: Bool

        package init(
            identity: TestCertificates.Identity, authority: TestCertificates.Identity, asksClients: Bool = false
        ) {
            self.identity = identity
            self.authority = authority
            self.asksClients = asksClients
        }
    }

    /// Lines of the configuration file, such as `maxmemory 10mb`; they come last and so win.
    package var directives: [String] = []
    /// Password of the default user, and of the primary that it replicates.
    package var password: String?
    /// ACL users, such as `reader on >secret ~* +@read`.
    package var users: [String] = []
    package var tls: TLS?
    /// Whether it also listens on a Unix socket.
    package var unixSocket = false
    /// Port of the primary on 127.0.0.1 that it is a replica of.
    package var replicaOf: Int?
    package var isClusterNode = false
    /// Whether it is a Sentinel, which holds no data: only `directives` configure it then.
    var isSentinel = false

    package init() {}

    /// Plain, with these lines in its configuration.
    package init(_ directives: [String]) {
        self.directives = directives
    }
}
