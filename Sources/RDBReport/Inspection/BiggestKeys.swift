/// The largest keys of a file.
package struct BiggestKeys: Sendable {
    package struct Entry: Hashable, Sendable {
        package let key: [UInt8]
        package let database: UInt64
        package let type: UInt8
        /// Of the name, and of the value as it lies in the file.
        package let bytes: Int
        /// Elements, members, fields or entries; `nil` for a string or a module's value, and for one that is damaged.
        package let elements: UInt64?
    }

    package static let most = 20

    /// Falling by size; of equals, the one that came first.
    package private(set) var entries: [Entry] = []
    /// What a key must exceed to be among them.
    private var threshold = -1

    @inline(__always)
    func takes(bytes: Int) -> Bool { bytes > threshold }

    mutating func insert(_ entry: Entry) {
        let index = entries.firstIndex { $0.bytes < entry.bytes } ?? entries.count
        entries.insert(entry, at: index)
        if entries.count > Self.most { entries.removeLast() }
        if entries.count == Self.most { threshold = entries[Self.most - 1].bytes }
    }
}
