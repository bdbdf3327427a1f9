import NIOCore
import NIOPosix
import NIOSSL

/// Turns what the network, TLS and the server say into sentences for an operator.
struct ConnectionDiagnosis: Sendable {
    let endpoint: Endpoint
    let settings: ConnectionSettings

    private var side: Side { settings.side }
    private var place: String { "the \(side) at \(endpoint)" }
    private var usesTLS: Bool { settings.tls != nil && endpoint.host != nil }

    func error(_ code: ConnectionError.Code, _ message: String, reply: ServerError? = nil) -> ConnectionError {
        // Sentences are put together from parts that begin in lower case.
        ConnectionError(code, endpoint, message.prefix(1).uppercased() + message.dropFirst(), reply: reply)
    }

    func file(_ error: FileError) -> ConnectionError {
        self.error(.unusableFile, error.message)
    }
}

// MARK: - Network

extension ConnectionDiagnosis {
    /// Whatever a channel or a bootstrap threw.
    func network(_ error: any Error) -> ConnectionError {
        switch error {
        case let error as ConnectionError: return error
        case let error as ReplyDecodingError:
            return self.error(.protocolViolation, "\(place) sent no valid RESP: \(error).")
        case let error as NIOConnectionError: return connect(error)
        case let error as IOError: return system(error)
        case ChannelError.connectTimeout:
            return self.error(
                .timedOut, "\(place) cannot be reached: no connection within \(seconds(settings.connectTimeout)).")
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: return tls(error)
        case is ChannelError: return closed()
        default: return self.error(.closed, "the connection to \(place) failed: \(error).")
        }
    }

    private func connect(_ error: NIOConnectionError) -> ConnectionError {
        let attempts = error.connectionErrors.map(\.error)
        if let refusal = attempts.first(where: { ($0 as? IOError)?.errnoCode == ECONNREFUSED }) ?? attempts.first {
            return network(refusal)
        }
        return self.error(
            .resolve,
            "the host name of \(place) has no address: check the spelling, or the name service of this machine.")
    }

    private func system(_ error: IOError) -> ConnectionError {
        switch error.errnoCode {
        case ECONNREFUSED:
            return self.error(.refused, "\(place) refuses connections: is the server running, and is this its port?")
        case ENOENT: return self.error(.refused, "there is no socket at \(endpoint), where the \(side) should be.")
        case EACCES, EPERM:
            return self.error(.refused, "this user may not connect to \(place).")
        case EHOSTUNREACH, ENETUNREACH:
            return self.error(.refused, "there is no route to \(place).")
        case ETIMEDOUT: return self.error(.timedOut, "\(place) no longer answers.")
        case ECONNRESET, EPIPE: return closed()
        default: return self.error(.closed, "the connection to \(place) failed: \(error).")
        }
    }

    /// The peer closed the connection.
    ///
    /// - Parameter isFirst: Nothing had been received on it yet.
    /// - Parameter parting: The last error that the server sent of its own accord.
    func closed(isFirst: Bool = false, parting: ServerError? = nil) -> ConnectionError {
        if let parting {
            return refusal(parting) ?? error(.closed, "\(place) closed the connection, saying: \(parting)")
        }
        if isFirst, !usesTLS, endpoint.host != nil {
            return error(
                .closed,
                "\(place) closed the connection before its first answer: if this is a TLS port, use rediss:// in the URL."
            )
        }
        return error(.closed, "\(place) closed the connection.")
    }

    /// No byte came for the time allowed while a reply was awaited.
    func noReply() -> ConnectionError {
        error(
            .timedOut,
            "\(place) has not answered for \(seconds(settings.replyTimeout)): it hangs, or the network is cut.")
    }

    /// The TLS handshake did not end in time.
    func noHandshake() -> ConnectionError {
        error(
            .timedOut,
            "\(place) did not complete a TLS handshake within \(seconds(settings.connectTimeout)): it hangs, or the port "
                + "is a plain one (then use redis:// in the URL).")
    }

    private func seconds(_ amount: TimeAmount) -> String {
        let milliseconds = amount.nanoseconds / 1_000_000
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }
}

// MARK: - TLS

