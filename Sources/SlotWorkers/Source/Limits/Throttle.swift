internal import NIOCore

/// A side's limit for one of its readers, with what tells that reader to stop waiting.
struct Throttle: Sendable {
    let limit: RateLimit
    let control: RunControl

    /// - Returns: `nil` where there is no limit.
    init?(_ limit: RateLimit?, _ control: RunControl) {
        guard let limit else { return nil }
        self.limit = limit
        self.control = control
    }

    /// Waits until keys may be asked for.
    ///
    /// - Returns: Whether they may be; `false` when the run is to end.
    func wait(forKeys keys: Int) async -> Bool {
        while !control.isEnding {
            guard let pause = limit.take(keys: keys, bytes: 0) else { return true }
            // A task that was cancelled has no time to lose: whoever cancelled it tells the control.
            do { try await Task.sleep(for: .nanoseconds(pause.nanoseconds)) } catch { return false }
        }
        return false
    }
}
