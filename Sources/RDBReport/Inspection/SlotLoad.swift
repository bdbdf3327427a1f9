internal import RESP

/// How the keys would lie in a cluster's slots.
package struct SlotLoad: Sendable {
    package struct Slot: Hashable, Sendable {
        package let slot: UInt16
        package let keys: Int
        package let bytes: Int
    }

    private var keys = [Int](repeating: 0, count: HashSlot.count)
    private var bytes = [Int](repeating: 0, count: HashSlot.count)

    @inline(__always)
    mutating func add(_ key: RawSpan, bytes size: Int) {
        let slot = Int(HashSlot(key: key).rawValue)
        keys[slot] &+= 1
        bytes[slot] &+= size
    }

    /// Slots that hold a key.
    package var used: Int { keys.reduce(0) { $1 > 0 ? $0 + 1 : $0 } }

    /// The slots with the most bytes, at most `count`, falling.
    package func largest(_ count: Int) -> [Slot] {
        let order = keys.indices.filter { keys[$0] > 0 }.sorted {
            (bytes[$0], keys[$0], $1) > (bytes[$1], keys[$1], $0)
        }
        return order.prefix(count).map { Slot(slot: UInt16($0), keys: keys[$0], bytes: bytes[$0]) }
    }

    /// How many times the mean of all slots the largest one holds, in keys and in bytes; 0 where there is no key.
    package var skew: (keys: Double, bytes: Double) { (Self.skew(keys), Self.skew(bytes)) }

    private static func skew(_ counts: [Int]) -> Double {
        let sum = counts.reduce(0, +)
        return sum > 0 ? Double(counts.max() ?? 0) * Double(counts.count) / Double(sum) : 0
    }
}
