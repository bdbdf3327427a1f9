/// Where one server listens.
package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A host name or an IP address (IPv6 without brackets), and a port, 1 ... 65535.
    case tcp(host: String, port: Int)
    /// A Unix domain socket.
    case unix(path: String)

    /// The port of a server that names none.
    package static let defaultPort = 6379
    /// The port of a Sentinel that names none.
    package static let defaultSentinelPort = 26379

    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`; the host is taken in lower case.
    package init(parsing text: some StringProtocol, defaultPort: Int) throws(AddressError) {
        let (host, port) = try HostAndPort.split(text)
        self = .tcp(host: host, port: port ?? defaultPort)
    }

    /// The host, `nil` for a Unix domain socket.
    package var host: String? {
        if case .tcp(let host, _) = self { host } else { nil }
    }

    /// The port, `nil` for a Unix domain socket.
    package var port: Int? {
        if case .tcp(_, let port) = self { port } else { nil }
    }

    /// `host:port`, `[v6]:port`, or the path.
    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }
}

/// The grammar of `host[:port]`, shared by URLs and address maps.
enum HostAndPort {
    static func split(_ text: some StringProtocol) throws(AddressError) -> (host: String, port: Int?) {
        let host: Substring
        var rest = Substring(text)
        if rest.hasPrefix("[") {
            guard let closing = rest.firstIndex(of: "]") else {
                throw AddressError(.host, "In '\(text)' the bracket around the IPv6 address is not closed.")
            }
            host = rest[rest.index(after: rest.startIndex)..<closing]
            guard host.contains(":"), host.utf8.allSatisfy(isAddressByte) else {
                throw AddressError(.host, "'\(host)' between brackets is not an IPv6 address.")
            }
            rest = rest[rest.index(after: closing)...]
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            host = rest[..<end]
            rest = rest[end...]
            guard rest.count(where: { $0 == ":" }) <= 1 else {
                throw AddressError(
                    .host, "'\(text)' has several colons: an IPv6 address stands in brackets, as in [::1]:6379.")
            }
            guard !host.isEmpty else { throw AddressError(.host, "A host is missing in '\(text)'.") }
            guard host.utf8.allSatisfy(isNameByte) else {
                throw AddressError(.host, "'\(host)' is not a host name.")
            }
        }
        if rest.isEmpty { return (host.lowercased(), nil) }
        let digits = rest.dropFirst()
        guard rest.hasPrefix(":"), !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), (1...65535).contains(port)
        else {
            throw AddressError(.port, "In '\(text)' the port is not a number from 1 to 65535.")
        }
        return (host.lowercased(), port)
    }

    /// Letters, digits, `-`, `.`, `_` (Docker and Kubernetes use it), and bytes of international names.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), 0x80...:
            true
        default: false
        }
    }

    /// Hexadecimal digits, `:`, `.`, and a zone such as `%eth0`.
    private static func isAddressByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%") || isNameByte(byte)
    }
}
