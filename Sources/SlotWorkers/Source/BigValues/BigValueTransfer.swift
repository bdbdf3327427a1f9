internal import RDBParser
internal import RESP

/// A key whose value is too big to be dumped.
struct BigKey: Sendable {
    let database: Int
    /// On a cluster, its slot.
    let slot: HashSlot?
    let key: [UInt8]
}

/// Where big values that are read in pages go to.
protocol BigValueOutlet: Sendable {
    associatedtype Sink: ValueVisitor

    /// Begins to take a value.
    ///
    /// Called anew for each reading that is to be written. What the reader handed over before must be on the target before
    /// the value gets the key's name: an earlier state of the same key may be among it.
    ///
    /// - Parameter expiry: When the reading began, absolute milliseconds; `nil` for none.
    /// - Returns: `nil` when the key is not wanted; its outcome is counted then.
    func begin(_ key: BigKey, _ kind: ValueKind, expiry: Int64?) async throws -> Sink?
    /// Called between two pages: waits until there is room for more.
    func waitForRoom(_ sink: inout Sink) async throws
    /// The value came whole, and did not change meanwhile: the key gets it, with the reading's expiry. Counts it.
    func commit(_ sink: Sink, _ reading: BigValueReader.Reading) async throws
    /// What the sink took is removed; the key is not counted.
    func giveUp(_ sink: Sink) async
}

/// Copies one big key: reads it into an outlet, and once more to see that it is what it was.
struct BigValueTransfer: Sendable {
    enum Outcome: Equatable, Sendable {
        /// The outlet has it, and counts it.
        case settled
        /// The key is no more.
        case gone
        case failed(String)
        /// It can only be had by `DUMP`: a module's value, or one whose commands are refused.
        case unreadable
        /// Its slot is on the way to another server.
        case strayed
    }

    /// How often a value is read that changes while it is.
    static let mostRounds = 3
    /// How often a connection may be lost under one value.
    private static let mostLosses = 3

    /// Makes a reader over a new connection, on a database; tries as long as a server may be gone.
    let open: @Sendable (_ database: Int) async throws -> BigValueReader
    let isEnding: @Sendable () -> Bool

    /// - Throws: What `open` and the outlet throw; `CancellationError` when the run is to end.
    func copy(_ key: BigKey, to outlet: some BigValueOutlet) async throws -> Outcome {
        var changes = 0
        var losses = 0
        while true {
            let reader = try await open(key.database)
            defer { reader.link.close() }
            do {
                if let outcome = try await attempt(key, reader, to: outlet) { return outcome }
                changes += 1
            } catch let error as BigValueError {
                switch error.code {
                case .changed: changes += 1
                case .refused:
                    switch Refusal(error.description) {
                    case .moved where key.slot != nil, .ask where key.slot != nil: return .strayed
                    case .later("slot is being moved") where key.slot != nil: return .strayed
                    case .later, .moved, .ask: losses += 1
                    case .fatal, .key, .keyExists: return .unreadable
                    }
                    try await Task.sleep(for: .milliseconds(100))
                default: losses += 1
                }
                guard losses <= Self.mostLosses else { throw error }
            }
            if changes == Self.mostRounds {
                return .failed("changes while it is read: it changed in each of \(Self.mostRounds) readings")
            }
        }
    }

    /// One round.
    ///
    /// - Returns: `nil` when the second reading was of another value.
    private func attempt(
        _ key: BigKey, _ reader: BigValueReader, to outlet: some BigValueOutlet
    ) async throws -> Outcome? {
        guard let kind = try await reader.kind(of: key.key) else { return .gone }
        if kind == .module { return .unreadable }
        guard let (expiry, start) = try await reader.expiry(of: key.key) else { return .gone }
        guard var sink = try await outlet.begin(key, kind, expiry: expiry) else { return .settled }
        do {
            let first = try await reader.read(key.key, kind: kind, start: start, into: &sink) { sink in
                if isEnding() { throw CancellationError() }
                try await outlet.waitForRoom(&sink)
            }
            var nowhere = Nowhere()
            let second = try await reader.read(key.key, kind: kind, start: start, into: &nowhere) { _ in
                if isEnding() { throw CancellationError() }
            }
            guard let first, let second else {
                await outlet.giveUp(sink)
                return .gone
            }
            guard second.equals(first) else {
                await outlet.giveUp(sink)
                return nil
            }
            try await outlet.commit(sink, second)
            return .settled
        } catch {
            await outlet.giveUp(sink)
            throw error
        }
    }
}

/// Takes a value that is only read for its digest.
private struct Nowhere: ValueVisitor {
    mutating func begin(_ kind: ValueKind, count: UInt64?) {}
    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {}
    mutating func score(_ score: Double) {}
    mutating func expiry(_ milliseconds: Int64) {}
    mutating func stream(_ event: borrowing StreamEvent) {}
    mutating func module(_ event: ModuleEvent) {}
    mutating func end() {}
}
