internal import NIOCore
internal import RESP

/// A connection for reading one value page by page: commands out, the bytes of all their replies in.
///
/// Sendable by confinement: all that changes is touched on its channel's loop alone.
final class PageLink: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer

    private struct Exchange {
        let promise: EventLoopPromise<ByteBuffer>
        var counter: ReplyCounter
    }

    private let channel: any Channel
    private let replyTimeout: TimeAmount
    private var exchange: Exchange?
    private var received = ByteBuffer()
    private var failure: BigValueError?
    private var lastHeard = NIODeadline.now()

    private init(channel: any Channel, replyTimeout: TimeAmount) {
        self.channel = channel
        self.replyTimeout = replyTimeout
    }

    /// Takes a connection over, which has no reply outstanding.
    static func open(_ connection: Connection) async throws -> PageLink {
        let timeout = connection.settings.replyTimeout
        let channel = try await connection.handOver().channel
        return try await channel.eventLoop.submit {
            let link = PageLink(channel: channel, replyTimeout: timeout)
            let options = channel.syncOptions
            try options?.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 << 10))
            try channel.pipeline.syncOperations.addHandler(link)
            try options?.setOption(.autoRead, value: true)
            return link
        }.get()
    }

    /// Sends commands; the bytes of their replies, whole. One exchange at a time.
    ///
    /// - Parameter replies: How many there will be, `QUEUED` ones too.
    func exchange(_ commands: ByteBuffer, replies: Int) -> EventLoopFuture<ByteBuffer> {
        let promise = channel.eventLoop.makePromise(of: ByteBuffer.self)
        channel.eventLoop.execute { [self] in
            guard failure == nil, exchange == nil else {
                return promise.fail(failure ?? BigValueError(.lost, "two questions at once"))
            }
            exchange = Exchange(promise: promise, counter: ReplyCounter(replies: replies))
            lastHeard = .now()
            watch(promise)
            channel.writeAndFlush(commands, promise: nil)
        }
        return promise.futureResult
    }

    /// Ends the connection; what is awaited fails.
    func close() {
        channel.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        lastHeard = .now()
        received.writeBuffer(&bytes)
        do {
            guard let size = try exchange?.counter.follow(received.readableBytesSpan) else { return }
            guard size == received.readableBytes else { return lose("it answered more than it was asked") }
        } catch {
            return lose(Words.of(error))
        }
        let page = received
        received = ByteBuffer()
        let answered = exchange
        exchange = nil
        answered?.promise.succeed(page)
    }

    func channelInactive(context: ChannelHandlerContext) {
        lose("it closed the connection")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        lose(Words.of(error))
    }

    /// Gives the connection up when nothing is heard for too long while a reply is awaited.
    private func watch(_ promise: EventLoopPromise<ByteBuffer>) {
        let timer = channel.eventLoop.scheduleRepeatedTask(
            initialDelay: .seconds(1), delay: .seconds(1)
        ) { [weak self] _ in
            guard let self, NIODeadline.now() - lastHeard > replyTimeout else { return }
            lose("it did not answer in time")
        }
        promise.futureResult.whenComplete { _ in timer.cancel() }
    }

    private func lose(_ reason: String) {
        guard failure == nil else { return }
        let error = BigValueError(.lost, reason)
        failure = error
        received = ByteBuffer()
        channel.close(promise: nil)
        exchange?.promise.fail(error)
        exchange = nil
    }
}
