/// How many elements to ask for, so that an answer is of bounded size. Pure.
///
/// The first pages are small, as nothing is known yet; each may be eight times the one before it. Elements that are much
/// larger than those before them make an answer larger than wished, once: hence the bound on their number too.
struct PageSize: Sendable {
    /// What an answer should bring at most, and what it may ask for.
    struct Limits: Sendable {
        /// 1...; default 1 MiB.
        var bytes = 1 << 20
        /// 1...; default 8,192: looking at so many holds the server up for about a millisecond.
        var elements = 8192
    }

    let limits: Limits
    /// Elements to ask for next.
    private(set) var count: Int
    /// A running mean, which follows growing elements at once and shrinking ones slowly.
    private var bytesPerElement = 0.0

    init(_ limits: Limits) {
        self.limits = limits
        count = min(8, limits.elements)
    }

    /// Takes note of what a page brought.
    mutating func learn(elements: Int, bytes: Int) {
        if elements > 0 {
            let mean = Double(bytes) / Double(elements)
            bytesPerElement = mean > bytesPerElement ? mean : bytesPerElement + (mean - bytesPerElement) / 4
        }
        let fitting = bytesPerElement > 0 ? Int(Double(limits.bytes) / bytesPerElement) : limits.elements
        count = max(1, min(fitting, count * 8, limits.elements))
    }
}