extension ConnectionDiagnosis {
    private func tls(_ error: any Error) -> ConnectionError {
        if let error = error as? NIOSSLError, case .uncleanShutdown = error { return closed() }
        if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
            return self.error(
                .tls,
                "the certificate of \(place) is for another host: use the name it was made for in the URL, or map the "
                    + "addresses that the server announces with \(side.flag("address-map")).")
        }
        // BoringSSL tells its reasons only in words.
        let reason = String(describing: error)
        if reason.contains("CERTIFICATE_VERIFY_FAILED") {
            return self.error(
                .tls,
                "the certificate of \(place) is not trusted: it is from an unknown authority, or outside its time of "
                    + "validity; name the authority's certificate with \(side.flag("tls-ca")).")
        }
        if reason.contains("WRONG_VERSION_NUMBER") || reason.contains("HTTP_REQUEST") {
            return self.error(
                .tls, "\(place) answered in plain text: if this is not a TLS port, use redis:// in the URL.")
        }
        if reason.contains("CERTIFICATE_REQUIRED") || reason.contains("ALERT_HANDSHAKE_FAILURE") {
            return self.error(
                .tls,
                "\(place) wants a certificate from us: name it with \(side.flag("tls-cert")) and \(side.flag("tls-key"))."
            )
        }
        if reason.contains("ALERT_UNKNOWN_CA") || reason.contains("ALERT_BAD_CERTIFICATE")
            || reason.contains("ALERT_CERTIFICATE")
        {
            return self.error(.tls, "\(place) does not accept the certificate of \(side.flag("tls-cert")).")
        }
        if reason.contains("EOF during handshake") {
            return self.error(
                .tls,
                "\(place) closed the connection during the TLS handshake: if this is not a TLS port, use redis:// in the URL."
            )
        }
        return self.error(.tls, "TLS with \(place) failed: \(reason).")
    }

    /// First bytes of a TLS record, received where RESP was expected.
    func plainToTLS() -> ConnectionError {
        error(.tls, "\(place) speaks TLS: use rediss:// in the URL.")
    }
}

// MARK: - Refusals

extension ConnectionDiagnosis {
    /// What an error reply to any command says about the connection itself; `nil` where it is about the command.
    func refusal(_ reply: ServerError) -> ConnectionError? {
        switch reply.code {
        case "NOAUTH": return authentication(reply)
        case "DENIED":
            return error(
                .noPermission,
                "\(place) runs in protected mode and takes no clients from other machines: give it a password or "
                    + "bind it, or run here what connects to it.", reply: reply)
        case "ERR" where reply.message.hasPrefix("max number of clients"):
            return error(.refused, "\(place) takes no more clients (maxclients is reached).", reply: reply)
        default: return nil
        }
    }

    /// An error reply to `AUTH`, or `NOAUTH` to anything.
    func authentication(_ reply: ServerError) -> ConnectionError {
        let how = "\(side.flag("password-file")) or \(side.passwordVariable)"
        let who = settings.credentials.user.map { "user '\($0)'" }
        switch reply.code {
        case "NOAUTH":
            return error(.authentication, "\(place) wants a password: give it with \(how).", reply: reply)
        case "WRONGPASS":
            let hint =
                settings.credentials.hasPassword
                ? "the password from \(how) is wrong, or the user is disabled"
                : "no password was given: use \(how)"
            return error(.authentication, "\(place) refuses \(who ?? "the default user"): \(hint).", reply: reply)
        case "ERR" where reply.message.hasPrefix("invalid password"):
            return error(.authentication, "\(place) refuses the password from \(how): it is wrong.", reply: reply)
        // "Client sent AUTH, but no password is set" until 5.0, "AUTH <password> called without any password
        // configured for the default user" since 6.0.
        case "ERR" where reply.message.contains("no password is set") || reply.message.contains("without any password"):
            return error(
                .authentication,
                "\(place) has no password set, but one was given with \(how): leave it away, or check that this is the "
                    + "right server.", reply: reply)
        case "ERR" where reply.message.contains("wrong number of arguments"):
            return error(
                .authentication,
                "\(place) knows no users (they exist since Redis 6.0): leave \(who ?? "the user") out of "
                    + "the URL.", reply: reply)
        default:
            return refusal(reply) ?? error(.authentication, "\(place) refuses to log us in: \(reply)", reply: reply)
        }
    }

    /// An error reply to a command without which nothing goes on.
    func command(_ name: String, failed reply: ServerError) -> ConnectionError {
        if let refusal = refusal(reply) { return refusal }
        if reply.code == "NOPERM" {
            let user = settings.credentials.user ?? "default"
            let right = name.lowercased().replacing(" ", with: "|")
            return error(
                .noPermission,
                "\(place) does not let user '\(user)' run \(name): grant it with ACL SETUSER \(user) +\(right).",
                reply: reply)
        }
        return error(.commandFailed, "\(place) answered \(name) with: \(reply)", reply: reply)
    }
}
