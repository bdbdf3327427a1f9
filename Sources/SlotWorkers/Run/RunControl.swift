internal import NIOConcurrencyHelpers

/// What ends a run early, and what it waits for: shared by all parts of it.
package final class RunControl: Sendable {
    private struct State {
        var isStopping = false
        var failure: RunError?
        var targetFailure: RunError?
        var waiting: [Int: String] = [:]
        var onEnd: [@Sendable () -> Void] = []
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    /// Reading ends, what was read is still written.
    package var isStopping: Bool { state.withLockedValue { $0.isStopping } }

    /// Why nothing more can be written or read.
    var failure: RunError? { state.withLockedValue { $0.failure } }

    /// Whether readers should come to an end.
    var isEnding: Bool { state.withLockedValue { $0.isStopping || $0.failure != nil } }

    /// Asks the run to stop reading and to drain.
    package func stop() {
        end { $0.isStopping = true }
    }

    /// Why nothing more can be written.
    var targetFailure: RunError? { state.withLockedValue { $0.targetFailure } }

    /// Ends the run because the target takes nothing more; the first failure is the one that is told.
    func fail(_ error: RunError) {
        end { state in
            state.failure = state.failure ?? error
            state.targetFailure = state.targetFailure ?? error
        }
    }

    /// Ends the reading because the source gives nothing more; what was read is still written.
    func sourceFailed(_ error: RunError) {
        end { $0.failure = $0.failure ?? error }
    }

    private func end(_ change: (inout State) -> Void) {
        let calls = state.withLockedValue { state in
            change(&state)
            defer { state.onEnd = [] }
            return state.onEnd
        }
        for call in calls { call() }
    }

    /// Calls `action` once the run is to end; at once if it is already.
    func whenEnding(_ action: @escaping @Sendable () -> Void) {
        let isEnding = state.withLockedValue { state in
            if state.isStopping || state.failure != nil { return true }
            state.onEnd.append(action)
            return false
        }
        if isEnding { action() }
    }

    /// Forgets what was to be called: those who asked for it have ended.
    package func forgetCalls() { state.withLockedValue { $0.onEnd = [] } }

    /// Says what worker `index` waits for; `nil` when it goes on.
    func note(_ reason: String?, worker index: Int) {
        state.withLockedValue { $0.waiting[index] = reason }
    }

    /// What workers wait for, each reason once.
    package var waiting: [String] { state.withLockedValue { Set($0.waiting.values).sorted() } }
}

/// Why a run could not begin, or not go on.
package struct RunError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is; decides the exit code.
    package struct Code: Hashable, Sendable {
        private let name: String
        private init(_ name: String) { self.name = name }
        /// What the user asked for cannot be.
        package static let usage = Code("usage")
        /// A server cannot be reached, does not let us in, or went away.
        package static let connection = Code("connection")
        /// A server does not let us read it as a replica.
        package static let snapshotRefused = Code("snapshot refused")
        /// The input is damaged.
        package static let input = Code("input")
        /// Going on would do harm.
        package static let safety = Code("safety")
    }

    package let code: Code
    package let description: String

    package init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
