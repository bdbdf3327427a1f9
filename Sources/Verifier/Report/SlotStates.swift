package import RESP

/// What is known of a slot.
package enum SlotState: String, Hashable, Sendable, CaseIterable, Codable {
    /// It was not to be compared.
    case uncovered
    /// Neither side has a key in it.
    case empty
    case equal
    /// A key of it is changing, inconclusive or unsupported; none is known to differ.
    case undecided
    case different
}

/// The state of each slot; in JSON, the slots of each state as ranges.
package struct SlotStates: Hashable, Sendable, Codable {
    private var states = [SlotState](repeating: .uncovered, count: HashSlot.count)

    package init() {}

    package subscript(slot: HashSlot) -> SlotState {
        get { states[Int(slot.rawValue)] }
        set { states[Int(slot.rawValue)] = newValue }
    }

    /// The slots in a state.
    package func slots(_ state: SlotState) -> SlotSet {
        var set = SlotSet()
        for (index, other) in states.enumerated() where other == state {
            if let slot = HashSlot(index) { set.insert(slot) }
        }
        return set
    }

    /// Raises a slot to a state; never lowers it: what is different stays so.
    package mutating func raise(_ slot: HashSlot, to state: SlotState) {
        if Self.rank(state) > Self.rank(self[slot]) { self[slot] = state }
    }

    private static func rank(_ state: SlotState) -> Int { SlotState.allCases.firstIndex(of: state) ?? 0 }

    package init(from decoder: any Decoder) throws {
        let ranges = try decoder.singleValueContainer().decode([String: String].self)
        for (name, text) in ranges {
            guard let state = SlotState(rawValue: name), !text.isEmpty else { continue }
            for slot in try SlotSet(parsing: text).slots { self[slot] = state }
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(
            Dictionary(uniqueKeysWithValues: SlotState.allCases.map { ($0.rawValue, slots($0).description) }))
    }
}
