package import SlotWorkers

/// What a repair did.
package struct RepairResult: Sendable {
    /// Keys that were to be made equal.
    package var keys = 0
    /// Keys that only the target has, and that stay there, as nobody asked to remove them.
    package var keptExtra = 0
    /// Of all that was copied and removed.
    package var summary = RunSummary()
}

/// Makes just the keys that differ equal again, through the slot workers: each is read once more at the source, as it is
/// then, and takes the target's place.
///
/// Goes through the file of differences in parts, so that memory is bounded by a part.
package struct RepairRun: Sendable {
    private let configuration: RunConfiguration
    private let file: DifferencesFile
    private let control: RunControl
    /// Most keys of a part, and bytes of their names: some 20 MiB beside the run's own memory.
    private static let mostKeys = 100_000
    private static let mostBytes = 16 << 20

    /// - Parameters:
    ///   - configuration: Of a run between the two sides. Its filter is narrowed to the keys that differ; with `deletesExtra`
    ///     those that the source does not have are removed, else they stay; with `copiesFunctions` function libraries are
    ///     copied too.
    ///   - file: Of the verification.
    package init(_ configuration: RunConfiguration, of file: DifferencesFile, control: RunControl) {
        self.configuration = configuration
        self.file = file
        self.control = control
    }

    /// Repairs all, or what can be until a failure or until it is told to stop; the summary says so.
    ///
    /// - Throws: `VerifierError` for the file, `RunError` for what was found before the first write.
    package func run() async throws -> RepairResult {
        var outcomes: Set<KeyOutcome> = [.missing, .type, .value, .ttl]
        var result = RepairResult()
        if configuration.deletesExtra {
            outcomes.insert(.extra)
        } else {
            result.keptExtra = try file.count(of: [.extra])
        }
        var configuration = configuration
        configuration.onConflict = .replace
        if case .server = configuration.source { configuration.read = .scan }
        var position: Int64 = 0
        repeat {
            let page = try file.page(from: position, of: outcomes, most: Self.mostKeys, bytes: Self.mostBytes)
            if page.differences.isEmpty, !configuration.copiesFunctions { break }
            position = page.end
            let only = KeySelection(page.differences.lazy.map { ($0.database, $0.key) })
            configuration.filter.only = only
            result.keys += only.count
            result.summary.add(try await BackfillRun(configuration, control: control).run())
            // Once is enough.
            configuration.copiesFunctions = false
        } while result.summary.failure == nil && !result.summary.isInterrupted
        return result
    }
}

extension RunSummary {
    /// Adds what a later run of the same kind did.
    fileprivate mutating func add(_ later: RunSummary) {
        tally.add(later.tally)
        functions.read += later.functions.read
        functions.copied += later.functions.copied
        functions.existing += later.functions.existing
        functions.failed += later.functions.failed
        deleted += later.deleted
        seconds += later.seconds
        throttledSeconds += later.throttledSeconds
        isInterrupted = isInterrupted || later.isInterrupted
        incomplete += later.incomplete.filter { !incomplete.contains($0) }
        warnings += later.warnings.filter { !warnings.contains($0) }
        failure = failure ?? later.failure
    }
}
