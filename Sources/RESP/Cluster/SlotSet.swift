/// Any set of slots, as a bitmap.
package struct SlotSet: Hashable, Sendable, CustomStringConvertible {
    private var words = [UInt64](repeating: 0, count: HashSlot.count / 64)

    /// No slot.
    package init() {}

    package init(_ ranges: some Sequence<SlotRange>) {
        for range in ranges { insert(range) }
    }

    /// All slots.
    package static let all = SlotSet([SlotRange.all])

    /// Reads `0-4095,5000`: slots and ranges in any order, with commas between them.
    package init(parsing text: String) throws(SlotSetError) {
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
            guard (1...2).contains(ends.count), let low = ends.first, let high = ends.last,
                let first = Self.slot(low), let last = Self.slot(high)
            else {
                throw SlotSetError(
                    "'\(part)' is not a slot or a range of slots: slots are 0 to 16383, as in 0-4095,5000.")
            }
            guard let range = SlotRange(first: first, last: last) else {
                throw SlotSetError("The slot range '\(part)' ends before it begins.")
            }
            insert(range)
        }
    }

    private static func slot(_ text: Substring) -> HashSlot? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(text).flatMap { HashSlot($0) }
    }

    package mutating func insert(_ slot: HashSlot) {
        words[Int(slot.rawValue >> 6)] |= 1 << UInt64(slot.rawValue & 63)
    }

    package mutating func insert(_ range: SlotRange) {
        for slot in range.first.rawValue...range.last.rawValue {
            words[Int(slot >> 6)] |= 1 << UInt64(slot & 63)
        }
    }

    package mutating func remove(_ slot: HashSlot) {
        words[Int(slot.rawValue >> 6)] &= ~(1 << UInt64(slot.rawValue & 63))
    }

    package func contains(_ slot: HashSlot) -> Bool {
        words[Int(slot.rawValue >> 6)] >> UInt64(slot.rawValue & 63) & 1 == 1
    }

    package func union(_ other: SlotSet) -> SlotSet { merged(with: other) { $0 | $1 } }
    package func intersection(_ other: SlotSet) -> SlotSet { merged(with: other) { $0 & $1 } }
    package func subtracting(_ other: SlotSet) -> SlotSet { merged(with: other) { $0 & ~$1 } }

    private func merged(with other: SlotSet, _ operation: (UInt64, UInt64) -> UInt64) -> SlotSet {
        var result = SlotSet()
        for index in words.indices { result.words[index] = operation(words[index], other.words[index]) }
        return result
    }

    /// Number of slots, 0 ... 16384.
    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// The set as the fewest ranges, in ascending order.
    package var ranges: [SlotRange] {
        var ranges: [SlotRange] = []
        var first: HashSlot?
        var previous: HashSlot?
        for slot in slots {
            if let low = first, let high = previous, slot.rawValue != high.rawValue + 1 {
                if let range = SlotRange(first: low, last: high) { ranges.append(range) }
                first = slot
            }
            first = first ?? slot
            previous = slot
        }
        if let first, let previous, let range = SlotRange(first: first, last: previous) { ranges.append(range) }
        return ranges
    }

    /// The slots in ascending order.
    package var slots: some Sequence<HashSlot> {
        words.indices.lazy.flatMap { index -> [HashSlot] in
            var word = words[index]
            var slots: [HashSlot] = []
            while word != 0 {
                if let slot = HashSlot(index * 64 + word.trailingZeroBitCount) { slots.append(slot) }
                word &= word - 1
            }
            return slots
        }
    }

    /// Compact ranges, such as `0-4095,5000`; empty for the empty set.
    package var description: String { ranges.map(\.description).joined(separator: ",") }
}

/// A text that names no set of slots.
package struct SlotSetError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A sentence that quotes the part at fault.
    package let description: String

    fileprivate init(_ description: String) { self.description = description }
}
