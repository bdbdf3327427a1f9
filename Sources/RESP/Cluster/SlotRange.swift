/// Slots that follow each other; never empty.
package struct SlotRange: Hashable, Sendable, CustomStringConvertible {
    package let first: HashSlot
    package let last: HashSlot

    /// - Returns: `nil` where `last` lies before `first`.
    package init?(first: HashSlot, last: HashSlot) {
        guard first <= last else { return nil }
        self.first = first
        self.last = last
    }

    /// All slots.
    package static let all = partition(into: 1)[0]

    /// Splits the whole slot space into `workers` ranges whose sizes differ by at most one.
    ///
    /// - Parameter workers: 1 ... 16384; what lies outside is taken as the nearer end.
    package static func partition(into workers: Int) -> [SlotRange] {
        let workers = min(max(workers, 1), HashSlot.count)
        return (0..<workers).compactMap { worker in
            guard let first = HashSlot(worker * HashSlot.count / workers),
                let last = HashSlot((worker + 1) * HashSlot.count / workers - 1)
            else { return nil }
            return SlotRange(first: first, last: last)
        }
    }

    /// Number of slots, 1 ... 16384.
    package var count: Int { Int(last.rawValue) - Int(first.rawValue) + 1 }

    @inlinable
    package func contains(_ slot: HashSlot) -> Bool { first <= slot && slot <= last }

    /// `0-4095`, or `5000` for a single slot.
    package var description: String { first == last ? "\(first)" : "\(first)-\(last)" }
}
