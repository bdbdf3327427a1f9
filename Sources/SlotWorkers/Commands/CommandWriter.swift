internal import NIOCore
internal import RDBParser

/// Writes RESP into memory that was reserved for it: no allocation, one check a piece.
///
/// Lives only inside `ByteBuffer.writeWithUnsafeMutableBytes`, whose memory it fills.
@safe struct CommandWriter: ~Copyable {
    private let base: UnsafeMutableRawPointer
    private let capacity: Int
    /// Bytes written so far.
    private(set) var count = 0

    /// Bytes that a header or a number takes at most, and so what must be free before one is written.
    static let longestHeader = 24

    /// - Parameter memory: What to fill; must outlive the writer.
    @inline(__always)
    init(filling memory: UnsafeMutableRawBufferPointer) {
        // SAFETY: an empty buffer has no base address; the one placeholder byte is never written, as capacity is 0.
        unsafe base = memory.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 1).unsafelyUnwrapped
        capacity = memory.count
    }

    @inline(__always)
    private func expectRoom(_ size: Int) {
        precondition(size >= 0 && size <= capacity - count, "the reservation of a command was too small")
    }

    @inline(__always)
    mutating func bytes(_ span: RawSpan) {
        let size = span.byteCount
        expectRoom(size)
        // SAFETY: there is room for `size` bytes, and a span never overlaps memory that is being written.
        unsafe span.withUnsafeBytes { source in
            if let start = source.baseAddress { unsafe (base + count).copyMemory(from: start, byteCount: size) }
        }
        count += size
    }

    /// ASCII text that is known at compile time.
    @inline(__always)
    mutating func text(_ literal: StaticString) {
        let size = literal.utf8CodeUnitCount
        expectRoom(size)
        // SAFETY: a literal's bytes live for ever, and there is room for as many.
        unsafe (base + count).copyMemory(from: literal.utf8Start, byteCount: size)
        count += size
    }

    @inline(__always)
    mutating func integer<T: FixedWidthInteger>(littleEndian value: T) {
        expectRoom(MemoryLayout<T>.size)
        // SAFETY: there is room for the integer; the store needs no alignment.
        unsafe (base + count).storeBytes(of: value.littleEndian, as: T.self)
        count += MemoryLayout<T>.size
    }

    @inline(__always)
    private mutating func lineEnd() { integer(littleEndian: 0x0A0D as UInt16) }

    /// `kind`, the decimal digits of `number`, CR LF: a RESP header such as `$32\r\n`.
    @inline(__always)
    mutating func header(_ kind: Unicode.Scalar, _ number: Int) {
        expectRoom(Self.longestHeader)
        let kind = UInt64(kind.value)
        // Nearly all are of one or two digits: one store, of which only the bytes that count are kept.
        if UInt(bitPattern: number) < 10 {
            store(kind | UInt64(number + 48) << 8 | 0x0A0D << 16, keeping: 4)
        } else if UInt(bitPattern: number) < 100 {
            let (tens, ones) = number.quotientAndRemainder(dividingBy: 10)
            store(kind | UInt64(tens + 48) << 8 | UInt64(ones + 48) << 16 | 0x0A0D << 24, keeping: 5)
        } else {
            store(kind, keeping: 1)
            decimal(Int64(number))
            lineEnd()
        }
    }

    @inline(__always)
    private mutating func store(_ word: UInt64, keeping size: Int) {
        // SAFETY: the callers made sure of room for a header, which is longer than eight bytes.
        unsafe (base + count).storeBytes(of: word.littleEndian, as: UInt64.self)
        count += size
    }

    mutating func decimal(_ number: Int64) {
        expectRoom(Self.longestHeader)
        let size = Self.digits(in: number)
        var rest = number.magnitude
        var index = count + size
        // SAFETY: `size` counts exactly the digits that are written below, two at a time, and the sign before them.
        while rest >= 100 {
            let pair = Int(rest % 100)
            rest /= 100
            index -= 2
            unsafe base.storeBytes(of: Self.pair(pair), toByteOffset: index, as: UInt16.self)
        }
        if rest >= 10 {
            index -= 2
            unsafe base.storeBytes(of: Self.pair(Int(rest)), toByteOffset: index, as: UInt16.self)
        } else {
            index -= 1
            unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: rest) + 48, toByteOffset: index, as: UInt8.self)
        }
        if number < 0 { unsafe base.storeBytes(of: UInt8(ascii: "-"), toByteOffset: count, as: UInt8.self) }
        count += size
    }

    /// Two digits as they lie in memory.
    @inline(__always)
    private static func pair(_ number: Int) -> UInt16 {
        let (tens, ones) = number.quotientAndRemainder(dividingBy: 10)
        return UInt16(tens + 48 | (ones + 48) << 8).littleEndian
    }

    /// A RESP bulk string.
    @inline(__always)
    mutating func bulk(_ span: RawSpan) {
        header("$", span.byteCount)
        bytes(span)
        lineEnd()
    }

    /// A number as a RESP bulk string.
    @inline(__always)
    mutating func bulk(decimal number: Int64) {
        header("$", Self.digits(in: number))
        decimal(number)
        lineEnd()
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
        // Milliseconds since 1970, from 2001 to 2286.
        if number >= 1_000_000_000_000, number < 10_000_000_000_000 { return 13 }
        var size = number < 0 ? 2 : 1
        var rest = number.magnitude
        while rest >= 10 {
            rest /= 10
            size += 1
        }
        return size
    }
}

extension ByteBuffer {
    /// Lets `encode` write at most `size` bytes behind what there is.
    @inline(__always)
    mutating func encode(reserving size: Int, _ encode: (inout CommandWriter) -> Void) {
        // SAFETY: the writer stays inside the closure and reports exactly the bytes that it initialised.
        unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: size) { memory in
            var writer = unsafe CommandWriter(filling: memory)
            encode(&writer)
            return writer.count
        }
    }
}
