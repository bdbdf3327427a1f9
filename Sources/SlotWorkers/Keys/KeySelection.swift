internal import RESP

/// A set of keys, each of one database, that are meant and no others: what a verification found different.
///
/// All names lie one behind another in one array, ordered by database and slot: a key costs its bytes and some 50 more. A
/// look-up neither allocates nor copies. Never changes, so that all loops share it.
package final class KeySelection: Sendable {
    private struct Entry {
        let database: Int
        let slot: HashSlot
        let start: Int
        let count: Int
    }

    private let bytes: [UInt8]
    private let entries: [Entry]
    /// Open addressing: an index into `entries`, or -1. At most half full.
    private let table: [Int32]

    /// - Parameter keys: In any order; what comes twice is taken once. At most 1,000,000,000.
    package init(_ keys: some Sequence<(database: Int, key: [UInt8])>) {
        var bytes: [UInt8] = []
        var entries: [Entry] = []
        for (database, key) in keys {
            entries.append(
                Entry(database: database, slot: HashSlot(key: key), start: bytes.count, count: key.count))
            bytes.append(contentsOf: key)
        }
        entries.sort { ($0.database, $0.slot.rawValue) < ($1.database, $1.slot.rawValue) }
        var size = 16
        while size < entries.count * 2 { size *= 2 }
        var table = [Int32](repeating: -1, count: size)
        var kept: [Entry] = []
        kept.reserveCapacity(entries.count)
        for entry in entries {
            let all = bytes.span
            // SAFETY: every byte of an array of bytes is initialised.
            let place = unsafe Self.place(
                of: all.bytes.extracting(entry.start..<entry.start + entry.count), entry.database, in: table, kept,
                bytes)
            guard table[place] < 0 else { continue }
            table[place] = Int32(kept.count)
            kept.append(entry)
        }
        self.bytes = bytes
        self.entries = kept
        self.table = table
    }

    package var count: Int { entries.count }

    /// Whether the selection holds a key of a database.
    package func contains(_ key: RawSpan, database: Int) -> Bool {
        table[Self.place(of: key, database, in: table, entries, bytes)] >= 0
    }

    /// Lends the key at `index`, 0..<``count``: by database, then by slot.
    func withKey<Result>(at index: Int, _ body: (RawSpan, _ database: Int, HashSlot) -> Result) -> Result {
        let entry = entries[index]
        // Its own reference, so that what is lent lives as long as the call.
        let bytes = bytes
        let span = bytes.span
        // SAFETY: every byte of an array of bytes is initialised.
        return unsafe body(span.bytes.extracting(entry.start..<entry.start + entry.count), entry.database, entry.slot)
    }

    /// Where in the table a key stands, or would stand.
    private static func place(
        of key: RawSpan, _ database: Int, in table: [Int32], _ entries: [Entry], _ bytes: [UInt8]
    ) -> Int {
        var hasher = Hasher()
        hasher.combine(database)
        // SAFETY: the pointer is used inside the closure only.
        unsafe key.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        var place = hasher.finalize() & (table.count - 1)
        while table[place] >= 0 {
            let entry = entries[Int(table[place])]
            if entry.database == database, entry.count == key.byteCount, isEqual(key, bytes, entry.start) { break }
            place = (place + 1) & (table.count - 1)
        }
        return place
    }

    private static func isEqual(_ key: RawSpan, _ bytes: [UInt8], _ start: Int) -> Bool {
        for index in 0..<key.byteCount where key[index] != bytes[start + index] { return false }
        return true
    }
}
