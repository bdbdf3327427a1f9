internal import NIOCore
internal import RDBParser
internal import RESP

/// The shell around ``SnapshotFraming`` and the RDB parser on one channel.
final class SnapshotHandler<Taker: KeyTaker>: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case answer
        case payload
        case marker
        case done
    }

    /// How long nothing must come before a large element that seems unfinished is looked at again.
    private static var lull: TimeAmount { .milliseconds(5) }

    private let reader: SnapshotReader<Taker>
    private let name: String
    private let loop: any EventLoop
    private let context: ReaderContext<Taker>
    private let end: EventLoopPromise<Void>
    private let acknowledges: Bool
    private let limit: TimeAmount
    private let side: Side
    private var framing = SnapshotFraming()
    private var feed: RecordFeed<TakerVisitor<Taker>>
    private var phase = Phase.answer
    private var rest = ByteBuffer()
    private var offset: Int64 = 0
    private var lastHeard = NIODeadline.now()
    private var isPaused = false
    /// `nil`: there is no limit.
    private var pace: SnapshotPace?
    /// Whether it is the limit for which nothing is read.
    private var isHeldBack = false
    /// What came nevertheless: at most what the kernel had taken.
    private var held = ByteBuffer()
    private var isClosed = false
    private var heartbeat: RepeatedTask?

    init(
        reader: SnapshotReader<Taker>, name: String, loop: any EventLoop, context: ReaderContext<Taker>,
        end: EventLoopPromise<Void>,
        acknowledges: Bool, limit: TimeAmount, side: Side
    ) throws {
        self.acknowledges = acknowledges
        self.reader = reader
        self.name = name
        self.loop = loop
        self.context = context
        self.end = end
        self.limit = limit
        self.side = side
        pace = SnapshotPace(context.throttle)
        feed = RecordFeed(
            visitor: TakerVisitor(taker: try context.makeTaker()), wholeUpTo: context.bigValueBytes)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        send(["PSYNC", "?", "-1"], context)
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        heartbeat = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            let (handler, context) = bound.value
            handler.beat(context)
        }
        self.context.control.whenEnding { [loop] in
            loop.execute {
                let (handler, _) = bound.value
                handler.finish(nil)
            }
        }
    }

    private func send(_ words: [String], _ context: ChannelHandlerContext) {
        var buffer = context.channel.allocator.buffer(capacity: 128)
        buffer.writeString("*\(words.count)\r\n")
        for word in words { buffer.writeString("$\(word.utf8.count)\r\n\(word)\r\n") }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    /// Once a second: tells the primary that we live, and looks whether it does.
    private func beat(_ context: ChannelHandlerContext) {
        guard phase != .done else { return }
        if phase == .payload, acknowledges { send(["REPLCONF", "ACK", "\(offset)"], context) }
        if !isPaused, NIODeadline.now() - lastHeard > limit {
            let seconds = limit.nanoseconds / 1_000_000_000
            finish(RunError(.connection, "The \(side) \(name) sent nothing for \(seconds) s, after \(howFar)."))
        }
    }

    private var howFar: String { "\(feed.visitor.taker.tally.read) keys (\(feed.offset) bytes of its snapshot)" }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .done else { return }
        var bytes = unwrapInboundIn(data)
        lastHeard = .now()
        if pace != nil, isPaused || held.readableBytes > 0 {
            // A link that is closed is read to its end at once, whatever was asked for.
            held.writeBuffer(&bytes)
        } else {
            take(bytes, context)
        }
    }

    @specialized(where Taker == KeyRouter)
    @specialized(where Taker == KeyForwarder)
    private func take(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        var bytes = bytes
        let size = bytes.readableBytes
        if rest.readableBytes > 0 {
            rest.writeBuffer(&bytes)
            bytes = rest
            rest = ByteBuffer()
        }
        do {
            if phase == .answer { try answer(&bytes) }
            if phase == .payload {
                self.context.renew(&feed.visitor.taker)
                try feed.feed(&bytes)
                feed.visitor.taker.flushIfMuch()
            }
            try conclude(&bytes)
            if phase == .payload {
                keepPace(size, context)
                pauseIfFull(context)
            }
        } catch let error as RDBError {
            finish(RunError(.input, "The snapshot of \(name) is damaged, after \(howFar): \(error)"))
        } catch {
            finish(error)
        }
    }

    /// Goes on behind the end of the RDB data, once it is there.
    private func conclude(_ bytes: inout ByteBuffer) throws {
        if phase == .payload {
            if feed.isFinished {
                feed.visitor.taker.flush()
                phase = .marker
            }
            reader.publish(feed, isComplete: false)
        }
        if phase == .marker { try prove(bytes) }
        if phase == .answer || phase == .marker, bytes.readableBytes > 0 { rest.writeBuffer(&bytes) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        lookAfterLull(context)
    }

    private func lookAfterLull(_ context: ChannelHandlerContext) {
        // Where we do not read, that nothing came says nothing.
        guard phase == .payload, !isHeldBack, feed.hasPutOff else { return }
        let heard = lastHeard
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        loop.scheduleTask(in: Self.lull) {
            let (handler, context) = bound.value
            if handler.lastHeard == heard, !handler.isHeldBack { handler.lookAtRest(context) }
        }
    }

    /// Nothing came for a moment: what is there may be all.
    @specialized(where Taker == KeyRouter)
    @specialized(where Taker == KeyForwarder)
    private func lookAtRest(_ context: ChannelHandlerContext) {
        guard phase == .payload else { return }
        do {
            var bytes = ByteBuffer()
            try feed.look(&bytes)
            try conclude(&bytes)
        } catch let error as RDBError {
            finish(RunError(.input, "The snapshot of \(name) is damaged, after \(howFar): \(error)"))
        } catch {
            finish(error)
        }
    }

    private func answer(_ bytes: inout ByteBuffer) throws {
        while phase == .answer, let event = framing.next(&bytes) {
            switch event {
            case .fullResynchronization(_, let offset): self.offset = offset
            case .payload: phase = .payload
            case .refused(let line):
                let reason = line.hasPrefix("-") ? String(line.dropFirst()) : line
                let grant = reason.hasPrefix("NOPERM") ? " Grant +psync +replconf to its user." : ""
                throw RunError(
                    .snapshotRefused,
                    "The \(side) \(name) refuses PSYNC: \(reason).\(grant) Where replication is not allowed, use --read scan."
                )
            }
        }
    }

    private func prove(_ rest: ByteBuffer) throws {
        guard let isProven = framing.isProven(rest, rdbLength: feed.offset) else { return }
        guard isProven else {
            throw RunError(.input, "The snapshot of \(name) does not end where it said it would, after \(howFar).")
        }
        finish(nil)
    }

    private func pauseIfFull(_ context: ChannelHandlerContext) {
        guard !isPaused else { return }
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        isPaused = !self.context.pressure.hasRoom(on: loop) {
            let (handler, context) = bound.value
            handler.resume(context)
        }
        if !isPaused, let pause = pace?.pause() {
            (isPaused, isHeldBack) = (true, true)
            loop.scheduleTask(in: pause) {
                let (handler, context) = bound.value
                handler.resume(context)
            }
        }
        if isPaused {
            feed.visitor.taker.flush()
            setAutoRead(false, context)
        }
    }

    private func resume(_ context: ChannelHandlerContext) {
        guard phase != .done else { return }
        (isPaused, isHeldBack) = (false, false)
        lastHeard = .now()
        if pace != nil { takeHeld(context) }
        guard phase != .done, !isPaused else { return }
        if isClosed { return concludeClosed(context) }
        setAutoRead(true, context)
        lookAfterLull(context)
    }

    /// Takes what is held, as far as the limit allows it.
    private func takeHeld(_ context: ChannelHandlerContext) {
        pauseIfFull(context)
        while phase != .done, !isPaused, held.readableBytes > 0,
            let bytes = held.readSlice(length: min(pace?.chunk ?? .max, held.readableBytes))
        {
            take(bytes, context)
        }
        if held.readableBytes == 0 { held = ByteBuffer() }
    }

    /// Counts what was read for the limit, and has as much read next as suits it.
    private func keepPace(_ size: Int, _ context: ChannelHandlerContext) {
        guard let chunk = pace?.take(bytes: size, keys: feed.visitor.taker.tally.read), !isClosed else { return }
        do {
            try context.channel.syncOptions?.setOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: chunk))
        } catch {
            finish(RunError(.connection, "The link to \(name) failed, after \(howFar): \(Words.of(error))"))
        }
    }

    private func setAutoRead(_ isOn: Bool, _ context: ChannelHandlerContext) {
        if isClosed { return }
        do {
            try context.channel.syncOptions?.setOption(.autoRead, value: isOn)
        } catch {
            finish(RunError(.connection, "The link to \(name) failed, after \(howFar): \(Words.of(error))"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        if held.readableBytes == 0 { concludeClosed(context) }
        context.fireChannelInactive()
    }

    /// All that came before the link was closed is taken.
    private func concludeClosed(_ context: ChannelHandlerContext) {
        // A primary closes the link behind the last byte that was asked for; what is there may be all.
        lookAtRest(context)
        var reason = "The \(side) \(name) closed the link, after \(howFar)."
        if let pace, pace.waited > .zero {
            reason += " A source gives up a replica that takes too little for its repl-timeout: "
            reason += "read it with --read scan, or raise the limit."
        }
        finish(RunError(.connection, reason))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        finish(RunError(.connection, "The link to \(name) failed, after \(howFar): \(Words.of(error))"))
    }

    private func finish(_ error: (any Error)?) {
        guard phase != .done else { return }
        phase = .done
        heartbeat?.cancel()
        feed.visitor.finish()
        reader.publish(feed, isComplete: error == nil && feed.isFinished)
        if let error { end.fail(error) } else { end.succeed() }
    }
}
