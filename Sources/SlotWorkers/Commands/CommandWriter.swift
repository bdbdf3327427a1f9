internal import RDBParser

/// Writes RESP into memory that was reserved for it: no allocation, one check a piece.
///
/// Lives only inside `ByteBuffer.writeWithUnsafeMutableBytes`, whose memory it fills.
@safe struct CommandWriter: ~Copyable {
    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    /// Bytes written so far.
    private(set) var count = 0

    /// - Parameter memory: What to fill; must outlive the writer.
    @inline(__always)
    init(filling memory: UnsafeMutableRawBufferPointer) {
        // SAFETY: an empty buffer has no base address; the one placeholder byte is never written, as capacity is 0.
        unsafe base = memory.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 1).unsafelyUnwrapped
        capacity = memory.count
    }

    @inline(__always)
    private mutating func advance(_ size: Int) -> UnsafeMutableRawPointer {
        precondition(size >= 0 && size <= capacity - count, "the reservation of a command was too small")
        // SAFETY: the line above proved that `size` bytes lie behind `count`.
        defer { count += size }
        return unsafe base + count
    }

    @inline(__always)
    mutating func bytes(_ span: RawSpan) {
        let size = span.byteCount
        let target = unsafe advance(size)
        // SAFETY: `advance` reserved `size` bytes, and a span never overlaps memory that is being written.
        unsafe span.withUnsafeBytes { source in
            if let start = source.baseAddress { unsafe target.copyMemory(from: start, byteCount: size) }
        }
    }

    /// ASCII text that is known at compile time.
    @inline(__always)
    mutating func text(_ literal: StaticString) {
        let size = literal.utf8CodeUnitCount
        // SAFETY: a literal's bytes live for ever; `advance` reserved as many.
        unsafe advance(size).copyMemory(from: literal.utf8Start, byteCount: size)
    }

    @inline(__always)
    mutating func integer<T: FixedWidthInteger>(littleEndian value: T) {
        // SAFETY: `advance` reserved the integer's size; the store needs no alignment.
        unsafe advance(MemoryLayout<T>.size).storeBytes(of: value.littleEndian, as: T.self)
    }

    /// `prefix`, the decimal digits of `number`, CR LF: a RESP header such as `$32\r\n`.
    @inline(__always)
    mutating func header(_ prefix: StaticString, _ number: Int) {
        text(prefix)
        decimal(Int64(number))
        text("\r\n")
    }

    @inline(__always)
    mutating func decimal(_ number: Int64) {
        let size = Self.digits(in: number)
        let target = unsafe advance(size)
        var rest = number.magnitude
        var index = size
        repeat {
            index -= 1
            // SAFETY: `size` counts exactly the digits that this loop writes, and the sign before them.
            unsafe target.storeBytes(of: UInt8(truncatingIfNeeded: rest % 10) &+ 48, toByteOffset: index, as: UInt8.self)
            rest /= 10
        } while rest > 0
        if number < 0 { unsafe target.storeBytes(of: UInt8(ascii: "-"), as: UInt8.self) }
    }

    /// A RESP bulk string.
    @inline(__always)
    mutating func bulk(_ span: RawSpan) {
        header("$", span.byteCount)
        bytes(span)
        text("\r\n")
    }

    /// A number as a RESP bulk string.
    @inline(__always)
    mutating func bulk(decimal number: Int64) {
        header("$", Self.digits(in: number))
        decimal(number)
        text("\r\n")
    }

    /// The CRC-64 of everything written from `start` on.
    @inline(__always)
    func checksum(from start: Int) -> UInt64 {
        precondition(start >= 0 && start <= count)
        // SAFETY: the bytes from `start` to `count` were written above, and the span does not outlive this call.
        let written = unsafe RawSpan(_unsafeStart: base + start, byteCount: count - start)
        return CRC64.update(0, with: written)
    }

    /// How many characters `decimal` writes.
    @inline(__always)
    static func digits(in number: Int64) -> Int {
        var size = number < 0 ? 2 : 1
        var rest = number.magnitude
        while rest >= 10 {
            rest /= 10
            size += 1
        }
        return size
    }
}
