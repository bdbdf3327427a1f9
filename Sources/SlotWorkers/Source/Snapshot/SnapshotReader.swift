internal import NIOConcurrencyHelpers
internal import NIOCore
internal import RDBParser
internal import RESP

/// Reads one server's snapshot as its replica: PSYNC, and the RDB stream that answers it.
///
/// Sendable by confinement: all but `state` is touched on `loop` alone.
final class SnapshotReader<Taker: KeyTaker>: Reader, @unchecked Sendable {
    let name: String
    let state = NIOLockedValueBox(ReaderState())
    private let endpoint: Endpoint
    private let settings: ConnectionSettings
    private let loop: any EventLoop
    private let context: ReaderContext<Taker>
    /// Keys that the server said it has, for the share that is done; 0 where it did not say.
    private let expectedKeys: Int

    init(
        endpoint: Endpoint, settings: ConnectionSettings, loop: any EventLoop, context: ReaderContext<Taker>,
        expectedKeys: Int
    ) {
        self.endpoint = endpoint
        self.settings = settings
        self.loop = loop
        self.context = context
        self.expectedKeys = expectedKeys
        name = "\(endpoint)"
    }

    func run() async throws {
        let connection = try await Connection.open(endpoint, settings: settings, on: loop)
        var endsBehindSnapshot = false
        // What a server does not know it refuses, and works without.
        for option in [["capa", "eof", "capa", "psync2"], ["version", "9.1.0"], ["rdb-only", "1"]] {
            let reply = try await connection.pipeline([["REPLCONF"] + option])[0]
            if option[0] == "rdb-only", reply.isOK { endsBehindSnapshot = true }
            if let error = reply.error, error.code == "NOPERM" {
                await connection.close()
                throw RunError(
                    .snapshotRefused,
                    "The \(settings.side) \(endpoint) does not let us replicate: \(error). Grant +psync +replconf, or use --read scan."
                )
            }
        }
        // A primary that closes the link behind the snapshot would answer anything that we send by then with a reset, and
        // what we have not read yet would be lost. It expects no acknowledgement either.
        let acknowledges = !endsBehindSnapshot
        let channel = try await connection.handOver().channel
        let end = loop.makePromise(of: Void.self)
        try await loop.submit { [self] in
            let handler = try SnapshotHandler(
                reader: self, name: name, loop: loop, context: context, end: end, acknowledges: acknowledges,
                limit: settings.replyTimeout, side: settings.side)
            // Where reading is to be paced, each read is small, and is followed by a look at the pace.
            let pace = SnapshotPace(context.throttle)
            try channel.syncOptions?.setOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: pace?.chunk ?? 256 << 10))
            try channel.syncOptions?.setOption(.maxMessagesPerRead, value: UInt(pace == nil ? 2 : 1))
            try channel.pipeline.syncOperations.addHandler(handler)
            try channel.syncOptions?.setOption(.autoRead, value: true)
        }.get()
        do {
            try await end.futureResult.get()
            try? await channel.close()
        } catch {
            try? await channel.close()
            throw error
        }
    }

    func publish(_ feed: RecordFeed<TakerVisitor<Taker>>, isComplete: Bool) {
        state.withLockedValue { state in
            state.tally = feed.visitor.taker.tally
            if expectedKeys > 0 { state.fraction = min(1, Double(state.tally.read) / Double(expectedKeys)) }
            state.functions = feed.visitor.functions
            state.isComplete = isComplete
        }
    }
}
