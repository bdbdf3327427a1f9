internal import NIOConcurrencyHelpers
internal import NIOCore

/// What one side is asked for at most, over all of its servers: shared by everything that reads it.
///
/// Asked once for a page, a batch or a chunk, never for a key. May be used and changed from any thread at any time.
package final class RateLimit: Sendable {
    private let budget: NIOLockedValueBox<RateBudget>

    /// - Parameters:
    ///   - keysPerSecond: Keys whose values are asked for, 1...; `nil` for no limit.
    ///   - bytesPerSecond: Bytes that the side sends us, 1...; `nil` for no limit.
    package init(keysPerSecond: Int?, bytesPerSecond: Int?) {
        budget = NIOLockedValueBox(
            RateBudget(keysPerSecond: keysPerSecond, bytesPerSecond: bytesPerSecond, at: .now()))
    }

    /// Other limits from now on; readers follow within a fifth of a second.
    package func change(keysPerSecond: Int?, bytesPerSecond: Int?) {
        budget.withLockedValue {
            $0.change(keysPerSecond: keysPerSecond, bytesPerSecond: bytesPerSecond, at: .now())
        }
    }

    /// How long a reader was held back so far. Several that are at the same time count once.
    package var waited: Duration { .nanoseconds(budget.withLockedValue { $0.waited(at: .now()) }.nanoseconds) }

    /// How long so many keys take at least; zero without a limit of keys.
    package func time(forKeys number: Int) -> Duration {
        .nanoseconds(budget.withLockedValue { $0.time(forKeys: number) }.nanoseconds)
    }

    /// Keys and bytes that are best asked for at once.
    var portion: (keys: Int, bytes: Int) { budget.withLockedValue { ($0.keysAtOnce, $0.bytesAtOnce) } }

    /// Takes keys and bytes that are to be asked for; both, or none.
    ///
    /// - Returns: `nil` when they may be asked for now; else when to ask again.
    func take(keys: Int, bytes: Int) -> TimeAmount? {
        budget.withLockedValue { $0.take(keys: keys, bytes: bytes, at: .now()) }
    }

    /// Takes what came, below zero too: it is waited for afterwards. Negative numbers give back.
    func spend(keys: Int, bytes: Int) {
        budget.withLockedValue { $0.spend(keys: keys, bytes: bytes, at: .now()) }
    }
}
