internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import RDBParser
internal import RESP

/// Everything that a run stands on once it may begin: both sides found, checked and known to fit.
struct RunSetup: Sendable {
    let loop: any EventLoop
    let directory: TargetDirectory
    let workers: [SlotWorker]
    let context: WriteContext
    /// `nil` for a file.
    var source: Deployment?
    let evictedBefore: Int64
    var warnings: [String] = []
    let configuration: RunConfiguration
    let group: MultiThreadedEventLoopGroup

    init(
        _ configuration: RunConfiguration, control: RunControl, group: MultiThreadedEventLoopGroup,
        checking: @escaping @Sendable (Double) -> Void
    ) async throws {
        self.configuration = configuration
        self.group = group
        loop = group.next()
        let preflight = Preflight(configuration: configuration, loop: loop)
        let target = try await preflight.target()
        let databases = try await preflight.databases(of: target)
        let modules = Set(try await target.modules(on: loop).keys)
        var keys: [Int: Int] = [:]
        // What a live server sends is what it holds; the bytes of a file must have a checksum that says so.
        var isProven = configuration.source.isServer
        switch configuration.source {
        case .server(let url):
            let source = try await Deployment.find(
                url, configuration.sourceSettings, configuration.sourceAddressMap,
                patience: configuration.targetPatience, on: loop)
            try source.expectDifferent(from: target)
            if configuration.read == .scan {
                try await PermissionProbe(side: source, loop: loop).expectReads(
                    and: configuration.deletesExtra ? [["EXISTS", "k"]] : [])
            }
            keys = source.keyCounts
            self.source = source
        case .file(let path):
            source = nil
            if let check = try Self.check(path, configuration, control, checking) {
                keys = check.keys
                isProven = check.isProven
            }
        case .standardInput:
            source = nil
        }
        try preflight.expectRoom(for: keys, in: databases)
        if let warning = preflight.mergeWarning(for: keys) { warnings.append(warning) }
        let targetTime = target.primaries.lazy.compactMap { target.facts[$0]?.clockMilliseconds }.first
        let sourceFacts = source?.facts ?? [:]
        let sourceTime = source?.primaries.lazy.compactMap { sourceFacts[$0]?.clockMilliseconds }.first
        if let sourceTime, let targetTime, abs(sourceTime - targetTime) > 1000 + Self.surveyTolerance {
            warnings.append(
                "The clocks of source and target differ by \(Self.seconds(sourceTime - targetTime)) s: expiries are absolute, "
                    + "so keys expire that much \(sourceTime > targetTime ? "later" : "earlier") on the target.")
        }
        let clock = SourceClock(serverTime: sourceTime ?? targetTime ?? SourceClock.local)
        let ranges = SlotRange.partition(into: configuration.workers ?? min(target.primaries.count, System.coreCount))
        let directory = TargetDirectory(
            target, url: configuration.target, addressMap: configuration.targetAddressMap, workers: ranges,
            patience: configuration.targetPatience, loop: loop)
        evictedBefore = target.facts.values.reduce(0) { $0 + ($1.role == .primary ? $1.evictedKeys : 0) }
        let pressure = BytePressure(limit: configuration.inFlightBytes)
        let layout = directory.layout
        self.directory = directory
        let loops = Array(group.makeIterator())
        workers = ranges.enumerated().map { index, range in
            SlotWorker(
                index: index, range: range, loop: loops[index % loops.count], directory: directory,
                table: layout.withLockedValue { $0 }, pressure: pressure, control: control,
                onConflict: configuration.onConflict, silence: configuration.targetSettings.replyTimeout)
        }
        let bigValues =
            configuration.isDryRun
            ? nil
            : BigValues(
                on: loop, directory: directory, pressure: pressure, control: control, clock: clock,
                onConflict: configuration.onConflict, onLossy: configuration.onLossy)
        var plan = try WritePlan(configuration, target, databases: databases, modules: modules)
        plan.checksValues = !isProven
        context = WriteContext(
            plan: plan, workers: workers,
            bigValues: bigValues, pressure: pressure, control: control, layout: layout, clock: clock,
            ledger: configuration.deletesExtra ? try KeyLedger() : nil,
            throttle: Throttle(configuration.sourceLimit, control))
    }

    /// What became of the keys that were handed over to be written, part by part.
    var tallies: [Tally] { workers.map(\.tally) + (context.bigValues.map { [$0.tally] } ?? []) }

    /// Ends when everything that was handed over has an outcome.
    func drain() async throws {
        for worker in workers { try await worker.drain() }
        try await context.bigValues?.drain()
    }

    /// From now on a key that exists is no failure: it may be our own, when keys are copied once more.
    func keepExisting() {
        for worker in workers { worker.keepExisting() }
        context.bigValues?.keepExisting()
    }

    /// Between asking the two servers for their time some of it passes.
    private static let surveyTolerance: Int64 = 200

    private static func seconds(_ milliseconds: Int64) -> String {
        let tenths = (abs(milliseconds) + 50) / 100
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func check(
        _ path: String, _ configuration: RunConfiguration, _ control: RunControl, _ checking: (Double) -> Void
    ) throws(RunError) -> FileCheck? {
        // A pipe can be read once only; what it holds is found out on the way.
        guard try FileInput(path: path).size != nil else { return nil }
        return try FileCheck(
            path: path, bigValueBytes: configuration.bigValueBytes, isEnding: { control.isEnding }, progress: checking)
    }
}
