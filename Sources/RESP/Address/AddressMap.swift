/// Replaces addresses that a deployment announces by those under which it is reached from here: clusters behind NAT,
/// in Docker or Kubernetes.
///
/// Applied to each endpoint that a server names, never to what the user wrote in the URL. An entry with a port is
/// preferred to one without.
package struct AddressMap: Hashable, Sendable {
    private struct Address: Hashable, Sendable {
        let host: String
        let port: Int?
    }

    private var entries: [Address: Address] = [:]

    /// Changes nothing.
    package init() {}

    /// - Parameter entries: `old=new`, each side `host` or `host:port`. Without a port on the left the host is replaced
    ///   at every port; without one on the right the port stays.
    package init(parsing entries: [String]) throws(AddressError) {
        for entry in entries {
            let sides = entry.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2 else {
                throw AddressError(.map, "'\(entry)' is not of the form old=new, as in 10.0.0.5:6379=localhost:7000.")
            }
            let old = try HostAndPort.split(sides[0])
            let new = try HostAndPort.split(sides[1])
            let address = Address(host: old.host, port: old.port)
            let replaced = self.entries.updateValue(Address(host: new.host, port: new.port), forKey: address)
            guard replaced == nil else {
                throw AddressError(.map, "The address map names '\(sides[0])' twice.")
            }
        }
    }

    /// The endpoint under which `endpoint` is reached from here.
    package func apply(to endpoint: Endpoint) -> Endpoint {
        guard case .tcp(let host, let port) = endpoint else { return endpoint }
        let name = host.lowercased()
        guard let new = entries[Address(host: name, port: port)] ?? entries[Address(host: name, port: nil)] else {
            return endpoint
        }
        return .tcp(host: new.host, port: new.port ?? port)
    }
}
