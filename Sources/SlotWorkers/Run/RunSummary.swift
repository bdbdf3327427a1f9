/// What became of function libraries; they are no keys, and counted apart.
package struct FunctionCounts: Sendable, Equatable {
    package var read = 0
    package var copied = 0
    /// The target had them, and kept them.
    package var existing = 0
    package var failed = 0
}

/// The result of a run. Every figure is final.
package struct RunSummary: Sendable {
    package var tally = Tally()
    package var functions = FunctionCounts()
    /// Keys that were removed from the target because the source does not have them (in a dry run: would be).
    package var deleted = 0
    package var seconds = 0.0
    /// Of those, how long reading was held back by the source's limit.
    package var throttledSeconds = 0.0
    package var isDryRun = false
    /// Whether it was asked to stop before the end.
    package var isInterrupted = false
    /// What makes the run less than complete, though no key failed: each a sentence.
    package var incomplete: [String] = []
    /// What the operator should know, each a sentence.
    package var warnings: [String] = []
    /// What ended the run before its time.
    package var failure: RunError?

    package init() {}

    package var keysPerSecond: Double { seconds > 0 ? Double(tally.read) / seconds : 0 }

    /// Whether everything that was to be copied is on the target.
    package var isGreen: Bool {
        tally.failed == 0 && tally.unsupported == 0 && functions.failed == 0 && incomplete.isEmpty && failure == nil
            && !isInterrupted
    }
}

/// How far a run is. Every figure was true at its moment.
package struct RunProgress: Sendable {
    package enum Phase: String, Sendable {
        case connecting, checking, copying, draining, recopying, deleting, done
    }

    /// One worker's part.
    package struct Worker: Sendable {
        /// `0-8191`
        package var slots: String
        package var copied: Int
        package var failed: Int
    }

    package var phase = Phase.connecting
    package var tally = Tally()
    /// Part of the source that is read, 0...1; `nil` where it cannot be known.
    package var fraction: Double?
    package var workers: [Worker] = []
    /// What is waited for.
    package var waiting: [String] = []
    /// How long reading was held back so far by the source's limit.
    package var throttled = Duration.zero
}
