internal import NIOConcurrencyHelpers
internal import NIOCore

/// The byte budget between readers and workers. It runs backward: when it is spent, readers stop reading.
///
/// Bytes are spent when a batch is handed to a worker and come back when all its replies are in, so memory is bounded
/// by the budget and by what one read brings, whatever a value's size or a target's pace.
final class BytePressure: Sendable {
    private struct State {
        var outstanding = 0
        var waiting: [(loop: any EventLoop, resume: @Sendable () -> Void)] = []
    }

    /// Most bytes that are encoded and not acknowledged.
    let limit: Int
    private let state = NIOLockedValueBox(State())

    init(limit: Int) { self.limit = limit }

    func spend(_ bytes: Int) {
        state.withLockedValue { $0.outstanding += bytes }
    }

    func giveBack(_ bytes: Int) {
        let resumed = state.withLockedValue { state -> [(loop: any EventLoop, resume: @Sendable () -> Void)] in
            state.outstanding -= bytes
            guard state.outstanding <= limit / 2, !state.waiting.isEmpty else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in resumed { waiter.loop.execute(waiter.resume) }
    }

    /// Whether there is room. If not, `resume` runs on `loop` once half of the budget is free.
    func hasRoom(on loop: any EventLoop, orResume resume: @escaping @Sendable () -> Void) -> Bool {
        state.withLockedValue { state in
            if state.outstanding < limit { return true }
            state.waiting.append((loop, resume))
            return false
        }
    }

    /// Wakes all that wait, for a stop.
    func wakeAll() {
        let resumed = state.withLockedValue { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in resumed { waiter.loop.execute(waiter.resume) }
    }
}
