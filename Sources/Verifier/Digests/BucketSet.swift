package import RESP

/// Buckets of the table, as a bitmap of 512 KiB.
package struct BucketSet: Hashable, Sendable {
    /// 4,194,304.
    package static let bucketCount = HashSlot.count * KeyPlace.bucketsPerSlot

    private var words = [UInt64](repeating: 0, count: bucketCount / 64)
    /// Number of buckets in the set.
    package private(set) var count = 0

    package init() {}

    /// Takes the bitmap that ``bitmap`` gave.
    ///
    /// - Returns: `nil` for another number of bytes.
    init?(bitmap: [UInt8]) {
        guard bitmap.count == Self.bucketCount / 8 else { return nil }
        let bytes = bitmap.span
        // SAFETY: every byte of an array of bytes is initialised.
        let span = unsafe bytes.bytes
        for index in words.indices {
            // SAFETY: the guard above proved that there are eight bytes for each word; the load needs no alignment.
            let word = unsafe span.unsafeLoadUnaligned(fromUncheckedByteOffset: index * 8, as: UInt64.self)
            words[index] = UInt64(littleEndian: word)
        }
        count = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// 512 KiB: a bit for each bucket, the lowest bit of the first byte for bucket 0.
    var bitmap: [UInt8] {
        let words = words.map(\.littleEndian)
        // SAFETY: the words are only read within the closure, as bytes.
        return unsafe words.withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// How many buckets of the set lie before one, 0 ... 4,194,304.
    func count(before end: UInt32) -> Int {
        let whole = words[..<Int(end >> 6)].reduce(0) { $0 + $1.nonzeroBitCount }
        guard end & 63 > 0 else { return whole }
        return whole + (words[Int(end >> 6)] & ((1 << UInt64(end & 63)) - 1)).nonzeroBitCount
    }

    package var isEmpty: Bool { count == 0 }

    /// - Parameter bucket: 0 ... 4,194,303.
    package mutating func insert(_ bucket: UInt32) {
        let bit = UInt64(1) << UInt64(bucket & 63)
        guard words[Int(bucket >> 6)] & bit == 0 else { return }
        words[Int(bucket >> 6)] |= bit
        count += 1
    }

    /// Whether a key must be read again.
    package func contains(_ place: KeyPlace) -> Bool { contains(place.bucket) }

    /// - Parameter bucket: 0 ... 4,194,303.
    package func contains(_ bucket: UInt32) -> Bool { words[Int(bucket >> 6)] >> UInt64(bucket & 63) & 1 == 1 }

    /// How many buckets of a slot are in the set, 0 ... 256.
    package func count(in slot: HashSlot) -> Int {
        let first = Int(slot.rawValue) << 2
        return words[first..<first + 4].reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// The slots that have a bucket in the set: all that a second reading needs to look at.
    package var slots: SlotSet {
        var slots = SlotSet()
        guard count > 0 else { return slots }
        for index in 0..<HashSlot.count {
            if let slot = HashSlot(index), count(in: slot) > 0 { slots.insert(slot) }
        }
        return slots
    }
}
