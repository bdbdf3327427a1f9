internal import NIOCore

/// Keeps the reading of one snapshot within its side's limit: how much is read at once, and how long nothing is. On the
/// link's loop alone.
///
/// A snapshot comes unasked: what it brings is counted when it is there, and reading rests until that is made up for.
struct SnapshotPace {
    private let throttle: Throttle
    private var keys = 0
    private var bytes = 0
    /// Bytes to read at once: so few that one chunk is not waited for long.
    private(set) var chunk = least

    private static let least = 1 << 10
    private static let most = 256 << 10

    /// - Returns: `nil` where there is no limit.
    init?(_ throttle: Throttle?) {
        guard let throttle else { return nil }
        self.throttle = throttle
    }

    /// How long the limit held a reader back.
    var waited: Duration { throttle.limit.waited }

    /// Counts a chunk that was read.
    ///
    /// - Parameter total: Keys that all chunks so far brought.
    /// - Returns: Bytes to read at once from now on, if that changes by much.
    mutating func take(bytes size: Int, keys total: Int) -> Int? {
        throttle.limit.spend(keys: total - keys, bytes: size)
        keys = total
        bytes += size
        let portion = throttle.limit.portion
        let bytesPerKey = Double(bytes) / Double(max(1, keys))
        let fitting = min(Double(portion.keys) * bytesPerKey, Double(portion.bytes), Double(Self.most))
        let wanted = max(Self.least, Int(fitting))
        guard wanted > 2 * chunk || wanted < chunk / 2 || (wanted == Self.most) != (chunk == Self.most) else {
            return nil
        }
        chunk = wanted
        return wanted
    }

    /// How long to read nothing; `nil` to go on.
    func pause() -> TimeAmount? { throttle.limit.take(keys: 0, bytes: 0) }
}
