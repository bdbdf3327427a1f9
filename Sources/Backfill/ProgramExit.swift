import SlotWorkers
import UnixSignals
import Verifier

/// Exit codes; documented, and the same in every command.
enum ProgramExit: Int32, Error {
    /// Done and proven.
    case done = 0
    /// Differences, keys that failed or cannot be held by the target, damaged input.
    case differences = 1
    /// The command line asks for what cannot be.
    case usage = 2
    /// A server cannot be reached or does not let us in, or was lost.
    case connection = 3
    /// It could not be found out.
    case inconclusive = 4
    /// Going on would have done harm.
    case safety = 5
    case interrupted = 130
    case terminated = 143
}

extension ProgramExit {
    /// What a failure means for the exit code.
    ///
    /// - Parameter signal: What stopped the program, if anything did.
    init(_ error: any Error, stoppedBy signal: UnixSignal?) {
        if let code = signal?.exit {
            self = code
            return
        }
        if error is VerifierError {
            self = .usage
            return
        }
        self =
            switch (error as? RunError)?.code {
            case .usage?: .usage
            case .input?: .differences
            case .safety?: .safety
            default: .connection
            }
    }
}
