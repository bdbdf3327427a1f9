/// How many keys there are of a sort, and how large they are.
package struct KeyCounts: Hashable, Sendable {
    package internal(set) var keys = 0
    /// Of those, keys that expire some time.
    package internal(set) var expiring = 0
    /// Bytes of their names, and of their values as they lie in the file.
    package internal(set) var bytes = 0

    package init() {}

    @inline(__always)
    mutating func add(bytes size: Int, expires: Bool) {
        keys &+= 1
        bytes &+= size
        if expires { expiring &+= 1 }
    }

    package mutating func add(_ other: KeyCounts) {
        keys += other.keys
        expiring += other.expiring
        bytes += other.bytes
    }
}
