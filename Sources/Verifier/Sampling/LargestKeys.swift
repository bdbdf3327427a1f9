/// The largest keys that one side has shown: a sample misses them nearly always, and they are what a migration breaks
/// first, so all of them are compared. The union of both sides' lists is what to read again.
package struct LargestKeys: Hashable, Sendable, Codable {
    package struct Entry: Hashable, Sendable, Codable {
        package let bytes: UInt64
        package let database: Int
        package let key: [UInt8]
    }

    /// How many are kept; default 100.
    package let capacity: Int
    /// A heap with its smallest entry first.
    private var heap: [Entry] = []

    package init(capacity: Int = 100) {
        self.capacity = max(capacity, 1)
        heap.reserveCapacity(self.capacity)
    }

    /// Whether a key of that size belongs in the list: to be asked before its name is copied.
    package func wants(bytes: UInt64) -> Bool { heap.count < capacity || bytes > heap[0].bytes }

    package mutating func insert(bytes: UInt64, database: Int, key: @autoclosure () -> [UInt8]) {
        guard wants(bytes: bytes) else { return }
        let entry = Entry(bytes: bytes, database: database, key: key())
        if heap.count < capacity {
            heap.append(entry)
            rise(from: heap.count - 1)
        } else {
            heap[0] = entry
            sink()
        }
    }

    /// Largest first.
    package var entries: [Entry] { heap.sorted { $0.bytes > $1.bytes } }

    private mutating func rise(from index: Int) {
        var index = index
        while index > 0, heap[index].bytes < heap[(index - 1) / 2].bytes {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func sink() {
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
                if heap[child].bytes < heap[least].bytes { least = child }
            }
            if least == index { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}
