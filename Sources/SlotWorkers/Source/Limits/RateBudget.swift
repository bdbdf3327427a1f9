internal import NIOCore

/// What may be asked of a side now: a bucket of keys and one of bytes, which fill at a steady pace. Pure: time comes in, how
/// long to wait comes out.
///
/// Keys are known before they are asked for, and wait until the bucket holds as many. Bytes are known afterwards only: they
/// are taken out when they come, below zero too, and nothing more is asked for before the bucket is back at zero. In any
/// stretch of time thus no more is asked for than the rate allows in it, and a tenth of a second's worth; of bytes, and what
/// was on its way.
struct RateBudget: Sendable {
    /// One bucket.
    private struct Bucket {
        /// What it gains each second.
        let rate: Double
        /// What it holds at most: a tenth of a second's worth, and never less than one.
        let capacity: Double
        private var level: Double
        private var filledAt: NIODeadline

        init(rate: Int, at now: NIODeadline) {
            self.rate = Double(rate)
            capacity = max(1, self.rate * RateBudget.burstSeconds)
            level = capacity
            filledAt = now
        }

        /// The same bucket at another rate: what was taken too much stays to be waited for.
        init(_ other: Bucket, rate: Int, at now: NIODeadline) {
            self.init(rate: rate, at: now)
            level = min(other.level(at: now), capacity)
        }

        func level(at now: NIODeadline) -> Double {
            let seconds = Double(max(0, (now - filledAt).nanoseconds)) / 1e9
            return min(capacity, level + rate * seconds)
        }

        mutating func take(_ number: Int, at now: NIODeadline) {
            level = min(capacity, level(at: now) - Double(number))
            filledAt = max(filledAt, now)
        }

        /// Nanoseconds until so many may be taken; more than it can hold wait until it is full.
        func wait(for number: Int, at now: NIODeadline) -> Int64 {
            let missing = min(Double(number), capacity) - level(at: now)
            // What rounding of the last nanosecond leaves is nothing to wait for.
            guard missing > capacity * 1e-9 else { return 0 }
            return Int64(clamping: Int((min(missing / rate, 3600) * 1e9).rounded(.up)))
        }

        /// What is best asked for at once: so little that the bucket is not full before the next question.
        var portion: Int { max(1, Int(min(capacity / 2, Double(Int.max / 2)))) }
    }

    /// What may be asked for at once after a rest, as a stretch of time.
    static let burstSeconds = 0.1
    /// A shorter wait is not worth a timer, and a longer one would be late to see a stop, or another limit.
    static let shortestWait = TimeAmount.milliseconds(5)
    static let longestWait = TimeAmount.milliseconds(200)

    private var keys: Bucket?
    private var bytes: Bucket?
    /// Waits so far, those at the same time counted once, up to the end of the last one.
    private var waited = TimeAmount.zero
    private var waitsUntil: NIODeadline

    /// - Parameters:
    ///   - keysPerSecond: 1...; `nil` for no limit.
    ///   - bytesPerSecond: 1...; `nil` for no limit.
    init(keysPerSecond: Int?, bytesPerSecond: Int?, at now: NIODeadline) {
        keys = keysPerSecond.map { Bucket(rate: $0, at: now) }
        bytes = bytesPerSecond.map { Bucket(rate: $0, at: now) }
        waitsUntil = now
    }

    /// Goes on at other rates.
    mutating func change(keysPerSecond: Int?, bytesPerSecond: Int?, at now: NIODeadline) {
        keys = keysPerSecond.map { rate in
            keys.map { Bucket($0, rate: rate, at: now) } ?? Bucket(rate: rate, at: now)
        }
        bytes = bytesPerSecond.map { rate in
            bytes.map { Bucket($0, rate: rate, at: now) } ?? Bucket(rate: rate, at: now)
        }
    }

    /// Keys that are best asked for at once.
    var keysAtOnce: Int { keys?.portion ?? .max }
    /// Bytes that are best asked for at once.
    var bytesAtOnce: Int { bytes?.portion ?? .max }

    /// Takes keys and bytes that are to be asked for; both, or none.
    ///
    /// - Parameter bytes: As far as is known; what was guessed wrong is put right by ``spend(keys:bytes:at:)``.
    /// - Returns: `nil` when they may be asked for now; else when to ask again, in at most ``longestWait``.
    mutating func take(keys number: Int, bytes size: Int, at now: NIODeadline) -> TimeAmount? {
        let wait = max(keys?.wait(for: number, at: now) ?? 0, bytes?.wait(for: size, at: now) ?? 0)
        guard wait > 0 else {
            spend(keys: number, bytes: size, at: now)
            return nil
        }
        let pause = min(max(.nanoseconds(wait), Self.shortestWait), Self.longestWait)
        let end = now + pause
        if end > waitsUntil { waited = waited + (end - max(now, waitsUntil)) }
        waitsUntil = max(waitsUntil, end)
        return pause
    }

    /// Takes what came without having been asked for; negative numbers give back what was taken and did not come.
    mutating func spend(keys number: Int, bytes size: Int, at now: NIODeadline) {
        keys?.take(number, at: now)
        bytes?.take(size, at: now)
    }

    /// How long somebody had to wait so far. Several who wait at the same time count once.
    func waited(at now: NIODeadline) -> TimeAmount {
        waitsUntil > now ? max(.zero, waited - (waitsUntil - now)) : waited
    }

    /// How long so many keys take at least.
    func time(forKeys number: Int) -> TimeAmount {
        guard let keys else { return .zero }
        return .nanoseconds(Int64(min(Double(max(0, number)) / keys.rate, 1e9) * 1e9))
    }
}
