import ArgumentParser
import NIOCore
import RESP

/// Where keys go, and how to get in.
struct TargetOptions: ParsableArguments {
    @Option(
        name: .customLong("to"),
        help: ArgumentHelp(
            "The target: valkey://[user@]host:port[,host:port…] (or redis://), valkeys:// for TLS, unix:///path, valkey+sentinel://host,host/NAME.",
            valueName: "target"))
    var location: String

    @Option(
        name: .customLong("to-password-file"),
        help: ArgumentHelp("File with the target's password; else BACKFILL_TO_PASSWORD.", valueName: "file"))
    var passwordFile: String?

    @Option(
        name: .customLong("to-tls-ca"),
        help: ArgumentHelp("Authorities to trust for the target (PEM); else the system's.", valueName: "file"))
    var authority: String?

    @Option(
        name: .customLong("to-tls-cert"),
        help: ArgumentHelp("Our certificate for the target (PEM).", valueName: "file"))
    var certificate: String?

    @Option(
        name: .customLong("to-tls-key"),
        help: ArgumentHelp("The key of our certificate for the target (PEM).", valueName: "file"))
    var key: String?

    @Flag(
        name: .customLong("to-tls-insecure"),
        help: "DANGEROUS: take any certificate for the target's. Whoever is in between can read and change everything.")
    var isInsecure = false

    @Option(
        name: .customLong("to-address-map"),
        help: ArgumentHelp(
            "Reach an address that the target announces by another: old=new, each host or host:port. Repeatable.",
            valueName: "old=new"))
    var addressMap: [String] = []

    func settings(timeout: TimeAmount) -> ConnectionSettings {
        ConnectionSettings(
            side: .target, credentials: .init(password: .from(file: passwordFile, side: .target)),
            tls: TLSSettings(
                authorityFile: authority, certificateFile: certificate, keyFile: key, isInsecure: isInsecure),
            connectTimeout: min(timeout, .seconds(10)), replyTimeout: timeout)
    }
}
