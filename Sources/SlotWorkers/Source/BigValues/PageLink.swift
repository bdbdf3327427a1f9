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
    private let throttle: Throttle?
    private var exchange: Exchange?
    private var received = ByteBuffer()
    private var failure: BigValueError?
    private var lastHeard = NIODeadline.now()

    private init(channel: any Channel, replyTimeout: TimeAmount, throttle: Throttle?) {
        self.channel = channel
        self.replyTimeout = replyTimeout
        self.throttle = throttle
    }

    /// Takes a connection over, which has no reply outstanding.
    ///
    /// - Parameter throttle: Waited for before each question, and told of all bytes that come.
    static func open(_ connection: Connection, _ throttle: Throttle? = nil) async throws -> PageLink {
        let timeout = connection.settings.replyTimeout
        let channel = try await connection.handOver().channel
        return try await channel.eventLoop.submit {
            let link = PageLink(channel: channel, replyTimeout: timeout, throttle: throttle)
            let options = channel.syncOptions
            try options?.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 256 << 10))
            try channel.pipeline.syncOperations.addHandler(link)
            try options?.setOption(.autoRead, value: true)
            return link
        }.get()
    }

    /// What a page should bring, and hold, at most.
    var limits: PageSize.Limits {
        guard let throttle else { return PageSize.Limits() }
        var limits = PageSize.Limits()
        limits.bytes = min(limits.bytes, throttle.limit.portion.bytes)
        return limits
    }

    /// Sends commands, once the side's limit allows it; the bytes of their replies, whole. One exchange at a time.
    ///
    /// - Parameters:
    ///   - replies: How many there will be, `QUEUED` ones too.
    ///   - keys: How many keys begin to be read with it.
    /// - Returns: Fails with `CancellationError` when the run ends before.
    func exchange(_ commands: ByteBuffer, replies: Int, keys: Int = 0) -> EventLoopFuture<ByteBuffer> {
        let promise = channel.eventLoop.makePromise(of: ByteBuffer.self)
        channel.eventLoop.execute { [self] in begin(commands, replies: replies, keys: keys, promise) }
        return promise.futureResult
    }

    private func begin(_ commands: ByteBuffer, replies: Int, keys: Int, _ promise: EventLoopPromise<ByteBuffer>) {
        guard failure == nil, exchange == nil else {
            return promise.fail(failure ?? BigValueError(.lost, "two questions at once"))
        }
        if let throttle, let pause = throttle.limit.take(keys: keys, bytes: 0) {
            guard !throttle.control.isEnding else { return promise.fail(CancellationError()) }
            channel.eventLoop.scheduleTask(in: pause) { [self] in
                begin(commands, replies: replies, keys: keys, promise)
            }
            return
        }
        exchange = Exchange(promise: promise, counter: ReplyCounter(replies: replies))
        lastHeard = .now()
        watch(promise)
        channel.writeAndFlush(commands, promise: nil)
    }

    /// Ends the connection; what is awaited fails.
    func close() {
        channel.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        lastHeard = .now()
        throttle?.limit.spend(keys: 0, bytes: bytes.readableBytes)
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
