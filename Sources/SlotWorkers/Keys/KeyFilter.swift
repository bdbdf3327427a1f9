package import RESP

/// Which keys a run takes: every condition must hold; an empty condition always does.
package struct KeyFilter: Sendable {
    /// A key must match one of these, if there are any.
    package var include: [GlobPattern] = []
    /// A key that matches one of these is left.
    package var exclude: [GlobPattern] = []
    package var types: Set<KeyType> = []
    /// Source databases.
    package var databases: Set<Int> = []
    /// Hash slots; `nil` takes all.
    package var slots: SlotSet?
    /// Only these keys of source databases; `nil` takes all. Over SCAN and DUMP they are read by their names.
    package var only: KeySelection?

    package init() {}

    /// Whether every key passes, so that nothing needs to be asked.
    var takesAll: Bool {
        include.isEmpty && exclude.isEmpty && types.isEmpty && databases.isEmpty && slots == nil && only == nil
    }

    /// Whether a key passes the patterns.
    func matches(name key: RawSpan) -> Bool {
        for pattern in exclude where pattern.matches(key) { return false }
        if include.isEmpty { return true }
        for pattern in include where pattern.matches(key) { return true }
        return false
    }

    /// Whether a key passes the conditions on its name and slot. Its database is one that is taken.
    func takes(name key: RawSpan, database: Int) -> Bool {
        if let only, !only.contains(key, database: database) { return false }
        return takes(slotOf: key) && matches(name: key)
    }

    /// Whether a key passes all conditions. `rdbType` is the type byte of its value.
    func takes(database: Int, key: RawSpan, rdbType: UInt8) -> Bool {
        if !databases.isEmpty, !databases.contains(database) { return false }
        if !types.isEmpty {
            guard let type = KeyType(rdbType: rdbType), types.contains(type) else { return false }
        }
        return takes(name: key, database: database)
    }

    /// Whether a key passes the condition on its slot.
    func takes(slotOf key: RawSpan) -> Bool {
        slots.map { $0.contains(HashSlot(key: key)) } ?? true
    }
}
