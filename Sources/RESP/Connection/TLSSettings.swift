import NIOSSL

/// How the peer's certificate is judged, and which one is shown to it. The files are read again at each connect, so
/// that renewed ones are taken up.
package struct TLSSettings: Sendable, Hashable {
    /// PEM file of the authorities to trust; `nil`: those of the system.
    package var authorityFile: String?
    /// PEM file of our certificate and its chain; together with ``keyFile``.
    package var certificateFile: String?
    /// PEM file of the key of ``certificateFile``.
    package var keyFile: String?
    /// Accepts any certificate of any host. Default false.
    package var isInsecure: Bool

    package init(
        authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, isInsecure: Bool = false
    ) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.isInsecure = isInsecure
    }

    func makeContext() throws(FileError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        if isInsecure { configuration.certificateVerification = .none }
        if let authorityFile {
            configuration.trustRoots = .certificates(
                try Self.certificates(authorityFile, as: "certificate authority file"))
        }
        switch (certificateFile, keyFile) {
        case (nil, nil): break
        case (let certificate?, let key?):
            configuration.certificateChain =
                try Self.certificates(certificate, as: "certificate file").map { .certificate($0) }
            configuration.privateKey = .privateKey(try Self.key(key))
        default: throw FileError("A TLS certificate and its key are given together, or neither.")
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw FileError("The TLS certificate and key do not fit together: \(error).")
        }
    }

    private static func certificates(_ path: String, as kind: String) throws(FileError) -> [NIOSSLCertificate] {
        let bytes = try FileError.reading(path, as: kind)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw FileError("The \(kind) \(path) holds no certificate in PEM form.")
        }
        return certificates
    }

    private static func key(_ path: String) throws(FileError) -> NIOSSLPrivateKey {
        let bytes = try FileError.reading(path, as: "key file")
        guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
            throw FileError("The key file \(path) holds no unencrypted private key in PEM form.")
        }
        return key
    }
}
