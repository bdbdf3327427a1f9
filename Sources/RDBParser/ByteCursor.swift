/// A bounds-checked place in borrowed bytes. Reading says `nil` for "not yet", and then `needed` for how many it takes.
@usableFromInline
package struct ByteCursor: ~Escapable {
    @usableFromInline package let bytes: RawSpan

    /// Where `bytes` begin in the stream, for errors.
    @usableFromInline package let base: UInt64

    /// Bytes read so far, 0...bytes.byteCount.
    @usableFromInline package internal(set) var position = 0

    /// After a `nil`: how many bytes `bytes` must hold at least before the same reading can succeed.
    @usableFromInline package var needed = 0

    /// - Parameter base: Where `bytes` begin in the stream.
    @inlinable
    @_lifetime(copy bytes)
    package init(_ bytes: RawSpan, base: UInt64 = 0) {
        self.bytes = bytes
        self.base = base
    }

    /// The offset in the stream of the next byte.
    @inlinable
    package var offset: UInt64 { base &+ UInt64(truncatingIfNeeded: position) }

    /// Bytes that are left.
    @inlinable
    package var remaining: Int { bytes.byteCount &- position }

    /// The next byte, or `nil` (position unchanged) at the end.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    package mutating func nextByte() -> UInt8? {
        guard position < bytes.byteCount else {
            needed = position + 1
            return nil
        }
        // SAFETY: the guard proved that a byte lies at `position`.
        let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
        position &+= 1
        return byte
    }

    /// The next little-endian integer, or `nil` (position unchanged) when fewer than its bytes remain.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    package mutating func next<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> T? {
        guard remaining >= MemoryLayout<T>.size else {
            needed = position + MemoryLayout<T>.size
            return nil
        }
        // SAFETY: the guard proved that the integer's bytes lie at `position`.
        let value = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: T.self)
        position &+= MemoryLayout<T>.size
        return T(littleEndian: value)
    }

    /// Passes over `count` bytes (0 or more); `false` (position unchanged) when fewer remain.
    @inlinable @inline(__always)
    @_lifetime(self: copy self)
    package mutating func skip(_ count: Int) -> Bool {
        guard count <= remaining else {
            let end = position.addingReportingOverflow(count)
            needed = end.overflow ? .max : end.partialValue
            return false
        }
        position &+= count
        return true
    }

    /// The bytes of a range: 0 <= start <= end <= bytes.byteCount.
    @inlinable @inline(__always)
    @_lifetime(copy self)
    package func bytes(from start: Int, to end: Int) -> RawSpan {
        precondition(UInt(bitPattern: start) <= UInt(bitPattern: end) && UInt(bitPattern: end) <= bytes.byteCount)
        // SAFETY: so the range lies within the bytes (a number below 0 is too large without its sign).
        return unsafe bytes.extracting(unchecked: Range(uncheckedBounds: (start, end)))
    }
}
