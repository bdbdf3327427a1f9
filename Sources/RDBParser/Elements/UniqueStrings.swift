/// Remembers hashes of strings, to find one that comes twice: bounded in memory, so it stops to look beyond a number.
struct UniqueStrings: Sendable {
    /// How many are remembered: 16 bytes each, about.
    let maximum: Int
    private var hashes: Set<UInt64> = []

    init(maximum: Int) { self.maximum = maximum }

    /// - Returns: `false` when the string was there before. (The hash has 64 bits and a seed of this process.)
    mutating func insert(_ string: RawSpan) -> Bool {
        guard hashes.count < maximum else { return true }
        var hasher = Hasher()
        unsafe string.withUnsafeBytes { buffer in
            // SAFETY: the buffer is only read within the closure.
            unsafe hasher.combine(bytes: buffer)
        }
        return hashes.insert(UInt64(bitPattern: Int64(hasher.finalize()))).inserted
    }

    mutating func removeAll() { hashes.removeAll(keepingCapacity: true) }
}
