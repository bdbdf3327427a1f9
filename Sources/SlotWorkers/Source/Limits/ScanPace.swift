internal import NIOCore

/// Keeps the requests of one scan within its side's limit: their size, and when each may be sent. On the scan's loop alone.
struct ScanPace {
    private let throttle: Throttle
    private var isWaiting = false
    /// What one request should be for, at most.
    private(set) var keysAtOnce = 1
    private(set) var bytesAtOnce = 1

    /// Pages that are measured ahead of those that are dumped.
    private static let mostPagesAhead = 2

    /// - Returns: `nil` where there is no limit.
    init?(_ throttle: Throttle?) {
        guard let throttle else { return nil }
        self.throttle = throttle
        look()
    }

    private mutating func look() { (keysAtOnce, bytesAtOnce) = throttle.limit.portion }

    /// Whether more keys should be measured, while so many pages wait to be dumped.
    func wantsMore(than pages: Int) -> Bool { pages < Self.mostPagesAhead }

    /// Takes a request that is to be sent.
    ///
    /// - Parameters:
    ///   - bytes: What it is expected to bring.
    ///   - resume: Called on `loop` when it is time to ask again, once for all that were refused meanwhile.
    /// - Returns: The bytes that were taken for it, to be given to ``settle(bytes:)`` when it is answered; `nil` when it may
    ///   not be sent now.
    mutating func take(
        keys: Int, bytes: Int, on loop: any EventLoop, orResume resume: @escaping @Sendable () -> Void
    ) -> Int? {
        look()
        if isWaiting { return nil }
        let bytes = min(bytes, bytesAtOnce)
        guard let pause = throttle.limit.take(keys: keys, bytes: bytes) else { return bytes }
        isWaiting = true
        loop.scheduleTask(in: pause, resume)
        return nil
    }

    /// Says that `resume` was called.
    mutating func didResume() { isWaiting = false }

    /// A request is answered, or lost: what was taken for it is given back, as bytes are counted when they come.
    func settle(bytes: Int) {
        if bytes > 0 { throttle.limit.spend(keys: 0, bytes: -bytes) }
    }
}
