internal import DequeModule
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import RESP

/// Writes the keys of one slot range: one connection to each primary in it, batches in the order in which they were read.
///
/// When a reply or a lost connection asks for a repetition, the worker comes to rest: it sends nothing new, waits for
/// the replies that are still due, repeats what is open (``Recovery``), and goes on. So no order between connections
/// has to be reasoned about.
///
/// Sendable by confinement: mutable state is touched on `loop` alone, but for the two locked boxes.
final class SlotWorker: LaneOwner, @unchecked Sendable {
    private enum State {
        case running
        /// Waits for the replies that are due.
        case settling
        case recovering
        /// Nothing is written any more.
        case stopped(reason: String)
    }

    let index: Int
    let range: SlotRange
    let loop: any EventLoop
    private let directory: TargetDirectory
    private let pressure: BytePressure
    private let control: RunControl
    private var onConflict: ConflictPolicy
    private let silence: TimeAmount
    private var table: RoutingTable
    private var lanes: [Endpoint: Lane] = [:]
    private var state = State.running
    private var cause: String?
    /// Batches that arrived while nothing could be sent.
    private var held: Deque<Batch> = []
    private var drained: [EventLoopPromise<Void>] = []
    private var watch: RepeatedTask?
    private let counts = NIOLockedValueBox(Tally())
    private let spare = NIOLockedValueBox([ByteBuffer]())
    /// Buffers kept for reuse; more than that are freed.
    private static let mostSpare = 64

    init(
        index: Int, range: SlotRange, loop: any EventLoop, directory: TargetDirectory, table: RoutingTable,
        pressure: BytePressure, control: RunControl, onConflict: ConflictPolicy, silence: TimeAmount
    ) {
        self.index = index
        self.range = range
        self.loop = loop
        self.directory = directory
        self.table = table
        self.pressure = pressure
        self.control = control
        self.onConflict = onConflict
        self.silence = silence
    }

    /// What became of this worker's keys so far.
    var tally: Tally { counts.withLockedValue { $0 } }

