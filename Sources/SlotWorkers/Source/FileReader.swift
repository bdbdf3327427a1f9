internal import NIOConcurrencyHelpers
internal import NIOCore
internal import RDBParser

/// Reads an RDB file, or standard input, on one loop.
///
/// Sendable by confinement: all but `state` is touched on `loop` alone.
final class FileReader: Reader, @unchecked Sendable {
    let name: String
    let state = NIOLockedValueBox(ReaderState())
    private let loop: any EventLoop
    private let context: ReaderContext
    private let input: FileInput
    private let end: EventLoopPromise<Void>
    private var router: KeyRouter?
    private var feed: RecordFeed<RoutingVisitor>?
    private var buffer = ByteBuffer()
    /// Bytes of one read: small enough to stay in the processor's cache until the last of them is encoded.
    private static let chunk = 256 << 10

    init(input: FileInput, loop: any EventLoop, context: ReaderContext) {
        self.input = input
        self.loop = loop
        self.context = context
        name = input.name
        end = loop.makePromise()
    }

    func run() async throws {
        loop.execute { [self] in
            let router = context.makeRouter()
            self.router = router
            feed = RecordFeed(visitor: RoutingVisitor(router: router))
            pump()
        }
        try await end.futureResult.get()
    }

    private func pump() {
        guard let router, var feed = feed.take() else { return }
        defer {
            self.feed = feed
            publish()
        }
        if context.control.isEnding { return finish() }
        guard context.pressure.hasRoom(on: loop, orResume: { [self] in pump() }) else {
            router.flush()
            return
        }
        do {
            if input.isReady() {
                context.renew(router)
                try input.read(Self.chunk, into: &buffer)
                if buffer.readableBytes == 0 {
                    try feed.finish()
                } else {
                    try feed.feed(&buffer)
                }
                router.flushIfMuch()
            } else {
                router.flush()
            }
            if feed.isFinished {
                router.flush()
                try input.expectEnd(after: buffer)
                state.withLockedValue { $0.isComplete = true }
                return end.succeed()
            }
            loop.execute { self.pump() }
        } catch let error as RDBError {
            finish(RunError(.input, "\(name): \(error)"))
        } catch {
            finish(error)
        }
    }

    private func finish(_ error: (any Error)? = nil) {
        router?.flush()
        if let error { end.fail(error) } else { end.succeed() }
    }

    private func publish() {
        guard let router else { return }
        state.withLockedValue { state in
            state.tally = router.tally
            if let size = input.size, size > 0 { state.fraction = min(1, Double(input.position) / Double(size)) }
            if let feed { state.functions = feed.visitor.functions }
        }
    }
}
