import NIOConcurrencyHelpers
import UnixSignals

/// SIGINT and SIGTERM: the first asks to stop, the second ends the process at once.
final class StopSignals: Sendable {
    private let state = NIOLockedValueBox<UnixSignal?>(nil)

    /// - Parameter note: What becomes of the work that is under way.
    init(_ note: String = "what was read is still written", _ stop: @escaping @Sendable () -> Void) {
        Task { [state] in
            for await signal in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                let isFirst = state.withLockedValue { first in
                    defer { first = first ?? signal }
                    return first == nil
                }
                guard isFirst else { StandardStreams.exit((signal.exit ?? .interrupted).rawValue) }
                StandardStreams.writeError(
                    "backfill: stopping; \(note). Again to end at once.\n")
                stop()
            }
        }
    }

    /// The first signal that came.
    var received: UnixSignal? { state.withLockedValue { $0 } }
}

extension UnixSignal {
    /// The exit code of a program that this signal stopped.
    var exit: ProgramExit? {
        switch self {
        case .sigint: .interrupted
        case .sigterm: .terminated
        default: nil
        }
    }
}
