internal import NIOCore
internal import RDBParser

/// Where big values that SCAN finds go to: the target.
struct BigValueWrites: BigValueOutlet {
    private let context: WriteContext
    private let loop: any EventLoop

    init(_ context: WriteContext, on loop: any EventLoop) {
        self.context = context
        self.loop = loop
    }

    func begin(_ key: BigKey, _ kind: ValueKind, expiry: Int64?) async throws -> BigValueSink? {
        let plan = context.plan
        guard let bigValues = context.bigValues else { return nil }
        let database = plan.targetDatabase(key.database)
        let bytes = key.key.count
        guard plan.filter.types.isEmpty || plan.filter.types.contains(KeyType(kind)) else {
            bigValues.count(bytes) { $0.filtered += 1 }
            return nil
        }
        // SAFETY: every byte of an array of bytes is initialised.
        if let ledger = context.ledger { unsafe ledger.record(database: database, key: key.key.span.bytes) }
        guard plan.targetHolds(key.database) else {
            bigValues.count(bytes) { $0.fail([key.key], "the target has no database \(database)") }
            return nil
        }
        // An earlier state of the key may be on its way: it must not come behind this one.
        for worker in context.workers { try await worker.drain() }
        return BigValueSink(
            bigValues.begin(key.key, database: database), format: plan.format, onLossy: plan.onLossy,
            now: context.clock.now)
    }

    func waitForRoom(_ sink: inout BigValueSink) async throws {
        let promise = loop.makePromise(of: Void.self)
        if context.pressure.hasRoom(on: loop, orResume: { promise.succeed() }) { promise.succeed() }
        try await promise.futureResult.get()
    }

    func commit(_ sink: BigValueSink, _ reading: BigValueReader.Reading) async throws {
        var sink = sink
        sink.expiry = reading.expiry
        context.bigValues?.count(sink.byteCount) { _ in }
        if reading.lacksProducerIDs { sink.lose(.idempotence) }
        _ = try await sink.commit()?.get()
    }

    func giveUp(_ sink: BigValueSink) async {
        var sink = sink
        _ = try? await sink.leave(.abandoned)?.get()
    }
}

extension KeyType {
    init(_ kind: ValueKind) {
        self =
            switch kind {
            case .string: .string
            case .list: .list
            case .set: .set
            case .sortedSet: .zset
            case .hash: .hash
            case .stream: .stream
            case .module: .module
            }
    }
}
