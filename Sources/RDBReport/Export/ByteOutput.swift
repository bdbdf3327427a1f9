internal import RDBParser

/// Bytes that grow at their end, in memory of their own.
///
/// Room is checked once for each piece; an array would also check who else holds it.
@safe package struct ByteOutput: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    package private(set) var count = 0

    /// What is kept when it is emptied, however large it had to be before.
    private static var kept: Int { 4 << 20 }

    package init() {
        capacity = 64 << 10
        unsafe base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        // SAFETY: allocated by this structure, which has one owner and ends here.
        unsafe base.deallocate()
    }

    /// What was appended.
    package var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // SAFETY: the first `count` bytes were written, and the memory stays as it is while `self` is borrowed.
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    package mutating func removeAll() {
        count = 0
        guard capacity > Self.kept else { return }
        unsafe base.deallocate()
        capacity = Self.kept
        // SAFETY: the memory before was given back above, and nothing was kept of it.
        unsafe base = .allocate(byteCount: capacity, alignment: 16)
    }

    /// Takes back what was appended since there were `count` bytes.
    mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count)
        self.count = count
    }

    /// Makes room for `size` more bytes.
    @inline(__always)
    private mutating func reserve(_ size: Int) {
        precondition(size >= 0)
        if size > capacity - count { grow(size) }
    }

    @inline(never)
    private mutating func grow(_ size: Int) {
        let larger = max(capacity * 2, count + size)
        // SAFETY: the new memory holds at least the `count` bytes that are copied; the old is not used again.
        let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        unsafe memory.copyMemory(from: base, byteCount: count)
        unsafe base.deallocate()
        unsafe base = memory
        capacity = larger
    }

    @inline(__always)
    package mutating func append(_ span: RawSpan) {
        let size = span.byteCount
        reserve(size)
        unsafe span.withUnsafeBytes { source in
            // SAFETY: there is room for `size` bytes, and a span never overlaps memory that is being written.
            if let start = source.baseAddress { unsafe (base + count).copyMemory(from: start, byteCount: size) }
        }
        count += size
    }

    /// ASCII text that is known at compile time.
    @inline(__always)
    mutating func append(_ literal: StaticString) {
        let size = literal.utf8CodeUnitCount
        reserve(size)
        // SAFETY: a literal's bytes live for ever, and there is room for as many.
        unsafe (base + count).copyMemory(from: literal.utf8Start, byteCount: size)
        count += size
    }

    @inline(__always)
    mutating func append(byte: UInt8) {
        reserve(1)
        // SAFETY: there is room for the byte.
        unsafe base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        reserve(MemoryLayout<T>.size)
        // SAFETY: there is room for the integer; the store needs no alignment.
        unsafe (base + count).storeBytes(of: value.littleEndian, as: T.self)
        count += MemoryLayout<T>.size
    }

    /// Short text that is made at run time, such as a score.
    mutating func append(text: String) {
        for byte in text.utf8 { append(byte: byte) }
    }

    mutating func append(decimal number: Int64) {
        if number < 0 { append(byte: UInt8(ascii: "-")) }
        append(decimal: number.magnitude)
    }

    mutating func append(decimal number: UInt64) {
        let size = Self.digits(in: number)
        reserve(size)
        var rest = number
        var index = count + size
        repeat {
            index -= 1
            // SAFETY: there is room for `size` bytes, and as many digits are written.
            unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: rest % 10) | 48, toByteOffset: index, as: UInt8.self)
            rest /= 10
        } while rest > 0
        count += size
    }

    /// How many digits a number has.
    static func digits(in number: UInt64) -> Int {
        var size = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            size += 1
        }
        return size
    }

    /// The CRC-64 of everything that was appended since there were `start` bytes.
    func checksum(from start: Int) -> UInt64 { CRC64.update(0, with: bytes.extracting(start...)) }

    /// The base64 of `span` (RFC 4648), padded at the end.
    mutating func append(base64 span: RawSpan) {
        let size = span.byteCount
        let length = (size + 2) / 3 * 4
        reserve(length)
        var from = 0
        var to = count
        // Six bytes give eight characters. Eight are read, so two more must be there.
        while size - from >= 8 {
            // SAFETY: the condition proved that eight bytes lie at `from`; `length` counts eight characters for each six
            // bytes, and room for `length` was made.
            let word = unsafe UInt64(
                bigEndian: span.unsafeLoadUnaligned(fromUncheckedByteOffset: from, as: UInt64.self))
            var characters: UInt64 = 0
            for index in 0..<8 {
                characters |= Self.character(word >> UInt64(58 - 6 * index)) << UInt64(8 * index)
            }
            unsafe base.storeBytes(of: characters.littleEndian, toByteOffset: to, as: UInt64.self)
            from += 6
            to += 8
        }
        while from < size {
            let taken = min(3, size - from)
            var group: UInt64 = 0
            for index in 0..<taken {
                // SAFETY: `from + index` lies below `size`.
                let byte = unsafe span.unsafeLoad(fromUncheckedByteOffset: from + index, as: UInt8.self)
                group |= UInt64(byte) << UInt64(16 - 8 * index)
            }
            for index in 0..<4 {
                let character =
                    index <= taken
                    ? UInt8(truncatingIfNeeded: Self.character(group >> UInt64(18 - 6 * index))) : UInt8(ascii: "=")
                // SAFETY: four characters for each started group of three bytes are what `length` counts.
                unsafe base.storeBytes(of: character, toByteOffset: to + index, as: UInt8.self)
            }
            from += taken
            to += 4
        }
        count += length
    }

    /// The character of the six lowest bits.
    @inline(__always)
    private static func character(_ bits: UInt64) -> UInt64 {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        // SAFETY: the literal holds 64 bytes, and six bits count to 63.
        return unsafe UInt64(alphabet.utf8Start[Int(bits & 63)])
    }
}
