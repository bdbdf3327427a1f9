import NIOCore
import NIOTLS

/// Sends encoded commands and hands out their replies, in order. Lives on the channel's event loop.
///
/// Bytes behind the last reply that somebody waits for are not looked at: after `PSYNC` they are a replication stream,
/// and belong to whoever takes over the channel.
final class ControlHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Commands that were written together.
    private struct Exchange {
        let promise: EventLoopPromise<[Reply]>
        var missing: Int
        var replies: [Reply] = []
    }

    /// Bytes that nobody waits for are read up to this many; then reading stops.
    private static let maximumUnclaimedBytes = 256 << 10

    private let diagnosis: ConnectionDiagnosis
    private let usesTLS: Bool
    private let ready: EventLoopPromise<Void>
    private var decoder: ReplyDecoder
    private var received = ByteBuffer()
    private var exchanges = CircularBuffer<Exchange>()
    private var failure: ConnectionError?
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var lastProgress = NIODeadline.now()
    private var isReady = false
    private var hasReceived = false
    private var hasHeldRead = false

    init(diagnosis: ConnectionDiagnosis, usesTLS: Bool, eventLoop: any EventLoop) {
        self.diagnosis = diagnosis
        self.usesTLS = usesTLS
        ready = eventLoop.makePromise()
        decoder = ReplyDecoder(limits: diagnosis.settings.replyLimits)
    }
}

// MARK: - For the connection

extension ControlHandler {
    /// Succeeds once commands can be sent: after the TLS handshake.
    var whenReady: EventLoopFuture<Void> { ready.futureResult }

    /// Writes commands; succeeds with their `count` replies.
    func exchange(_ commands: [ByteBuffer], count: Int) -> EventLoopFuture<[Reply]> {
        guard let context else { return ready.futureResult.eventLoop.makeFailedFuture(failure ?? diagnosis.closed()) }
        guard failure == nil else { return context.eventLoop.makeFailedFuture(failure ?? diagnosis.closed()) }
        guard count > 0 else { return context.eventLoop.makeSucceededFuture([]) }
        let promise = context.eventLoop.makePromise(of: [Reply].self)
        if exchanges.isEmpty {
            lastProgress = .now()
            startTimer(after: diagnosis.settings.replyTimeout, context: context)
        }
        exchanges.append(Exchange(promise: promise, missing: count))
        for buffer in commands { context.write(wrapOutboundOut(buffer), promise: nil) }
        context.flush()
        decode(context: context)
        resumeReading(context: context)
        return promise.futureResult
    }

    /// Leaves the pipeline, with reading stopped, and gives what was received and belongs to no reply.
    func leave() -> EventLoopFuture<ByteBuffer> {
        let loop = ready.futureResult.eventLoop
        guard let context, failure == nil else { return loop.makeFailedFuture(failure ?? diagnosis.closed()) }
        guard exchanges.isEmpty else {
            return loop.makeFailedFuture(
                diagnosis.error(.protocolViolation, "a connection was handed over while replies were awaited."))
        }
        do {
            try context.channel.syncOptions?.setOption(.autoRead, value: false)
        } catch {
            return loop.makeFailedFuture(diagnosis.network(error))
        }
        timer?.cancel()
        let leftover = received
        received = ByteBuffer()
        hasHeldRead = false
        return context.pipeline.syncOperations.removeHandler(context: context).map { leftover }
    }
}

// MARK: - Channel events

extension ControlHandler {
    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { becomeActive(context: context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        ready.fail(failure ?? diagnosis.closed())
    }

    func channelActive(context: ChannelHandlerContext) {
        becomeActive(context: context)
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { becomeReady() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        lastProgress = .now()
        if !hasReceived, !usesTLS, Self.looksLikeTLS(bytes) {
            fail(diagnosis.plainToTLS(), context: context)
            return
        }
        hasReceived = true
        if received.readableBytes == 0 { received = bytes } else { received.writeBuffer(&bytes) }
        decode(context: context)
    }

    func read(context: ChannelHandlerContext) {
        if exchanges.isEmpty, received.readableBytes > Self.maximumUnclaimedBytes {
            hasHeldRead = true
        } else {
            context.read()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let cause = diagnosis.network(error)
        // A reset before the first byte means the same as a close: a TLS port answers plain text with one.
        fail(cause.code == .closed && !hasReceived ? diagnosis.closed(isFirst: true) : cause, context: context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let parting = try? decoder.next(from: &received)
        fail(diagnosis.closed(isFirst: !hasReceived, parting: parting?.error), context: context)
        context.fireChannelInactive()
    }

    /// A TLS record begins with its type (21 alert, 22 handshake) and version 3.x; no reply does.
    private static func looksLikeTLS(_ bytes: ByteBuffer) -> Bool {
        guard let start = bytes.getInteger(at: bytes.readerIndex, as: UInt16.self) else { return false }
        return start == 0x1503 || start == 0x1603
    }
}

// MARK: - Inside

extension ControlHandler {
    private func becomeActive(context: ChannelHandlerContext) {
        if usesTLS {
            startTimer(after: diagnosis.settings.connectTimeout, context: context)
        } else {
            becomeReady()
        }
    }

    private func becomeReady() {
        guard !isReady else { return }
        isReady = true
        timer?.cancel()
        timer = nil
        ready.succeed(())
    }

    private func decode(context: ChannelHandlerContext) {
        do {
            while !exchanges.isEmpty {
                skipKeepAlives()
                guard let reply = try decoder.next(from: &received) else { break }
                // Not an answer to anything.
                if case .push = reply { continue }
                exchanges[exchanges.startIndex].replies.append(reply)
                exchanges[exchanges.startIndex].missing -= 1
                if exchanges[exchanges.startIndex].missing == 0 {
                    let exchange = exchanges.removeFirst()
                    exchange.promise.succeed(exchange.replies)
                }
            }
        } catch {
            fail(diagnosis.network(error), context: context)
            return
        }
        if exchanges.isEmpty {
            timer?.cancel()
            timer = nil
        }
        received.discardReadBytes()
    }

    /// A primary sends bare line feeds while it prepares its answer to PSYNC, to keep the link alive.
    private func skipKeepAlives() {
        guard !decoder.isInsideReply else { return }
        while received.getInteger(at: received.readerIndex, as: UInt8.self) == UInt8(ascii: "\n") {
            received.moveReaderIndex(forwardBy: 1)
        }
    }

    private func resumeReading(context: ChannelHandlerContext) {
        guard hasHeldRead else { return }
        hasHeldRead = false
        context.read()
    }

    private func startTimer(after delay: TimeAmount, context: ChannelHandlerContext) {
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: delay) { [weak self] in self?.timerFired() }
    }

    private func timerFired() {
        timer = nil
        guard let context else { return }
        guard isReady else {
            fail(diagnosis.noHandshake(), context: context)
            return
        }
        guard !exchanges.isEmpty else { return }
        let silence = NIODeadline.now() - lastProgress
        if silence >= diagnosis.settings.replyTimeout {
            fail(diagnosis.noReply(), context: context)
        } else {
            startTimer(after: diagnosis.settings.replyTimeout - silence, context: context)
        }
    }

    /// The first failure is the cause; what follows from it is not reported.
    private func fail(_ error: ConnectionError, context: ChannelHandlerContext) {
        guard failure == nil else { return }
        failure = error
        timer?.cancel()
        timer = nil
        ready.fail(error)
        while let exchange = exchanges.popFirst() { exchange.promise.fail(error) }
        context.close(promise: nil)
    }
}
