/// Keys by the time that they still have.
package struct ExpiryHistogram: Hashable, Sendable {
    /// The upper bounds of the classes, in seconds from now: below each there is a class, and one above the last.
    package static let bounds = [0, 60, 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400]

    /// Keys that never expire.
    package internal(set) var persistent = 0
    /// Keys in each class: the first are expired already, the last has no bound.
    package private(set) var classes = [Int](repeating: 0, count: bounds.count + 1)
    /// Milliseconds since 1970.
    package let now: Int64
    private let limits: [Int64]

    init(now: Int64) {
        self.now = now
        limits = Self.bounds.map { now + Int64($0) * 1000 }
    }

    @inline(__always)
    mutating func add(_ expiry: Int64?) {
        guard let expiry else {
            persistent &+= 1
            return
        }
        var index = 0
        while index < limits.count, expiry > limits[index] { index &+= 1 }
        classes[index] &+= 1
    }
}

/// Keys by their size, in decades.
package struct SizeHistogram: Hashable, Sendable {
    /// Class `n` holds keys of 10ⁿ bytes and more, below 10ⁿ⁺¹; class 0 also those of none.
    package private(set) var classes = [KeyCounts](repeating: KeyCounts(), count: 19)

    @inline(__always)
    mutating func add(bytes size: Int, expires: Bool) {
        var index = 0
        var bound = 10
        while index < 18, size >= bound {
            index &+= 1
            bound &*= 10
        }
        classes[index].add(bytes: size, expires: expires)
    }
}
