internal import SlotWorkers

/// Looks at keys that seem to differ again and again, until each has its outcome.
struct KeyRounds {
    /// A key, and what the second reading found of it.
    struct Candidate: Hashable, Codable {
        let name: KeyName
        var source: KeyReading
        var target: KeyReading
    }

    private struct Open {
        var key: Candidate
        var recheck: Recheck
        var due: ContinuousClock.Instant
    }

    let source: SideAccess
    let target: SideAccess
    let comparison: KeyComparison
    let policy: Recheck.Policy
    let control: RunControl

    /// - Parameter settled: Called with each key once, with what was last read of it.
    /// - Throws: `RunError` when a side is lost, or the run is to end.
    func settle(_ candidates: [Candidate], settled: (Candidate, KeyOutcome) -> Void) async throws {
        let isStill = !source.isServer && !target.isServer
        let recheck = Recheck(policy: isStill ? .still : policy, comparison: comparison)
        var open = candidates.map { Open(key: $0, recheck: recheck, due: .now) }
        while let next = open.map(\.due).min() {
            if next > .now { try await Task.sleep(until: next, clock: .continuous) }
            let now = ContinuousClock.now
            var later = open.filter { $0.due > now }
            var due = open.filter { $0.due <= now }[...]
            while !due.isEmpty {
                guard !control.isStopping else { throw RunError(.connection, "The comparison was stopped.") }
                let keys = due.prefix(SideAccess.mostKeys).map { (name: $0.key.name, bytes: Self.bytes(of: $0.key)) }
                var group = Array(due.prefix(SideAccess.share(of: keys[...])))
                due = due.dropFirst(group.count)
                let observations = try await look(at: group.map(\.key))
                for index in group.indices {
                    let observation = observations[index]
                    group[index].key.source = observation.source
                    group[index].key.target = observation.target
                    switch group[index].recheck.observed(observation) {
                    case .settled(let outcome): settled(group[index].key, outcome)
                    case .lookAgain(let milliseconds):
                        group[index].due = .now + .milliseconds(milliseconds)
                        later.append(group[index])
                    }
                }
            }
            open = later
        }
    }

    /// Most milliseconds between two commands of one transaction.
    private static let askingTime: Int64 = 100

    private static func bytes(of key: Candidate) -> Int {
        var most: UInt64 = 0
        for reading in [key.source, key.target] {
            if case .present(let value, _) = reading.content { most = max(most, value.bytes) }
        }
        return Int(clamping: most)
    }

    /// Source, target, and the source once more: what is the same before and after was so meanwhile.
    private func look(at keys: [Candidate]) async throws -> [KeyObservation] {
        let names = keys.map { (name: $0.name, bytes: Self.bytes(of: $0)) }
        var first = try await source.read(names, known: keys.map(\.source))
        for index in keys.indices where Self.isNear(first[index], keys[index].source) {
            first[index] = keys[index].source
        }
        let other = try await target.read(names, known: keys.map(\.target))
        let second = source.isServer ? try await source.read(names, known: []) : []
        let time = source.side.clock.now
        return keys.indices.map { index in
            KeyObservation(
                source: first[index], target: other[index],
                stability: source.isServer
                    ? .reread(Self.isNear(first[index], second[index]) ? first[index] : second[index]) : .fixed,
                time: time)
        }
    }

    /// Whether two readings tell the same value and, but for what it takes to ask, the same expiry: a server that tells
    /// only the time that is left (before Redis 7.0) is off by the time between the commands.
    private static func isNear(_ first: KeyReading, _ second: KeyReading) -> Bool {
        guard case .present(let value, let expiry?) = first.content,
            case .present(let other, let otherExpiry?) = second.content
        else { return false }
        return value == other && abs(expiry.subtractingReportingOverflow(otherExpiry).partialValue) <= Self.askingTime
    }
}
