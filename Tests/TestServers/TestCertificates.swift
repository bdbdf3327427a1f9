import Foundation

/// Certificates for TLS tests, made once in a test process by the `openssl` command. Paths of PEM files.
package struct TestCertificates: Sendable {
    /// A certificate with its private key.
    package struct Identity: Sendable {
        package let certificate: String
        package let key: String
    }

    /// The authority that signed all identities here.
    package let authority: Identity
    /// An authority that signed none of them.
    package let untrustedAuthority: Identity
    /// For 127.0.0.1 and localhost.
    package let server: Identity
    /// For other.example alone.
    package let otherHost: Identity
    /// For 127.0.0.1 and localhost, and no longer valid.
    package let expired: Identity
    /// For a client that a server asks for a certificate.
    package let client: Identity

    /// The set of this process.
    package static func shared() async throws -> TestCertificates { try await made.value }

    private static let made = Task { try await TestCertificates() }

    private init() async throws {
        let folder = try TestFolder.make("certificates")
        func identity(_ name: String) -> Identity {
            Identity(certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key")
        }
        authority = identity("authority")
        untrustedAuthority = identity("untrusted")
        server = identity("server")
        otherHost = identity("other-host")
        expired = identity("expired")
        client = identity("client")
        let here = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        for (one, name) in [(authority, "Test authority"), (untrustedAuthority, "Untrusted authority")] {
            try await Self.openssl(
                ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
                    + ["-subj", "/CN=\(name)", "-keyout", one.key, "-out", one.certificate])
        }
        try await sign(server, "localhost", here)
        try await sign(otherHost, "other.example", "subjectAltName=DNS:other.example")
        try await sign(client, "client", "extendedKeyUsage=clientAuth")
        try await sign(expired, "localhost", here, days: -1)
    }

    private func sign(_ identity: Identity, _ name: String, _ fields: String, days: Int = 30) async throws {
        let request = identity.key + ".request"
        let extensions = identity.key + ".extensions"
        try Data("\(fields)\n".utf8).write(to: URL(fileURLWithPath: extensions))
        try await Self.openssl(
            ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=\(name)"]
                + ["-keyout", identity.key, "-out", request])
        try await Self.openssl(
            ["x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey", authority.key]
                + ["-CAcreateserial", "-days", String(days), "-extfile", extensions, "-out", identity.certificate])
    }

    private static func openssl(_ arguments: [String]) async throws {
        let result = try await Program.run("/usr/bin/env", ["openssl"] + arguments)
        guard result.exit == .code(0) else { throw TestError("openssl: \(result.errorText)") }
    }
}
