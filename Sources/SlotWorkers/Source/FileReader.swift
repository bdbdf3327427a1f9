internal import NIOConcurrencyHelpers
internal import NIOCore
internal import RDBParser

/// Reads an RDB file, or standard input, on one loop.
///
/// Sendable by confinement: all but `state` is touched on `loop` alone.
final class FileReader<Taker: KeyTaker>: Reader, @unchecked Sendable {
    let name: String
    let state = NIOLockedValueBox(ReaderState())
    private let loop: any EventLoop
    private let context: ReaderContext<Taker>
    private let input: FileInput
    private let end: EventLoopPromise<Void>
    private var feed: RecordFeed<TakerVisitor<Taker>>?
    private var buffer = ByteBuffer()
    /// Bytes of one read: small enough to stay in the processor's cache until the last of them is encoded.
    private static var chunk: Int { 1 << 20 }

    init(input: FileInput, loop: any EventLoop, context: ReaderContext<Taker>) {
        self.input = input
        self.loop = loop
        self.context = context
        name = input.name
        end = loop.makePromise()
    }

    func run() async throws {
        try await loop.submit { [self] in
            feed = RecordFeed(
                visitor: TakerVisitor(taker: try context.makeTaker()), wholeUpTo: context.bigValueBytes)
            pump()
        }.get()
        try await end.futureResult.get()
    }

    @specialized(where Taker == KeyRouter)
    @specialized(where Taker == KeyForwarder)
    private func pump() {
        // Out of the class while it works: no access to its parts is then checked key by key.
        guard var feed = feed.take() else { return }
        let result = Result { () throws -> Bool in try readChunk(&feed) }
        publish(feed)
        if case .success(true) = result {
            self.feed = feed
            return
        }
        feed.visitor.finish()
        publish(feed)
        switch result {
        case .success: end.succeed()
        case .failure(let error as RDBError): end.fail(RunError(.input, "\(name): \(error)"))
        case .failure(let error): end.fail(error)
        }
    }

    /// Reads and routes one chunk, and sees to it that the next one is read.
    ///
    /// - Returns: Whether more will be read.
    private func readChunk(_ feed: inout RecordFeed<TakerVisitor<Taker>>) throws -> Bool {
        if context.control.isEnding { return false }
        guard context.pressure.hasRoom(on: loop, orResume: { [self] in pump() }) else {
            feed.visitor.taker.flush()
            return true
        }
        if input.isReady() {
            context.renew(&feed.visitor.taker)
            try input.read(Self.chunk, into: &buffer)
            if buffer.readableBytes == 0 { try feed.finish(&buffer) } else { try feed.feed(&buffer) }
            feed.visitor.taker.flushIfMuch()
        } else {
            feed.visitor.taker.flush()
        }
        if feed.isFinished {
            try input.expectEnd(after: buffer)
            return false
        }
        loop.execute { self.pump() }
        return true
    }

    private func publish(_ feed: RecordFeed<TakerVisitor<Taker>>) {
        state.withLockedValue { state in
            state.tally = feed.visitor.taker.tally
            if let size = input.size, size > 0 { state.fraction = min(1, Double(input.position) / Double(size)) }
            state.functions = feed.visitor.functions
            state.isComplete = feed.isFinished
        }
    }
}
