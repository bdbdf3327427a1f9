/// What a server is a build of.
package struct ServerProduct: Sendable, Hashable, CustomStringConvertible {
    /// In lower case, such as `valkey`.
    package let name: String

    package static let redis = ServerProduct(name: "redis")
    package static let valkey = ServerProduct(name: "valkey")
    package static let redict = ServerProduct(name: "redict")

    package var description: String { name }
}

/// `major.minor.patch` of a server.
package struct ServerVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
    package let major: Int
    package let minor: Int
    package let patch: Int

    package init(_ major: Int, _ minor: Int, _ patch: Int = 0) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// Reads `7.2.4`; missing parts are 0, what follows a part's digits is left out.
    package init?(parsing text: String) {
        let parts = text.split(separator: ".").map { Int($0.prefix { $0.isASCII && $0.isNumber }) }
        guard let first = parts.first, let major = first else { return nil }
        self.init(major, parts.count > 1 ? parts[1] ?? 0 : 0, parts.count > 2 ? parts[2] ?? 0 : 0)
    }

    package static func < (left: ServerVersion, right: ServerVersion) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }

    package var description: String { "\(major).\(minor).\(patch)" }
}

extension ServerProduct {
    /// Product and version by the section Server of `INFO`. Forks keep `redis_version` for the sake of old clients and
    /// put their own version beside it.
    static func identify(_ info: ServerInfo) -> (ServerProduct, ServerVersion)? {
        for product in [valkey, redict, ServerProduct(name: "dragonfly"), redis] {
            if let version = info["\(product.name)_version"].map({ $0.drop { !$0.isNumber } }),
                let version = ServerVersion(parsing: String(version))
            {
                // KeyDB and others name themselves in server_name and no version of their own.
                let name = product == redis ? info["server_name"]?.lowercased() ?? product.name : product.name
                return (ServerProduct(name: name), version)
            }
        }
        return nil
    }

    /// The RDB version in the footer of this server's DUMP, which is also the highest that its RESTORE accepts.
    /// Measured on Redis 5.0 … 8.6, Valkey 7.2 … 9.1, Redict 7.3; later versions are taken to accept what the last
    /// one measured does.
    package func rdbVersion(_ version: ServerVersion) -> Int {
        if self == .valkey { return version.major >= 9 ? 80 : 11 }
        if self == .redict { return 12 }
        switch version {
        case ..<ServerVersion(5, 0): return 8
        case ..<ServerVersion(7, 0): return 9
        case ..<ServerVersion(7, 2): return 10
        case ..<ServerVersion(7, 4): return 11
        case ..<ServerVersion(8, 6): return 12
        default: return 13
        }
    }
}
