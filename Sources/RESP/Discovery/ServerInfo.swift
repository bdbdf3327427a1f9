/// The answer to `INFO`, as fields.
package struct ServerInfo: Sendable, Hashable {
    private var fields: [String: String] = [:]

    /// Reads lines of `name:value`; headings, empty lines and lines of another form are left out.
    package init(parsing text: String) {
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
    }

    /// The value of a field; `nil` where it is missing.
    package subscript(name: String) -> String? { fields[name] }

    /// The value of a field as a number; `nil` where it is missing or is none.
    package func integer(_ name: String) -> Int64? { fields[name].flatMap { Int64($0) } }

    /// Keys per database, of the section Keyspace (`db0:keys=2,expires=0,avg_ttl=0`): databases that hold any.
    package var keyCounts: [Int: Int] {
        var counts: [Int: Int] = [:]
        for (name, value) in fields where name.hasPrefix("db") {
            guard let database = Int(name.dropFirst(2)), let keys = Self.parts(value)["keys"].flatMap({ Int($0) })
            else {
                continue
            }
            counts[database] = keys
        }
        return counts
    }

    /// The replicas that a primary lists (`slave0:ip=10.0.0.2,port=6379,state=online,…`), as they announce themselves;
    /// those without a port (clients that only read the stream) are left out.
    package var replicas: [Endpoint] {
        var endpoints: [Endpoint] = []
        var index = 0
        while let value = fields["slave\(index)"] {
            let parts = Self.parts(value)
            if let host = parts["ip"], !host.isEmpty, let port = parts["port"].flatMap({ Int($0) }),
                (1...65535).contains(port)
            {
                endpoints.append(.tcp(host: host.lowercased(), port: port))
            }
            index += 1
        }
        return endpoints
    }

    /// `a=1,b=2` as a dictionary.
    private static func parts(_ text: String) -> [Substring: String] {
        var parts: [Substring: String] = [:]
        for part in text.split(separator: ",") {
            guard let equals = part.firstIndex(of: "=") else { continue }
            parts[part[..<equals]] = String(part[part.index(after: equals)...])
        }
        return parts
    }
}
