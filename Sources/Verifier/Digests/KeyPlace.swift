package import RESP

/// Where a key belongs in the sums, and whether a sample takes it: the same on both sides of a run.
package struct KeyPlace: Hashable, Sendable {
    /// Buckets of a slot.
    package static let bucketsPerSlot = 256

    package let slot: HashSlot
    /// A keyed hash of database and key: uniform, and not to be guessed without the seed.
    package let hash: UInt64

    @inlinable
    package init(slot: HashSlot, hash: UInt64) {
        self.slot = slot
        self.hash = hash
    }

    /// 0 ... 4,194,303: slot times 256, and the hash's low eight bits.
    @inlinable
    package var bucket: UInt32 { UInt32(slot.rawValue) << 8 | UInt32(hash & 0xFF) }
}

/// SipHash-2-4 (Aumasson, Bernstein): a keyed hash of 64 bits, for choosing buckets and samples.
///
/// SHA-256 would be as right there, but takes five times as long, and a bucket that somebody filled on purpose would
/// only be read again. Where it says that two things are equal, it is SHA-256.
package struct SipHash: Sendable {
    private let first: UInt64
    private let second: UInt64

    package init(key first: UInt64, _ second: UInt64) {
        self.first = first
        self.second = second
    }

    /// The hash of `bytes`, or of a 64-bit little-endian `prefix` and `bytes`.
    package func hash(prefix: UInt64? = nil, _ bytes: RawSpan) -> UInt64 {
        var state = State(first, second)
        if let prefix { state.compress(prefix) }
        let count = bytes.byteCount
        var position = 0
        while count - position >= 8 {
            // SAFETY: the condition above proved that eight bytes lie at `position`; the load needs no alignment.
            let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self)
            state.compress(UInt64(littleEndian: word))
            position += 8
        }
        var last = UInt64(truncatingIfNeeded: count + (prefix == nil ? 0 : 8)) << 56
        var shift: UInt64 = 0
        while position < count {
            // SAFETY: the condition above proved that a byte lies at `position`.
            let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
            last |= UInt64(byte) << shift
            shift += 8
            position += 1
        }
        state.compress(last)
        return state.finish()
    }

    private struct State {
        var v0: UInt64
        var v1: UInt64
        var v2: UInt64
        var v3: UInt64

        init(_ first: UInt64, _ second: UInt64) {
            v0 = first ^ 0x736f_6d65_7073_6575
            v1 = second ^ 0x646f_7261_6e64_6f6d
            v2 = first ^ 0x6c79_6765_6e65_7261
            v3 = second ^ 0x7465_6462_7974_6573
        }

        @inline(__always)
        mutating func compress(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        @inline(__always)
        mutating func finish() -> UInt64 {
            v2 ^= 0xFF
            round()
            round()
            round()
            round()
            return v0 ^ v1 ^ v2 ^ v3
        }

        @inline(__always)
        private mutating func round() {
            v0 &+= v1
            v1 = v1 << 13 | v1 >> 51
            v1 ^= v0
            v0 = v0 << 32 | v0 >> 32
            v2 &+= v3
            v3 = v3 << 16 | v3 >> 48
            v3 ^= v2
            v0 &+= v3
            v3 = v3 << 21 | v3 >> 43
            v3 ^= v0
            v2 &+= v1
            v1 = v1 << 17 | v1 >> 47
            v1 ^= v2
            v2 = v2 << 32 | v2 >> 32
        }
    }
}
