internal import RDBParser

/// What became of the keys of a run. Each key that was read ends in exactly one count.
package struct Tally: Sendable, Equatable {
    /// Keys that ended the same way for the same reason.
    package struct Reason: Sendable, Equatable {
        package var count = 0
        /// The first of them, at most ``Tally/mostExamples``; bytes, as a key need not be text.
        package var examples: [[UInt8]] = []
    }

    package static let mostExamples = 10
    /// Distinct reasons that are kept apart; what comes after them is counted under one name.
    private static let mostReasons = 100

    /// Keys that the source gave.
    package var read = 0
    /// Keys that the target now holds as the source did.
    package var copied = 0
    /// Of those, keys that were written without something that the target cannot hold.
    package var lossy = 0
    /// Keys that the target had, and kept, because the run was told to skip those.
    package var existing = 0
    /// Keys that the filters leave out.
    package var filtered = 0
    /// Keys whose expiry had passed.
    package var expired = 0
    /// Keys whose value the target cannot hold.
    package var unsupported = 0
    /// Keys that could not be written.
    package var failed = 0
    /// Bytes of the keys that were read: names and values as the source encodes them.
    package var bytes = 0
    package var reasons: [String: Reason] = [:]

    package init() {}

    /// Keys with an outcome.
    package var settled: Int { copied + existing + filtered + expired + unsupported + failed }

    private mutating func count(_ reason: String, _ number: Int, examples: some Collection<[UInt8]>) {
        let name = reasons[reason] != nil || reasons.count < Self.mostReasons ? reason : "other reasons"
        var entry = reasons[name] ?? Reason()
        entry.count += number
        entry.examples.append(contentsOf: examples.prefix(max(0, Self.mostExamples - entry.examples.count)))
        reasons[name] = entry
    }

    mutating func explain(_ reason: String, _ keys: some Collection<[UInt8]>) {
        guard !keys.isEmpty else { return }
        count(reason, keys.count, examples: keys)
    }

    mutating func fail(_ keys: some Collection<[UInt8]>, _ reason: String) {
        failed += keys.count
        explain(reason, keys)
    }

    /// Counts keys that the target has, and keeps.
    mutating func settle(existing keys: [[UInt8]], _ policy: ConflictPolicy) {
        if policy == .error {
            fail(keys, "the key exists on the target (--on-conflict error)")
        } else {
            existing += keys.count
        }
    }

    /// Counts a key that the target cannot hold whole.
    ///
    /// - Returns: Whether it may be written without what is lost.
    mutating func settle(_ loss: Conversion.Loss, of key: [UInt8], _ policy: LossPolicy) -> Bool {
        let keys = CollectionOfOne(key)
        switch policy {
        case .error:
            unsupported += 1
            explain("the target cannot hold \(loss) (--on-lossy error)", keys)
        case .skip:
            filtered += 1
            explain("the target cannot hold \(loss) (--on-lossy skip)", keys)
        case .convert:
            lossy += 1
            explain("written without \(loss), which the target cannot hold (--on-lossy convert)", keys)
        }
        return policy == .convert
    }

    /// Counts a key that the target cannot hold, without copying its name when examples enough are there.
    mutating func refuse(_ key: RawSpan, _ reason: String) {
        unsupported += 1
        if let entry = reasons[reason], entry.examples.count >= Self.mostExamples {
            reasons[reason]?.count += 1
        } else {
            explain(reason, CollectionOfOne(key.array))
        }
    }

    /// What came since an earlier look at the same tally.
    func since(_ earlier: Tally) -> Tally {
        var later = self
        later.read -= earlier.read
        later.copied -= earlier.copied
        later.lossy -= earlier.lossy
        later.existing -= earlier.existing
        later.filtered -= earlier.filtered
        later.expired -= earlier.expired
        later.unsupported -= earlier.unsupported
        later.failed -= earlier.failed
        later.bytes -= earlier.bytes
        later.reasons = [:]
        for (name, reason) in reasons {
            let before = earlier.reasons[name] ?? Reason()
            guard reason.count > before.count else { continue }
            later.count(name, reason.count - before.count, examples: reason.examples.dropFirst(before.examples.count))
        }
        return later
    }

    /// Takes keys that were counted as copied, and failed when they were copied once more.
    mutating func failAgain(_ second: Tally) {
        copied -= second.failed
        failed += second.failed
        for (name, reason) in second.reasons { count(name, reason.count, examples: reason.examples) }
    }

    package mutating func add(_ other: Tally) {
        read += other.read
        copied += other.copied
        lossy += other.lossy
        existing += other.existing
        filtered += other.filtered
        expired += other.expired
        unsupported += other.unsupported
        failed += other.failed
        bytes += other.bytes
        for (name, reason) in other.reasons {
            count(name, reason.count, examples: reason.examples[...])
        }
    }
}
