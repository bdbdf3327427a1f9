internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import RDBParser
internal import RESP

/// One batch run: from a file or a deployment into a deployment.
package final class BackfillRun: Sendable {
    private struct State {
        var phase = RunProgress.Phase.connecting
        var readers: [any Reader] = []
        var workers: [SlotWorker] = []
        var bigValues: BigValues?
        var checked: Double?
    }

    private let configuration: RunConfiguration
    private let control: RunControl
    private let throttledBefore: Duration
    private let state = NIOLockedValueBox(State())

    package init(_ configuration: RunConfiguration, control: RunControl) {
        self.configuration = configuration
        self.control = control
        throttledBefore = configuration.sourceLimit?.waited ?? .zero
    }

    /// How far it is. From anywhere, at any time.
    package var progress: RunProgress {
        let state = state.withLockedValue { $0 }
        var progress = RunProgress()
        progress.phase = state.phase
        progress.waiting = control.waiting
        progress.throttled = throttled
        var fractions: [Double] = []
        for reader in state.readers {
            let reader = reader.state.withLockedValue { $0 }
            progress.tally.add(reader.tally)
            fractions.append(reader.isComplete ? 1 : reader.fraction ?? 0)
        }
        for worker in state.workers {
            let tally = worker.tally
            progress.tally.add(tally)
            progress.workers.append(.init(slots: "\(worker.range)", copied: tally.copied, failed: tally.failed))
        }
        if let tally = state.bigValues?.tally { progress.tally.add(tally) }
        progress.fraction =
            state.phase == .checking
            ? state.checked : fractions.isEmpty ? nil : fractions.reduce(0, +) / Double(fractions.count)
        return progress
    }

    /// Finds the target, and makes sure that it could be written to: what a run would find out before its first write.
    ///
    /// - Throws: `RunError`.
    package func expectWritableTarget() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            _ = try await Preflight(configuration: configuration, loop: group.next()).target()
            try? await group.shutdownGracefully()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Runs to the end, to the first failure that ends it, or until `control` is told to stop.
    ///
    /// - Throws: `RunError` for what was found before the first write. What happens later is in the summary.
    package func run() async throws -> RunSummary {
        let start = ContinuousClock.now
        let threads = System.coreCount
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        do {
            let setup = try await RunSetup(configuration, control: control, group: group) { [state] fraction in
                state.withLockedValue { state in
                    state.phase = .checking
                    state.checked = fraction
                }
            }
            var summary = try await copy(setup)
            summary.seconds = Double((ContinuousClock.now - start) / .nanoseconds(1)) / 1e9
            summary.throttledSeconds = throttled / .seconds(1)
            state.withLockedValue { $0.phase = .done }
            try? await group.shutdownGracefully()
            return summary
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// How long this run's reading was held back; the limit may have been another's before.
    private var throttled: Duration { (configuration.sourceLimit?.waited ?? .zero) - throttledBefore }

    private func enter(_ phase: RunProgress.Phase) {
        state.withLockedValue { $0.phase = phase }
    }

    private func copy(_ setup: RunSetup) async throws -> RunSummary {
        var summary = RunSummary()
        summary.isDryRun = configuration.isDryRun
        summary.warnings = setup.warnings
        if configuration.read == .scan {
            summary.warnings.append(
                "Keys were read by SCAN, one after another: what was written to the source meanwhile may be older on the target."
            )
        }
        let context = setup.context
        let readers = try setup.sourceReaders.make(context.readers)
        state.withLockedValue { state in
            state.readers = readers
            state.workers = setup.workers
            state.bigValues = setup.context.bigValues
            state.phase = .copying
        }
        if !configuration.isDryRun {
            for worker in setup.workers { try await worker.start() }
        }
        control.whenEnding { [pressure = setup.context.pressure] in pressure.wakeAll() }
        summary.failure = await Self.read(readers, control)
        enter(.draining)
        try await setup.drain()
        for reader in readers { summary.tally.add(reader.state.withLockedValue { $0.tally }) }
        for tally in setup.tallies { summary.tally.add(tally) }
        summary.failure = summary.failure ?? control.failure
        summary.isInterrupted = control.isStopping

        let isWhole = summary.failure == nil && !summary.isInterrupted
        if isWhole {
            try await finish(setup, readers, &summary)
            summary.isInterrupted = control.isStopping
        }
        for worker in setup.workers { worker.close() }
        return summary
    }

    /// Runs readers side by side to their end.
    static func read(_ readers: [any Reader], _ control: RunControl) async -> RunError? {
        await withTaskGroup(of: RunError?.self) { group in
            for reader in readers {
                group.addTask {
                    do {
                        try await reader.run()
                        return nil
                    } catch let error as RunError {
                        control.sourceFailed(error)
                        return error
                    } catch {
                        let error = RunError(.connection, "\(error)")
                        control.sourceFailed(error)
                        return error
                    }
                }
            }
            var failure: RunError?
            for await error in group { failure = failure ?? error }
            return failure
        }
    }

    // MARK: After the last key

    private func finish(_ setup: RunSetup, _ readers: [any Reader], _ summary: inout RunSummary) async throws {
        summary.warnings += readers.flatMap { $0.state.withLockedValue { $0.warnings } }
        do {
            try await copyFunctions(setup, readers, &summary)
            try await copyAgain(setup, readers, &summary)
            try await deleteExtra(setup, &summary)
            try await checkEvictions(setup, &summary)
        } catch let error as RunError {
            summary.failure = error
        } catch {
            summary.failure = RunError(.connection, "\(error)")
        }
    }

    private func copyFunctions(_ setup: RunSetup, _ readers: [any Reader], _ summary: inout RunSummary) async throws {
        guard configuration.copiesFunctions else { return }
        var libraries = readers.flatMap { $0.state.withLockedValue { $0.functions } }
        if configuration.read == .scan, let source = setup.source, let primary = source.primaries.first {
            let connection = try await Connection.open(primary, settings: source.settings, on: setup.loop)
            do {
                libraries = try await FunctionCopy.list(from: connection)
            } catch let error as RunError {
                summary.warnings.append("The source's \(error.description)")
            }
            await connection.close()
        }
        var seen: Set<[UInt8]> = []
        libraries = libraries.filter { seen.insert($0).inserted }
        guard !libraries.isEmpty else { return }
        let copy = FunctionCopy(onConflict: configuration.onConflict, isDryRun: configuration.isDryRun)
        var connections: [Connection] = []
        for primary in await setup.directory.primaries {
            connections.append(try await setup.directory.connect(to: primary, on: setup.loop))
        }
        summary.functions = try await copy.load(libraries, into: connections, reasons: &summary.incomplete)
        for connection in connections { await connection.close() }
    }

    /// Copies once more what may not be as it was read: slots that moved between source primaries while they were read,
    /// and slots of a target primary that failed over.
    private func copyAgain(_ setup: RunSetup, _ readers: [any Reader], _ summary: inout RunSummary) async throws {
        guard !configuration.isDryRun else { return }
        var (setup, readers) = (setup, readers)
        for round in 1... {
            let moved = try await setup.movedSlots(readers)
            let lost = moved.isEmpty ? try await setup.directory.checkForLosses() : SlotSet()
            let slots = moved.union(lost)
            if slots.isEmpty { return }
            guard round <= Self.mostRounds, let again = try await setup.again(for: slots) else {
                summary.incomplete.append(Self.notCopiedAgain(moved: moved, lost: lost))
                return
            }
            enter(.recopying)
            summary.warnings.append(
                moved.isEmpty
                    ? "The slots \(lost) were copied once more: their primary on the target was replaced or restarted."
                    : "The slots \(moved) were read once more, and counted again: they moved between source primaries.")
            await setup.directory.forgetLosses(lost)
            let before = setup.tallies
            if moved.isEmpty { setup.keepExisting() }
            let failure = await Self.read(again.readers, control)
            try await setup.drain()
            if let failure { throw failure }
            let written = zip(setup.tallies, before).map { $0.since($1) }
            if moved.isEmpty {
                for tally in written { summary.tally.failAgain(tally) }
            } else {
                for tally in written { summary.tally.add(tally) }
                for reader in again.readers { summary.tally.add(reader.state.withLockedValue { $0.tally }) }
                (setup, readers) = again
            }
        }
    }

    private static func notCopiedAgain(moved: SlotSet, lost: SlotSet) -> String {
        moved.isEmpty
            ? "The target's primary of the slots \(lost) was replaced or restarted during the run, and may have lost keys that "
                + "it had acknowledged: copy these slots again (--slots \(lost))."
            : "The slots \(moved) moved between source primaries while they were read: copy them again (--slots \(moved))."
    }

    private static let mostRounds = 3

    private func deleteExtra(_ setup: RunSetup, _ summary: inout RunSummary) async throws {
        guard let ledger = setup.context.ledger else { return }
        enter(.deleting)
        let extra = ExtraKeys(
            plan: setup.context.plan, ledger: ledger, directory: setup.directory, control: control, loop: setup.loop,
            sourceHas: setup.sourcePresence)
        summary.deleted = try await extra.remove()
    }

    private func checkEvictions(_ setup: RunSetup, _ summary: inout RunSummary) async throws {
        guard !configuration.isDryRun else { return }
        let evicted = await setup.directory.evictedKeys() - setup.evictedBefore
        if evicted > 0 {
            summary.incomplete.append(
                "The target evicted \(evicted) keys during the run: it is too small, or its maxmemory-policy is not noeviction."
            )
        }
    }
}
