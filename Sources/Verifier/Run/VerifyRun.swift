internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import RDBParser
internal import RESP
package import SlotWorkers

/// One verification: reads both sides, settles what differs, and says what came of it.
package final class VerifyRun: Sendable {
    private struct State {
        var phase = VerifyProgress.Phase.connecting
        var readings: [SideReading] = []
        var counted: Double?
    }

    private let configuration: VerifyConfiguration
    private let control: RunControl
    private let resumed: @Sendable (VerificationReport.Resumption) -> Void
    private let throttledBefore: [Duration]
    private let state = NIOLockedValueBox(State())

    /// - Parameter resumed: Called where the run goes on from an earlier one, once it is known that it can.
    package init(
        _ configuration: VerifyConfiguration, control: RunControl,
        resumed: @escaping @Sendable (VerificationReport.Resumption) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.control = control
        self.resumed = resumed
        throttledBefore = Self.waited(configuration)
    }

    private static func waited(_ configuration: VerifyConfiguration) -> [Duration] {
        [configuration.source, configuration.target].map { $0.limit?.waited ?? .zero }
    }

    /// How far it is. From anywhere, at any time.
    package var progress: VerifyProgress {
        let state = state.withLockedValue { $0 }
        var progress = VerifyProgress(phase: state.phase)
        let readings = state.readings.map(\.progress)
        progress.throttled = zip(Self.waited(configuration), throttledBefore).map { $0 - $1 }.max() ?? .zero
        progress.keys = readings.reduce(0) { $0 + $1.keys }
        if state.phase == .counting { progress.fraction = state.counted }
        if !readings.isEmpty {
            progress.fraction = readings.reduce(0) { $0 + ($1.fraction ?? 0) } / Double(readings.count)
        }
        return progress
    }

    /// Compares to the end.
    ///
    /// - Throws: `RunError` or `VerifierError` when a side cannot be read, or was not read to its end: there is no
    ///   verdict then, also when `control` was told to stop; `otherRun` where the file of differences holds a run that
    ///   cannot go on as this one.
    package func run() async throws -> VerificationReport {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        do {
            let report = try await verify(on: Array(group.makeIterator()))
            enter(.done)
            try? await group.shutdownGracefully()
            return report
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private func enter(_ phase: VerifyProgress.Phase, _ readings: [SideReading] = []) {
        state.withLockedValue { state in
            state.phase = phase
            state.readings = readings
        }
    }

    private func verify(on loops: [any EventLoop]) async throws -> VerificationReport {
        let source = try await DataSide.open(configuration.source, control: control, on: loops)
        // The two sides begin on different threads.
        let target = try await DataSide.open(
            configuration.target, control: control, on: Array(loops.dropFirst() + loops.prefix(1)))
        try source.expectDifferent(from: target)
        let earlier = try configuration.differences?.checkpoint()
        let seed = configuration.seed ?? .random()
        let plan: VerifyPlan
        var result: VerifyResult
        let conditions: VerifyConditions
        if let earlier {
            conditions = earlier.conditions
            (plan, result) = try resume(earlier, source, target, seed)
        } else {
            plan = VerifyPlan(
                source: source, target: target, seed: seed, scope: try await scope(source, target),
                sample: try drawSample(source, target), configuration: configuration, startedAt: source.clock.now)
            // As the sides are before they are read: a file that is replaced meanwhile is another.
            conditions = try VerifyConditions(configuration, seed: seed, source: source, target: target)
            result = try await sum(plan)
        }
        try configuration.differences?.keep(result.checkpoint(plan, conditions))
        try await settle(plan, conditions, &result)
        enter(.describing)
        result.functions = await functions(plan, &result)
        return try await VerifyResultReport(plan, result, startedAt: plan.startedAt).make()
    }

    // MARK: Going on

    /// Takes up a run that was stopped behind its first reading.
    ///
    /// - Throws: `otherRun` where it was not this one.
    private func resume(
        _ earlier: Checkpoint, _ source: DataSide, _ target: DataSide, _ seed: RunSeed
    ) throws -> (VerifyPlan, VerifyResult) {
        let now = try VerifyConditions(configuration, seed: seed, source: source, target: target)
        let differences = now.differences(from: earlier.conditions)
        guard differences.isEmpty else {
            throw VerifierError(
                .otherRun,
                "'\(configuration.differences?.path ?? "")' holds the unfinished work of another verification, and "
                    + "was left as it is: \(differences.joined(separator: "; ")). Go on with that one as it was begun, "
                    + "name another file for --differences, or remove this one.")
        }
        let plan = VerifyPlan(
            source: source, target: target, seed: seed, scope: earlier.reading.scope, sample: earlier.reading.sample,
            configuration: configuration, startedAt: earlier.reading.startedAt)
        var result = VerifyResult(earlier)
        result.progress.resumptions += 1
        let resumption = VerificationReport.Resumption(
            startedAt: plan.startedAt, readAt: result.readAt, resumedAt: source.clock.now,
            times: result.progress.resumptions, share: earlier.share)
        result.resumption = resumption
        resumed(resumption)
        return (plan, result)
    }

    // MARK: Before the first key

    private func drawSample(_ source: DataSide, _ target: DataSide) throws -> SampleFilter {
        guard case .sample(let size) = configuration.extent else { return .all }
        let population = max(try population(source), try population(target))
        return SampleFilter(size: size, population: UInt64(population))
    }

    /// Keys of a side in the databases that are compared.
    private func population(_ side: DataSide) throws -> Int {
        enter(.counting)
        let counted =
            try side.keyCounts ?? side.countFile { [state] fraction in state.withLockedValue { $0.counted = fraction } }
        let databases = side.configuration.filter.databases
        return (counted ?? [:]).filter { databases.isEmpty || databases.contains($0.key) }.values.reduce(0, +)
    }

    private func scope(_ source: DataSide, _ target: DataSide) async throws -> ComparisonScope {
        guard let sourceVersion = source.version, let targetVersion = target.version else {
            throw RunError(
                .usage,
                "A verification may read a side more than once: give a file or a server, no pipe or standard input.")
        }
        var scope = ComparisonScope(source: sourceVersion, target: targetVersion)
        guard source.isServer || target.isServer else { return scope }
        scope.moduleTypes = ModuleType.comparableNames(of: try await source.commonModules(with: target))
        // What expires before the end is left out; where the run takes longer, what expires shows as such on looking again.
        let keys = (source.keyCounts ?? [:]).values.reduce(0, +) + (target.keyCounts ?? [:]).values.reduce(0, +)
        let now = max(source.clock.now, target.clock.now)
        scope.horizon = now + Self.leastHorizon + Int64(clamping: keys / Self.keysPerMillisecond)
        // A limit makes the run longer: more expires before its end.
        if configuration.extent == .full {
            scope.horizon += Int64(max(source.leastTime, target.leastTime) / .milliseconds(1))
        }
        return scope
    }

    /// In milliseconds: what a run takes at least, whatever there is to read.
    private static let leastHorizon: Int64 = 30_000
    private static let keysPerMillisecond = 50

    // MARK: First reading

    /// Reads both sides once, at the same time, and adds up what they hold.
    private func sum(_ plan: VerifyPlan) async throws -> VerifyResult {
        let table = try DigestTable()
        let collected = ComparedSide.allCases.map { _ in NIOLockedValueBox(SideStatistics()) }
        let sides = [plan.source, plan.target]
        var readings: [SideReading] = []
        for (index, side) in ComparedSide.allCases.enumerated() {
            let time = sides[index].clock.now
            readings.append(
                try sides[index].reading { [box = collected[index]] in
                    try SummingConsumer(
                        side, seed: plan.seed, scope: plan.scope, sample: plan.sample, table: table, time: time,
                        collected: box)
                })
        }
        enter(.reading, readings)
        async let source = readings[0].run()
        async let target = readings[1].run()
        let (first, second) = try await (source, target)
        control.forgetCalls()
        enter(.rereading)
        var result = VerifyResult(
            readings: [first, second], statistics: collected.map { box in box.withLockedValue { $0 } },
            buckets: table.differingBuckets(), slots: table.counts(), readAt: plan.source.clock.now)
        if !plan.sample.takesAll, first.isScan, second.isScan {
            result.progress.warnings.append(
                "SCAN does not show sizes: the largest keys were looked for within the sample only, as both sides were read so."
            )
        }
        return result
    }

    // MARK: What differs

    private func settle(
        _ plan: VerifyPlan, _ conditions: VerifyConditions, _ result: inout VerifyResult
    ) async throws {
        let source = try SideAccess(plan.source, seed: plan.seed, scope: plan.scope)
        let target = try SideAccess(plan.target, seed: plan.seed, scope: plan.scope)
        let comparison = KeyComparison(scope: plan.scope, expiryTolerance: configuration.expiryTolerance)
        let rounds = KeyRounds(
            source: source, target: target, comparison: comparison, policy: configuration.policy, control: control)
        let digester = try KeyDigester(seed: plan.seed, scope: plan.scope)
        var log = DifferencesLog(configuration.differences, digester: digester)
        func settled(_ key: KeyRounds.Candidate, _ outcome: KeyOutcome) {
            let place = digester.place(of: key.name)
            result.progress.findings.settle(key, outcome, at: place, isSampled: plan.sample.takes(place))
            log.note(key, outcome)
        }
        for portion in try plan.portions(result) {
            try log.begin()
            let readings = try await read(portion, plan, &result)
            enter(.rechecking)
            var candidates: [KeyRounds.Candidate] = []
            let time = plan.source.clock.now
            for (name, found) in readings.sorted {
                result.progress.reread += 1
                let key = KeyRounds.Candidate(
                    name: name, source: found.source ?? .absent, target: found.target ?? .absent)
                let outcome = comparison.outcome(source: key.source, target: key.target, at: time)
                // What was named only is not read yet where it can be asked for.
                let isOpen = outcome.isMismatch || (found.source == nil && found.target == nil)
                if isOpen { candidates.append(key) } else { settled(key, outcome) }
            }
            try await rounds.settle(candidates, settled: settled)
            result.addReads(of: [source, target])
            result.progress.finish(portion)
            try log.keep(result.checkpoint(plan, conditions))
            enter(.rereading)
        }
        try await describe(&result, plan, source, target)
        result.addReads(of: [source, target])
        await source.close()
        await target.close()
    }

    /// Reads the keys of a portion on both sides, at the same time.
    private func read(
        _ portion: KeyPortion, _ plan: VerifyPlan, _ result: inout VerifyResult
    ) async throws -> PortionReadings {
        let found = NIOLockedValueBox(PortionReadings())
        // Keys that are named are asked for where that can be done.
        found.withLockedValue { found in for name in portion.named { found.name(name) } }
        var readings: [(index: Int, reading: SideReading)] = []
        for (index, side) in [plan.source, plan.target].enumerated() where !(side.isServer && portion.range.isEmpty) {
            let reading = try side.reading(.scan, slots: portion.slots) {
                try PortionConsumer(
                    ComparedSide.allCases[index], portion, seed: plan.seed, scope: plan.scope, into: found)
            }
            readings.append((index, reading))
        }
        enter(.rereading, readings.map(\.reading))
        let results = try await withThrowingTaskGroup(of: (Int, SideReading.Result).self) { group in
            for (index, reading) in readings { group.addTask { (index, try await reading.run()) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for (index, reading) in results { result.addReads(of: index, reading) }
        control.forgetCalls()
        return found.withLockedValue { found in
            defer { found = PortionReadings() }
            return found
        }
    }

    /// Says in what the examples differ.
    private func describe(
        _ result: inout VerifyResult, _ plan: VerifyPlan, _ source: SideAccess, _ target: SideAccess
    ) async throws {
        enter(.describing)
        let names = result.progress.findings.examples.filter { found in
            let size = Findings.value(found.key)?.bytes ?? 0
            return [.type, .value, .ttl].contains(found.outcome) && size <= Self.largestExample
        }.map(\.key.name)
        guard !names.isEmpty else { return }
        for access in [source, target] {
            if access.isServer {
                result.values.append(try await access.values(of: names))
                continue
            }
            let values = NIOLockedValueBox<[KeyName: Value]>([:])
            let wanted = Set(names)
            _ = try await access.side.reading { ValueCollector(wanted, into: values) }.run()
            control.forgetCalls()
            result.values.append(values.withLockedValue { $0 })
        }
    }

    /// Bytes of values that are looked into for examples.
    private static let largestExample: UInt64 = 1 << 20

    // MARK: Functions

    /// `nil` where a side does not let us ask.
    private func functions(_ plan: VerifyPlan, _ result: inout VerifyResult) async -> FunctionComparison? {
        var libraries: [[String: [UInt8]]] = []
        for (index, side) in [plan.source, plan.target].enumerated() {
            var codes = result.readings[index].functions
            if side.isServer, result.readings[index].isScan {
                do {
                    codes = Set(try await side.functionLibraries())
                } catch {
                    result.progress.warnings.append(
                        "Function libraries were not compared, for the \(ComparedSide.allCases[index])'s \(error)")
                    return nil
                }
            }
            libraries.append(Dictionary(codes.map { (Self.name(of: $0), $0) }) { first, _ in first })
        }
        var comparison = FunctionComparison(source: libraries[0].count, target: libraries[1].count)
        comparison.missing = libraries[0].keys.filter { libraries[1][$0] == nil }.sorted()
        comparison.extra = libraries[1].keys.filter { libraries[0][$0] == nil }.sorted()
        comparison.different = libraries[0].filter { libraries[1][$0.key] != nil && libraries[1][$0.key] != $0.value }
            .keys.sorted()
        return comparison
    }

    /// The name in a library's first line, `#!lua name=mylib`.
    private static func name(of code: [UInt8]) -> String {
        let line = code.prefix { $0 != UInt8(ascii: "\n") }.prefix(200)
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }
        let mark = Array("name=".utf8)
        guard let word = words.first(where: { $0.starts(with: mark) }) else { return "" }
        return String(decoding: word.dropFirst(mark.count), as: UTF8.self)
    }
}
