import ArgumentParser
import NIOCore
import RESP
import SlotWorkers

/// Where keys come from, and how to get in.
struct SourceOptions: ParsableArguments {
    @Option(
        name: .customLong("from"),
        help: ArgumentHelp(
            "An RDB file (also LZ4), - for standard input, or a server: redis://[user@]host:port[,host:port…], rediss:// for TLS, unix:///path, redis+sentinel://host,host/NAME.",
            valueName: "source"))
    var location: String

    @Option(
        name: .customLong("from-password-file"),
        help: ArgumentHelp("File with the source's password; else BACKFILL_FROM_PASSWORD.", valueName: "file"))
    var passwordFile: String?

    @Option(
        name: .customLong("from-tls-ca"),
        help: ArgumentHelp("Authorities to trust for the source (PEM); else the system's.", valueName: "file"))
    var authority: String?

    @Option(
        name: .customLong("from-tls-cert"),
        help: ArgumentHelp("Our certificate for the source (PEM).", valueName: "file"))
    var certificate: String?

    @Option(
        name: .customLong("from-tls-key"),
        help: ArgumentHelp("The key of our certificate for the source (PEM).", valueName: "file"))
    var key: String?

    @Flag(
        name: .customLong("from-tls-insecure"),
        help: "DANGEROUS: take any certificate for the source's. Whoever is in between can read and change everything.")
    var isInsecure = false

    @Option(
        name: .customLong("from-address-map"),
        help: ArgumentHelp(
            "Reach an address that the source announces by another: old=new, each host or host:port. Repeatable.",
            valueName: "old=new"))
    var addressMap: [String] = []

    func settings(timeout: TimeAmount) -> ConnectionSettings {
        ConnectionSettings(
            side: .source, credentials: .init(password: .from(file: passwordFile, side: .source)),
            tls: TLSSettings(
                authorityFile: authority, certificateFile: certificate, keyFile: key, isInsecure: isInsecure),
            connectTimeout: min(timeout, .seconds(10)), replyTimeout: timeout)
    }

    func source() throws -> SourceLocation {
        if location == "-" { return .standardInput }
        if location.contains("://") { return .server(try DeploymentURL(location)) }
        return .file(location)
    }
}

extension Credentials.PasswordSource {
    static func from(file: String?, side: Side) -> Credentials.PasswordSource {
        file.map { .file(path: $0) } ?? .environment(variable: side.passwordVariable)
    }
}