    /// Connects to the primaries of the range.
    func start() async throws {
        let lanes = try await openLanes(of: table)
        try await loop.submit { [self] in
            self.lanes = lanes
            watch = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [weak self] _ in
                self?.loseSilentLanes()
            }
        }.get()
    }

    private func openLanes(of table: RoutingTable) async throws -> [Endpoint: Lane] {
        var lanes: [Endpoint: Lane] = [:]
        for endpoint in table.primaries(ofWorker: index) {
            let connection = try await directory.connect(to: endpoint, on: loop)
            let clientID = try await connection.send("CLIENT", "ID").integer
            let channel = try await connection.handOver().channel
            lanes[endpoint] = try await loop.submit { [self] in
                let lane = Lane(endpoint: endpoint, clientID: clientID, channel: channel, owner: self)
                try channel.pipeline.syncOperations.addHandler(lane)
                try channel.syncOptions?.setOption(.autoRead, value: true)
                return lane
            }.get()
        }
        return lanes
    }

    // MARK: Batches

    /// Memory for a batch, used before if possible. From any loop.
    func spareBuffer() -> ByteBuffer {
        var buffer = spare.withLockedValue { $0.popLast() } ?? ByteBuffer()
        buffer.clear()
        return buffer
    }

    /// Takes a batch over. From any loop; batches of one reader keep their order.
    func deliver(_ batch: Batch) {
        if loop.inEventLoop {
            accept(batch)
        } else {
            loop.execute { self.accept(batch) }
        }
    }

    private func accept(_ batch: Batch) {
        switch state {
        case .running: send(batch)
        case .settling, .recovering: held.append(batch)
        case .stopped(let reason): discard(batch, reason)
        }
    }

    private func send(_ batch: Batch) {
        if batch.epoch == table.epoch {
            lanes[table.destinations[batch.destination].primary]?.send(batch)
        } else {
            resort(batch)
        }
    }

    /// Sends a batch that was made for an older layout: each command to where its slot lies now.
    private func resort(_ batch: Batch) {
        var parts: [Int: Batch] = [:]
        for index in 0..<batch.commands {
            for command in batch.command(at: index).perKey {
                let destination = table.destination(of: HashSlot(key: command.keys.first ?? []))
                var part =
                    parts[destination]
                    ?? Batch(
                        database: batch.database, epoch: table.epoch, destination: destination, recycling: spareBuffer()
                    )
                part.append(keys: 1, arguments: command.arguments)
                parts[destination] = part
            }
        }
        for part in parts.values { pressure.spend(part.byteCount) }
        release(batch)
        for part in parts.values { send(part) }
    }

    private func release(_ batch: Batch) {
        pressure.giveBack(batch.byteCount)
        spare.withLockedValue { if $0.count < Self.mostSpare { $0.append(batch.bytes) } }
    }

    private func discard(_ batch: Batch, _ reason: String) {
        for index in 0..<batch.commands {
            counts.withLockedValue { $0.fail(batch.command(at: index).keys, reason) }
        }
        release(batch)
    }

    // MARK: Replies

    func lane(_ lane: Lane, did actions: [ReplyWindow.Action]) {
        var end: String?
        for action in actions {
            switch action {
            case .finished(let batch, let copied):
                counts.withLockedValue { $0.copied += copied }
                release(batch)
            case .existing(let keys): countExisting(keys)
            case .failed(let keys, let reason): counts.withLockedValue { $0.fail(keys, reason) }
            case .recover(let refusal):
                cause = cause ?? refusal.reason
                if case .running = state { state = .settling }
            case .stop(let reason): end = end ?? reason
            case .selected, .notSelected: break
            }
        }
        if let end {
            control.fail(RunError(.connection, "The target \(lane.endpoint) refuses to go on: \(end)"))
            stop(end)
        }
        settle()
    }

    func laneIsLost(_ lane: Lane, reason: String) {
        cause = cause ?? reason
        if case .running = state { state = .settling }
        settle()
    }

    private func countExisting(_ keys: [[UInt8]]) {
        counts.withLockedValue { $0.settle(existing: keys, onConflict) }
    }

    /// From now on a key that exists is no failure: it may be our own, when keys are copied once more.
    func keepExisting() {
        loop.execute { [self] in if onConflict == .error { onConflict = .skip } }
    }

    private func loseSilentLanes() {
        let now = NIODeadline.now()
        for lane in lanes.values where lane.isSilent(for: silence, at: now) {
            lane.lose("\(lane.endpoint) did not answer for \(silence.nanoseconds / 1_000_000_000) s")
        }
    }

    /// Goes on once every lane is quiet: to the recovery, or to tell that all is written.
    private func settle() {
        guard lanes.values.allSatisfy(\.isQuiet) else { return }
        switch state {
        case .settling: recover()
        case .running where held.isEmpty: finishDraining()
        case .stopped: finishDraining()
        case .running, .recovering: break
        }
    }

    private func finishDraining() {
        for promise in drained { promise.succeed() }
        drained = []
    }

    /// Ends when everything that was delivered has an outcome.
    func drain() async throws {
        let promise = loop.makePromise(of: Void.self)
        loop.execute { [self] in
            drained.append(promise)
            settle()
        }
        try await promise.futureResult.get()
    }

    /// Closes the connections. To be called when drained.
    func close() {
        loop.execute { [self] in
            watch?.cancel()
            for lane in lanes.values { lane.close() }
            lanes = [:]
        }
    }

    // MARK: Recovery

    private func takeRepetitions() -> [ReplyWindow.Repetition] {
        var repetitions: [ReplyWindow.Repetition] = []
        let isCluster = table.isCluster
        for lane in lanes.values {
            let taken = lane.takeRepetitions { isCluster ? HashSlot(key: $0).rawValue : 0 }
            repetitions.append(contentsOf: taken.repetitions)
            for (batch, copied) in taken.finished {
                counts.withLockedValue { $0.copied += copied }
                release(batch)
            }
        }
        return repetitions
    }

    private func recover() {
        state = .recovering
        let recovery = Recovery(
            worker: index, loop: loop, directory: directory, control: control, onConflict: onConflict,
            repetitions: takeRepetitions(),
            formerClients: lanes.values.filter(\.isLost).compactMap { lane in
                lane.clientID.map { (lane.endpoint, $0) }
            })
        for lane in lanes.values { lane.close() }
        lanes = [:]
        control.note(cause ?? "the target", worker: index)
        cause = nil
        let promise = loop.makePromise(of: Recovery.Result.self)
        promise.completeWithTask { [self] in
            try await recovery.run { table in try await self.openLanes(of: table) }
        }
        promise.futureResult.whenComplete { [self] in
            control.note(nil, worker: index)
            switch $0 {
            case .success(let result): resume(result)
            case .failure(let error):
                let failure = error as? RunError ?? RunError(.connection, "\(error)")
                control.fail(failure)
                stop(failure.description)
            }
        }
    }

    private func resume(_ result: Recovery.Result) {
        counts.withLockedValue { $0.copied += result.tally.copied }
        counts.withLockedValue { tally in
            var others = result.tally
            others.copied = 0
            tally.add(others)
        }
        if let reason = result.failure {
            control.fail(reason)
            stop(reason.description)
            return
        }
        table = result.table
        lanes = result.lanes
        state = .running
        while case .running = state, let batch = held.popFirst() { send(batch) }
        settle()
    }

    /// Gives everything that is open the outcome "failed".
    private func stop(_ reason: String) {
        if case .stopped = state { return }
        state = .stopped(reason: reason)
        for repetition in takeRepetitions() where !repetition.counted {
            counts.withLockedValue { $0.fail(repetition.command.keys, reason) }
        }
        for lane in lanes.values { lane.close() }
        while let batch = held.popFirst() { discard(batch, reason) }
        finishDraining()
    }
}
