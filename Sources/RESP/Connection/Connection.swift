package import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One connection to one server, for control-level use: commands and replies, in RESP2.
///
/// A lane of the hot path takes the channel over with ``handOver()`` once the login is done.
package final class Connection: Sendable {
    /// Which server it is.
    package let endpoint: Endpoint
    package let settings: ConnectionSettings
    private let channel: any Channel
    private let handler: NIOLoopBound<ControlHandler>

    private init(endpoint: Endpoint, settings: ConnectionSettings, channel: any Channel, handler: ControlHandler) {
        self.endpoint = endpoint
        self.settings = settings
        self.channel = channel
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
    }

    /// The loop on which the channel lives.
    package var eventLoop: any EventLoop { channel.eventLoop }

    /// Succeeds when the connection has ended, for whatever reason.
    package var closed: EventLoopFuture<Void> { channel.closeFuture }

    /// Closes the connection; replies that are awaited fail with ``ConnectionError/Code/closed``.
    package func close() async {
        try? await channel.close()
    }

    /// Sends one command. An error reply is returned, not thrown.
    package func send(_ arguments: any CommandArgument...) async throws(ConnectionError) -> Reply {
        try await pipeline([arguments])[0]
    }

    /// Sends commands at once; their replies in the same order. Error replies are returned, not thrown.
    package func pipeline(_ commands: [[any CommandArgument]]) async throws(ConnectionError) -> [Reply] {
        var buffer = channel.allocator.buffer(capacity: 64 * commands.count)
        for command in commands { CommandEncoder.write(command, to: &buffer) }
        return try await exchange([buffer], count: commands.count)
    }

    /// Sends commands whose arguments are all bytes.
    package func pipeline(bytes commands: [[[UInt8]]]) async throws(ConnectionError) -> [Reply] {
        try await pipeline(commands.map { $0 as [any CommandArgument] })
    }

    /// Sends `count` commands that are encoded already, one buffer behind another; their replies in the same order.
    package func pipeline(encoded commands: [ByteBuffer], count: Int) async throws(ConnectionError) -> [Reply] {
        try await exchange(commands, count: count)
    }

    /// Sends one command without which nothing goes on.
    ///
    /// - Throws: Also an error reply, with a sentence that names the command; a missing permission as
    ///   ``ConnectionError/Code/noPermission``.
    package func demand(_ arguments: any CommandArgument...) async throws(ConnectionError) -> Reply {
        let reply = try await pipeline([arguments])[0]
        guard let error = reply.error else { return reply }
        throw diagnosis.command(Self.name(of: arguments), failed: error)
    }

    /// Takes the control handler off the channel, so that another one can be added.
    ///
    /// Reading is off (`autoRead`) on the channel that is returned, so that no byte passes between the two handlers:
    /// whoever takes over adds a handler, gives it `leftover` and sets `autoRead` again. TLS stays on the channel.
    ///
    /// - Returns: The channel, and the bytes that had come behind the last reply.
    /// - Throws: ``ConnectionError/Code/protocolViolation`` while replies are awaited.
    package func handOver() async throws(ConnectionError) -> (channel: any Channel, leftover: ByteBuffer) {
        let leftover = try await get(channel.eventLoop.flatSubmit { [handler] in handler.value.leave() })
        return (channel, leftover)
    }

    /// What messages about this connection are made of.
    var diagnosis: ConnectionDiagnosis { ConnectionDiagnosis(endpoint: endpoint, settings: settings) }

    private func exchange(_ commands: [ByteBuffer], count: Int) async throws(ConnectionError) -> [Reply] {
        try await get(channel.eventLoop.flatSubmit { [handler] in handler.value.exchange(commands, count: count) })
    }

    private func get<Value: Sendable>(_ future: EventLoopFuture<Value>) async throws(ConnectionError) -> Value {
        do {
            return try await future.get()
        } catch {
            throw diagnosis.network(error)
        }
    }

    /// The command as an operator knows it: with its subcommand where it has some.
    private static func name(of arguments: [any CommandArgument]) -> String {
        let words = arguments.prefix(2).compactMap { $0 as? String }.map { $0.uppercased() }
        guard let first = words.first else { return "a command" }
        let containers: Set = ["CLIENT", "CLUSTER", "CONFIG", "FUNCTION", "SENTINEL", "OBJECT", "MEMORY", "SCRIPT"]
        return words.count > 1 && containers.contains(first) ? words.joined(separator: " ") : first
    }
}

// MARK: - Opening

extension Connection {
    /// Connects, shakes hands (TLS, with verification), logs in and names the client.
    ///
    /// - Throws: ``ConnectionError`` with a sentence for the operator.
    package static func open(
        _ endpoint: Endpoint, settings: ConnectionSettings, on loop: any EventLoop
    ) async throws(ConnectionError) -> Connection {
        let diagnosis = ConnectionDiagnosis(endpoint: endpoint, settings: settings)
        let login: [any CommandArgument]?
        let tls: NIOSSLContext?
        do throws(FileError) {
            login = try settings.credentials.authentication()
            tls = endpoint.host == nil ? nil : try settings.tls?.makeContext()
        } catch {
            throw diagnosis.file(error)
        }
        let connection = try await connect(diagnosis, tls: tls, on: loop)
        do throws(ConnectionError) {
            try await connection.logIn(login)
        } catch {
            await connection.close()
            throw error
        }
        return connection
    }

    private static func connect(
        _ diagnosis: ConnectionDiagnosis, tls: NIOSSLContext?, on loop: any EventLoop
    ) async throws(ConnectionError) -> Connection {
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(diagnosis.settings.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: diagnosis.endpoint.serverName))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        ControlHandler(diagnosis: diagnosis, usesTLS: tls != nil, eventLoop: channel.eventLoop))
                }
            }
        let connected: EventLoopFuture<any Channel> =
            switch diagnosis.endpoint {
            case .tcp(let host, let port): bootstrap.keepingAlive().connect(host: host, port: port)
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        do {
            return try await connected.flatMapThrowing { channel in
                Connection(
                    endpoint: diagnosis.endpoint, settings: diagnosis.settings, channel: channel,
                    handler: try channel.pipeline.syncOperations.handler(type: ControlHandler.self))
            }.flatMap { connection in
                connection.handler.value.whenReady.map { connection }
            }.get()
        } catch {
            throw diagnosis.network(error)
        }
    }

    private func logIn(_ authentication: [any CommandArgument]?) async throws(ConnectionError) {
        if let authentication, let error = try await pipeline([authentication])[0].error {
            throw diagnosis.authentication(error)
        }
        // Only a name: a server that does not let us have one is no worse. But what it says about clients as such,
        // such as that a password is wanted, is better known now.
        if let error = try await send("CLIENT", "SETNAME", settings.clientName).error,
            let refusal = diagnosis.refusal(error)
        {
            throw refusal
        }
    }
}

extension ClientBootstrap {
    /// No delay for small commands, and probes that notice a peer that vanished from an idle connection in 90 seconds.
    fileprivate func keepingAlive() -> ClientBootstrap {
        channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE)), value: 30)
            .channelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)), value: 10)
            .channelOption(.tcpOption(NIOBSDSocket.Option(rawValue: TCP_KEEPCNT)), value: 6)
    }
}

extension Endpoint {
    /// The host as TLS names it; `nil` for an IP address, which is verified against the certificate by itself.
    fileprivate var serverName: String? {
        guard let host, (try? SocketAddress(ipAddress: host, port: 0)) == nil else { return nil }
        return host
    }
}
