/// Where one deployment is found: a standalone server with its replicas, a cluster, or either behind Sentinels.
///
/// `redis://[user@]host[:port][,host[:port]…]`, `rediss://` for TLS, `valkey://` and `valkeys://` meaning the same,
/// `unix:///path`, `redis+sentinel://host[:port][,…]/NAME` with each of the four schemes.
package struct DeploymentURL: Hashable, Sendable, CustomStringConvertible {
    /// Whom to ask first.
    package enum Seeds: Hashable, Sendable {
        /// Nodes of a cluster, or candidates of one standalone deployment. Never empty.
        case servers([Endpoint])
        /// Sentinels that know the primary of that name. Never empty.
        case sentinels([Endpoint], name: String)
    }

    package let seeds: Seeds
    /// The ACL user, where one is named.
    package let user: String?
    package let usesTLS: Bool

    /// - Throws: ``AddressError`` with a sentence that says what to write instead; a password in the URL is refused
    ///   and not repeated.
    package init(_ text: String) throws(AddressError) {
        guard let (scheme, rest) = Self.splitScheme(text) else {
            throw AddressError(
                .scheme, "A server is named by a URL such as redis://host:6379, rediss://host:6379 or unix:///path.")
        }
        if scheme == "unix" {
            self = try Self.unixSocket(rest)
            return
        }
        let name = scheme.hasSuffix("+sentinel") ? scheme.dropLast("+sentinel".count) : scheme[...]
        let usesSentinel = name.count < scheme.count
        switch name {
        case "redis", "valkey": usesTLS = false
        case "rediss", "valkeys": usesTLS = true
        default:
            throw AddressError(
                .scheme,
                "'\(scheme)://' is not known: use redis://, rediss:// (TLS), valkey://, valkeys:// (TLS), "
                    + "unix:// or redis+sentinel://.")
        }
        let (userInformation, location) = Self.splitUser(rest)
        user = try userInformation.map { information throws(AddressError) in try Self.user(information) }
        seeds =
            usesSentinel ? try Self.sentinels(location) : .servers(try Self.servers(location))
    }

    private init(seeds: Seeds, user: String?, usesTLS: Bool) {
        self.seeds = seeds
        self.user = user
        self.usesTLS = usesTLS
    }

    /// The URL in its normal form.
    package var description: String {
        let user = user.map { PercentEncoding.encode($0) + "@" } ?? ""
        switch seeds {
        case .servers(let endpoints):
            if endpoints.count == 1, case .unix(let path) = endpoints[0] { return "unix://\(user)\(path)" }
            return "redis\(usesTLS ? "s" : "")://\(user)\(Self.list(endpoints))"
        case .sentinels(let endpoints, let name):
            return
                "redis\(usesTLS ? "s" : "")+sentinel://\(user)\(Self.list(endpoints))/\(PercentEncoding.encode(name))"
        }
    }

    private static func list(_ endpoints: [Endpoint]) -> String {
        endpoints.map(\.description).joined(separator: ",")
    }
}

// MARK: - Parts

extension DeploymentURL {
    private static func splitScheme(_ text: String) -> (scheme: String, rest: Substring)? {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return nil }
        let scheme = text[..<colon].lowercased()
        guard !scheme.isEmpty, scheme.utf8.allSatisfy({ (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "+") })
        else { return nil }
        return (scheme, text[text.index(colon, offsetBy: 3)...])
    }

    /// Everything before the last `@` is taken as user information, also behind a `/`: a password may hold one, and no
    /// later message may then quote a part of it.
    private static func splitUser(_ text: Substring) -> (Substring?, location: Substring) {
        guard let at = text.lastIndex(of: "@") else { return (nil, text) }
        return (text[..<at], text[text.index(after: at)...])
    }

    private static func user(_ text: Substring) throws(AddressError) -> String {
        guard !text.contains(":") else {
            throw AddressError(
                .password,
                "A password in the URL would be seen in process lists and histories: name a file with "
                    + "--from-password-file or --to-password-file, or set BACKFILL_FROM_PASSWORD or "
                    + "BACKFILL_TO_PASSWORD, and leave only the user in the URL.")
        }
        guard !text.isEmpty else { throw AddressError(.user, "The user before '@' is empty.") }
        guard !text.contains("/"), let user = PercentEncoding.decode(text) else {
            throw AddressError(.user, "The user before '@' is not properly percent-encoded.")
        }
        return user
    }

    private static func unixSocket(_ rest: Substring) throws(AddressError) -> DeploymentURL {
        // A user is only sought before the path: paths may hold `@` and `:`.
        let start = rest.firstIndex(of: "/") ?? rest.endIndex
        let (information, host) = splitUser(rest[..<start])
        let user = try information.map { text throws(AddressError) in try Self.user(text) }
        let path = rest[start...]
        guard host.isEmpty, path.count > 1 else {
            throw AddressError(.path, "A Unix socket is named by its absolute path, as in unix:///run/redis.sock.")
        }
        // The sun_path of Linux holds 108 bytes with its terminating zero.
        guard path.utf8.count <= 107 else {
            throw AddressError(.path, "The path of the Unix socket is longer than the 107 bytes that the system takes.")
        }
        return DeploymentURL(seeds: .servers([.unix(path: String(path))]), user: user, usesTLS: false)
    }

    private static func servers(_ text: Substring) throws(AddressError) -> [Endpoint] {
        let (hosts, rest) = splitPath(text)
        guard rest.isEmpty || rest == "/" else {
            throw AddressError(
                .path,
                "'\(rest)' after the host is not taken: the URL names a whole deployment; databases are chosen with "
                    + "--db and --db-map.")
        }
        return try endpoints(hosts, defaultPort: Endpoint.defaultPort)
    }

    private static func sentinels(_ text: Substring) throws(AddressError) -> Seeds {
        let (hosts, rest) = splitPath(text)
        guard let name = PercentEncoding.decode(rest.dropFirst()), !name.isEmpty, rest.hasPrefix("/"),
            !rest.dropFirst().contains(where: { "/?#".contains($0) })
        else {
            throw AddressError(
                .name,
                "A Sentinel URL ends with the name of the primary, as in redis+sentinel://s1,s2,s3/mymaster.")
        }
        return .sentinels(try endpoints(hosts, defaultPort: Endpoint.defaultSentinelPort), name: name)
    }

    private static func splitPath(_ text: Substring) -> (hosts: Substring, rest: Substring) {
        let end = text.firstIndex { "/?#".contains($0) } ?? text.endIndex
        return (text[..<end], text[end...])
    }

    private static func endpoints(_ text: Substring, defaultPort: Int) throws(AddressError) -> [Endpoint] {
        guard !text.isEmpty else { throw AddressError(.host, "The URL names no host.") }
        var endpoints: [Endpoint] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard !part.isEmpty else { throw AddressError(.host, "The list of hosts '\(text)' has an empty part.") }
            let endpoint = try Endpoint(parsing: part, defaultPort: defaultPort)
            if !endpoints.contains(endpoint) { endpoints.append(endpoint) }
        }
        return endpoints
    }
}
