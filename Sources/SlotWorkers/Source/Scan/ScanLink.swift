internal import NIOCore
internal import RESP

/// Who understands the replies on a link. All calls come on the link's loop.
protocol ReplyConsumer: AnyObject {
    /// Takes one reply, or as much of it as is there.
    ///
    /// - Returns: `false` when more bytes are needed.
    @_lifetime(cursor: copy cursor)
    func consume(_ cursor: inout ReplyCursor, from link: ScanLink) throws -> Bool
    /// All that had come was taken.
    func didConsume(from link: ScanLink)
    func linkIsLost(_ link: ScanLink, reason: String)
}

/// One connection on which keys are named or dumped: a thin shell that keeps what is not whole yet.
///
/// Sendable by confinement: touched on its channel's loop alone.
final class ScanLink: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer

    private let channel: any Channel
    private weak var consumer: (any ReplyConsumer)?
    private let throttle: Throttle?
    private var rest = ByteBuffer()
    /// `rest` is not worth looking at before it has this many bytes.
    private var needed = 0
    private var isLost = false
    private var lastHeard = NIODeadline.now()

    private init(channel: any Channel, consumer: any ReplyConsumer, throttle: Throttle?) {
        self.channel = channel
        self.consumer = consumer
        self.throttle = throttle
    }

    /// Takes a connection over, which has no reply outstanding.
    ///
    /// - Parameter throttle: Told of all bytes that come.
    static func open(
        _ connection: Connection, on loop: any EventLoop, for consumer: any ReplyConsumer & Sendable,
        throttle: Throttle? = nil
    ) async throws -> ScanLink {
        let channel = try await connection.handOver().channel
        return try await loop.submit {
            let link = ScanLink(channel: channel, consumer: consumer, throttle: throttle)
            let options = channel.syncOptions
            try options?.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 << 10))
            try channel.pipeline.syncOperations.addHandler(link)
            try options?.setOption(.autoRead, value: true)
            return link
        }.get()
    }

    func send(_ bytes: ByteBuffer) {
        lastHeard = .now()
        guard !isLost else { return }
        channel.writeAndFlush(bytes, promise: nil)
    }

    /// Whether nothing was heard for `limit`.
    func isSilent(for limit: TimeAmount) -> Bool { !isLost && NIODeadline.now() - lastHeard > limit }

    func close() {
        consumer = nil
        isLost = true
        channel.close(promise: nil)
    }

    func lose(_ reason: String) {
        guard !isLost else { return }
        isLost = true
        channel.close(promise: nil)
        consumer?.linkIsLost(self, reason: reason)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isLost, let consumer else { return }
        var bytes = unwrapInboundIn(data)
        lastHeard = .now()
        throttle?.limit.spend(keys: 0, bytes: bytes.readableBytes)
        if rest.readableBytes > 0 {
            rest.writeBuffer(&bytes)
            guard rest.readableBytes >= needed else { return }
            bytes = rest
            rest = ByteBuffer()
        }
        do {
            var cursor = ReplyCursor(bytes.readableBytesSpan)
            while try consumer.consume(&cursor, from: self) {}
            needed = cursor.needed - cursor.position
            bytes.moveReaderIndex(forwardBy: cursor.position)
        } catch {
            lose(Words.of(error))
            return
        }
        if bytes.readableBytes > 0 { rest.writeBuffer(&bytes) }
        consumer.didConsume(from: self)
    }

    func channelInactive(context: ChannelHandlerContext) {
        lose("it closed the connection")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        lose(Words.of(error))
    }
}
