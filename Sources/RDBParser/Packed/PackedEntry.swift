/// One entry of a packed encoding: an integer, or a range of the packed bytes.
struct PackedEntry {
    /// The integer, where the entry is one.
    let integer: Int64?
    /// The first byte of its contents; for an integer without meaning.
    let start: Int
    /// Behind its contents.
    let end: Int

    init(_ integer: Int64) {
        self.integer = integer
        start = 0
        end = 0
    }

    init(from start: Int, to end: Int) {
        integer = nil
        self.start = start
        self.end = end
    }
}

extension ByteCursor {
    /// The next 24-bit integer, little-endian, with its sign; `nil` (position undefined) when bytes are missing.
    @_lifetime(self: copy self)
    mutating func nextInt24() -> Int64? {
        guard let low = next(UInt16.self), let high = next(Int8.self) else { return nil }
        return Int64(high) << 16 | Int64(low)
    }

    /// The next bytes as an entry; `nil` when they are missing.
    @_lifetime(self: copy self)
    mutating func nextEntry(of count: Int) -> PackedEntry? {
        let start = position
        return skip(count) ? PackedEntry(from: start, to: position) : nil
    }
}
