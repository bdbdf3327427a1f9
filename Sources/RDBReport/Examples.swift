/// Keys that have something in common: how many, and the first few of them.
package struct Examples: Hashable, Sendable {
    package static let most = 10

    package private(set) var count = 0
    /// The first of them; bytes, as a key need not be text.
    package private(set) var keys: [[UInt8]] = []

    package init() {}

    package mutating func add(_ key: RawSpan) {
        count += 1
        if keys.count < Self.most { keys.append(Array(copying: key)) }
    }
}

extension Array where Element == UInt8 {
    /// A copy of borrowed bytes.
    init(copying bytes: RawSpan) {
        // SAFETY: the buffer is only read within the closure.
        self = unsafe bytes.withUnsafeBytes { buffer in unsafe Array(buffer) }
    }
}
