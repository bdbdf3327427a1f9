package import NIOCore

/// How connections to one deployment are made.
package struct ConnectionSettings: Sendable {
    /// Which deployment it is, for messages.
    package var side: Side
    package var credentials: Credentials
    /// `nil`: plain text. Never used on Unix sockets.
    package var tls: TLSSettings?
    /// Shown by the server's `CLIENT LIST`; without spaces. Default `backfill-source` or `backfill-target`.
    package var clientName: String
    /// Most time for name lookup and TCP connect, and again for the TLS handshake. 100 ms ... 10 min; default 10 s.
    package var connectTimeout: TimeAmount
    /// Most time without a byte from the server while a reply is awaited. 100 ms ... 1 h; default 60 s.
    package var replyTimeout: TimeAmount
    /// What a reply may be at most.
    package var replyLimits = ReplyDecoder.Limits()

    package init(
        side: Side, credentials: Credentials = Credentials(), tls: TLSSettings? = nil, clientName: String? = nil,
        connectTimeout: TimeAmount = .seconds(10), replyTimeout: TimeAmount = .seconds(60)
    ) {
        self.side = side
        self.credentials = credentials
        self.tls = tls
        self.clientName = clientName ?? "backfill-\(side)"
        self.connectTimeout = connectTimeout
        self.replyTimeout = replyTimeout
    }
}
