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

    @specialized(where Taker == KeyRouter)
    @specialized(where Taker == KeyForwarder)
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase != .done else { return }
        var bytes = unwrapInboundIn(data)
        lastHeard = .now()
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
            if phase == .payload { pauseIfFull(context) }
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
        guard phase == .payload, feed.hasPutOff else { return }
        let heard = lastHeard
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        loop.scheduleTask(in: Self.lull) {
            let (handler, context) = bound.value
            if handler.lastHeard == heard { handler.lookAtRest(context) }
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
        if isPaused {
            feed.visitor.taker.flush()
            setAutoRead(false, context)
        }
    }

    private func resume(_ context: ChannelHandlerContext) {
        guard phase != .done else { return }
        isPaused = false
        lastHeard = .now()
        setAutoRead(true, context)
    }

    private func setAutoRead(_ isOn: Bool, _ context: ChannelHandlerContext) {
        do {
            try context.channel.syncOptions?.setOption(.autoRead, value: isOn)
        } catch {
            finish(RunError(.connection, "The link to \(name) failed, after \(howFar): \(Words.of(error))"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A primary closes the link behind the last byte that was asked for; what is there may be all.
        lookAtRest(context)
        finish(RunError(.connection, "The \(side) \(name) closed the link, after \(howFar)."))
        context.fireChannelInactive()
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
