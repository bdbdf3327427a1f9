import Foundation

/// An authority, a certificate for `localhost`, one for 127.0.0.1, one for another host, and a second authority, made
/// with the openssl command.
final class Certificates: Sendable {
    let directory: URL

    init() throws {
        directory = try LocalServer.makeDirectory()
        for authority in ["ca", "stranger"] {
            try openssl(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=\(authority) "
                    + "-keyout \(authority).key -out \(authority).crt")
        }
        for (name, subject) in [
            ("local", "DNS:localhost"), ("address", "IP:127.0.0.1"), ("other", "DNS:other.example"),
        ] {
            try "subjectAltName=\(subject)\n".write(
                to: directory.appending(path: "san"), atomically: true, encoding: .utf8)
            try openssl(
                "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -keyout \(name).key -out \(name).csr"
            )
            try openssl(
                "x509 -req -in \(name).csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out \(name).crt"
            )
        }
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }

    func path(_ name: String) -> String { directory.appending(path: name).path }

    /// Options of a server that listens with TLS on `port` and in plain on none.
    func options(_ name: String, port: Int, authClients: String = "no") -> [String] {
        [
            "--port", "0", "--tls-port", "\(port)", "--tls-cert-file", path("\(name).crt"), "--tls-key-file",
            path("\(name).key"), "--tls-ca-cert-file", path("ca.crt"), "--tls-auth-clients", authClients,
        ]
    }

    private func openssl(_ arguments: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = arguments.split(separator: " ").map(String.init)
        process.currentDirectoryURL = directory
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
    }
}
