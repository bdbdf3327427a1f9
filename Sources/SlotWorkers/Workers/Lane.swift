internal import DequeModule
internal import NIOCore
internal import RESP

/// What a lane tells its worker. All calls come on the worker's loop.
protocol LaneOwner: AnyObject {
    func lane(_ lane: Lane, did actions: [ReplyWindow.Action])
    func laneIsLost(_ lane: Lane, reason: String)
}

/// One worker's connection to one primary: a thin shell around ``ReplyWindow``.
///
/// Sendable by confinement: every member is touched on the channel's loop alone.
final class Lane: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let endpoint: Endpoint
    /// The connection's number on the server, by which a later connection can end this one.
    let clientID: Int64?
    private let channel: any Channel
    private weak var owner: (any LaneOwner)?
    private var window = ReplyWindow()
    /// The database that the server has selected for this connection, or was asked to.
    private var database = 0
    /// Batches behind a `SELECT` whose reply is not there yet: if it were refused they would go to the wrong database.
    private var behindSelect: Deque<Batch> = []
    private var isSelecting = false
    /// The start of a reply whose rest is still to come.
    private var rest = ByteBuffer()
    private(set) var isLost = false
    /// How long replies gather before they are looked at. Far below what is in flight takes to be answered.
    private static let gathering = TimeAmount.milliseconds(1)
    /// When something was last heard, for the time-out.
    private(set) var lastReply = NIODeadline.now()

    init(endpoint: Endpoint, clientID: Int64?, channel: any Channel, owner: any LaneOwner) {
        self.endpoint = endpoint
        self.clientID = clientID
        self.channel = channel
        self.owner = owner
    }

    var isQuiet: Bool { isLost || window.isQuiet && behindSelect.isEmpty }

    func send(_ batch: Batch) {
        guard !isLost, !isSelecting else {
            behindSelect.append(batch)
            return
        }
        if window.isQuiet { lastReply = .now() }
        if batch.database != database {
            database = batch.database
            isSelecting = true
            behindSelect.append(batch)
            var select = Batch(database: database, epoch: 0, destination: 0, recycling: ByteBuffer())
            select.append(keys: 0, arguments: [Array("SELECT".utf8), Array(String(database).utf8)])
            window.sent(select)
            channel.writeAndFlush(select.bytes, promise: nil)
            return
        }
        window.sent(batch)
        channel.writeAndFlush(batch.bytes, promise: nil)
    }

    /// Whether nothing was heard for `limit` while something is awaited.
    func isSilent(for limit: TimeAmount, at now: NIODeadline) -> Bool {
        !isLost && !window.isQuiet && now - lastReply > limit
    }

    func takeRepetitions(
        slot: ([UInt8]) -> UInt16
    ) -> (repetitions: [ReplyWindow.Repetition], finished: [(batch: Batch, copied: Int)]) {
        // What was never sent comes behind what was.
        while let batch = behindSelect.popFirst() { window.sent(batch) }
        return window.takeRepetitions(slot: slot)
    }

    func close() {
        owner = nil
        isLost = true
        channel.close(promise: nil)
    }

    /// Gives the connection up, as if the peer had closed it.
    func lose(_ reason: String) {
        guard !isLost else { return }
        isLost = true
        channel.close(promise: nil)
        owner?.laneIsLost(self, reason: reason)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        lastReply = .now()
        if rest.readableBytes > 0 {
            rest.writeBuffer(&bytes)
            swap(&rest, &bytes)
            rest.clear()
        }
        var position = 0
        var actions: [ReplyWindow.Action] = []
        do throws(WriteReplyScanner.Malformed) {
            let span = bytes.readableBytesSpan
            while position < span.byteCount, let next = try WriteReplyScanner.next(in: span, from: position) {
                actions.append(contentsOf: window.received(next.reply))
                position += next.size
            }
        } catch {
            lose("\(endpoint) sent a byte that is no reply: \(error.byte)")
            return
        }
        bytes.moveReaderIndex(forwardBy: position)
        if bytes.readableBytes > 0 { rest.writeBuffer(&bytes) }
        owner?.lane(self, did: actions.filter { !handle($0) })
    }

    /// Sends what waited for a `SELECT`.
    ///
    /// - Returns: Whether the action was meant for the lane.
    private func handle(_ action: ReplyWindow.Action) -> Bool {
        switch action {
        case .selected:
            isSelecting = false
            var waiting = Deque<Batch>()
            swap(&waiting, &behindSelect)
            for batch in waiting { send(batch) }
        case .notSelected(let reason): lose("\(endpoint) refuses SELECT \(database): \(reason)")
        default: return false
        }
        return true
    }

    /// Lets replies gather: a target that answers every few commands would otherwise wake us thousands of times a second,
    /// which costs both sides more than the commands.
    func channelReadComplete(context: ChannelHandlerContext) {
        guard !isLost else { return }
        setReading(false)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.gathering) { [weak self] in self?.setReading(true) }
    }

    private func setReading(_ isOn: Bool) {
        guard !isLost else { return }
        do {
            try channel.syncOptions?.setOption(.autoRead, value: isOn)
        } catch {
            lose("\(endpoint): \(Words.of(error))")
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        lose("\(endpoint) closed the connection")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        lose("\(endpoint): \(Words.of(error))")
    }
}
