internal import Dispatch

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// The time of another server, kept by our own clock from one answer to `TIME`.
package struct SourceClock: Sendable {
    /// Milliseconds since 1970 at the server, minus our monotonic milliseconds.
    private let offset: Int64

    /// - Parameter milliseconds: What the server's `TIME` says now, in milliseconds since 1970.
    package init(serverTime milliseconds: Int64) {
        offset = milliseconds - Self.monotonic
    }

    private static var monotonic: Int64 { Int64(clamping: DispatchTime.now().uptimeNanoseconds / 1_000_000) }

    /// Our own clock, milliseconds since 1970: where no server tells the time.
    static var local: Int64 {
        var time = timespec()
        // SAFETY: the call writes one structure.
        unsafe _ = clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Milliseconds since 1970 at the server, now.
    package var now: Int64 { offset + Self.monotonic }
}
