internal import NIOConcurrencyHelpers
internal import NIOCore
internal import RDBParser
internal import RESP

/// The big values of a run that are on their way, and what became of those that were.
final class BigValues: Sendable {
    private struct State {
        var tally = Tally()
        var begun = 0
        var open: [Int: EventLoopFuture<BigValueWrite.Outcome>] = [:]
        var onConflict: ConflictPolicy
    }

    private let loop: any EventLoop
    private let directory: TargetDirectory
    private let pressure: BytePressure
    private let control: RunControl
    private let clock: SourceClock
    private let onLossy: LossPolicy
    private let state: NIOLockedValueBox<State>

    init(
        on loop: any EventLoop, directory: TargetDirectory, pressure: BytePressure, control: RunControl,
        clock: SourceClock, onConflict: ConflictPolicy, onLossy: LossPolicy
    ) {
        self.loop = loop
        self.directory = directory
        self.pressure = pressure
        self.control = control
        self.clock = clock
        self.onLossy = onLossy
        state = NIOLockedValueBox(State(onConflict: onConflict))
    }

    /// What became of the big values so far.
    var tally: Tally { state.withLockedValue { $0.tally } }

    /// From now on a key that exists is no failure: it may be our own, when keys are copied once more.
    func keepExisting() { state.withLockedValue { if $0.onConflict == .error { $0.onConflict = .skip } } }

    /// Counts a key that its reader did not count, and what became of it.
    func count(_ bytes: Int, _ outcome: (inout Tally) -> Void) {
        state.withLockedValue { state in
            state.tally.read += 1
            state.tally.bytes += bytes
            outcome(&state.tally)
        }
    }

    /// Begins to write a value.
    ///
    /// - Parameter database: Of the target.
    func begin(_ key: [UInt8], database: Int) -> BigValueWrite {
        let promise = loop.makePromise(of: BigValueWrite.Outcome.self)
        let (number, onConflict) = state.withLockedValue { state in
            state.begun += 1
            state.open[state.begun] = promise.futureResult
            return (state.begun, state.onConflict)
        }
        let slot = HashSlot(key: key)
        let write = BigValueWrite(
            key: key, temporaryKey: directory.temporaryKey.name(in: slot, purpose: "value-\(number)"),
            outcome: promise.futureResult, pressure: pressure)
        let renewal = loop.scheduleRepeatedTask(initialDelay: .seconds(60), delay: .seconds(60)) { _ in write.renew() }
        Task { [self] in
            let link = BigValueLink(
                to: slot, database: database, number: number, on: loop, directory: directory, control: control)
            var writer = BigValueWriter(
                write, over: link, onConflict: onConflict, onLossy: onLossy, clock: clock, pressure: pressure)
            let (outcome, failure) = await writer.run()
            renewal.cancel()
            if let failure { control.fail(failure) }
            state.withLockedValue { state in
                state.tally.settle(outcome, of: key, onConflict, onLossy)
                state.open[number] = nil
            }
            promise.succeed(outcome)
        }
        return write
    }

    /// Ends when every value that was begun has its outcome.
    func drain() async throws {
        while let open = state.withLockedValue({ $0.open.first?.value }) { _ = try await open.get() }
    }
}

extension Tally {
    fileprivate mutating func settle(
        _ outcome: BigValueWrite.Outcome, of key: [UInt8], _ onConflict: ConflictPolicy, _ onLossy: LossPolicy
    ) {
        let keys = CollectionOfOne(key)
        switch outcome {
        case .copied(let loss):
            copied += 1
            if let loss { _ = settle(loss, of: key, onLossy) }
        case .existing: settle(existing: [key], onConflict)
        case .expired: expired += 1
        case .lossy(let loss): _ = settle(loss, of: key, onLossy)
        case .unsupported(let reason):
            unsupported += 1
            explain(reason, keys)
        case .failed(let reason): fail(keys, reason)
        case .abandoned: break
        }
    }
}
