/// Walks over RESP2 replies where they lie: `nil` for "not whole yet", and then the position is where it was.
struct ReplyCursor: ~Escapable {
    /// One step of a reply.
    enum Step: Equatable {
        /// `+…`
        case simple
        /// `-…`, without the dash.
        case error(String)
        case integer(Int64)
        /// A bulk string, by its range in the bytes.
        case bulk(Range<Int>)
        case absent
        /// An array, whose elements are the next steps.
        case array(Int)
    }

    /// Bytes that are no reply.
    struct Malformed: Error, Equatable, CustomStringConvertible {
        let byte: UInt8
        var description: String { "an answer that cannot be understood, at byte \(byte)" }
    }

    private let bytes: RawSpan
    private(set) var position = 0
    /// When a bulk string is not whole: how many bytes must be there before it can be.
    private(set) var needed = 0
    private static let longestLine = 64 << 10

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    @_lifetime(self: copy self)
    mutating func next() throws(Malformed) -> Step? {
        let start = position
        guard start < bytes.byteCount else { return nil }
        let kind = bytes[start]
        guard let end = lineEnd(from: start + 1) else {
            if bytes.byteCount - start > Self.longestLine { throw Malformed(byte: kind) }
            return nil
        }
        switch kind {
        case UInt8(ascii: "+"):
            position = end + 2
            return .simple
        case UInt8(ascii: ":"):
            guard let number = number(start + 1..<end) else { throw Malformed(byte: kind) }
            position = end + 2
            return .integer(number)
        case UInt8(ascii: "$"):
            guard let size = number(start + 1..<end), size <= Int64(Int32.max) else { throw Malformed(byte: kind) }
            if size < 0 {
                position = end + 2
                return .absent
            }
            let contents = end + 2..<end + 2 + Int(size)
            guard contents.upperBound + 2 <= bytes.byteCount else {
                needed = contents.upperBound + 2
                return nil
            }
            position = contents.upperBound + 2
            return .bulk(contents)
        case UInt8(ascii: "*"):
            guard let count = number(start + 1..<end) else { throw Malformed(byte: kind) }
            position = end + 2
            return count < 0 ? .absent : .array(Int(count))
        case UInt8(ascii: "-"):
            position = end + 2
            return .error(String(decoding: bytes.extracting(start + 1..<end).array, as: UTF8.self))
        default: throw Malformed(byte: kind)
        }
    }

    /// The bytes of a bulk string.
    @_lifetime(copy self)
    func contents(_ range: Range<Int>) -> RawSpan { bytes.extracting(range) }

    /// Goes back, where the steps after `position` are wanted again with more bytes.
    @_lifetime(self: copy self)
    mutating func rewind(to position: Int) { self.position = position }

    /// Passes over `+QUEUED\r\n` as often as it stands there, at most `limit` times.
    ///
    /// - Returns: How often.
    @_lifetime(self: copy self)
    mutating func skipQueued(atMost limit: Int) -> Int {
        // `+QUEUED\r` as a little-endian integer; the line feed is the ninth byte.
        let queued: UInt64 = 0x0D_44_45_55_45_55_51_2B
        var count = 0
        while count < limit, position + 9 <= bytes.byteCount {
            // SAFETY: the condition proved that nine bytes lie at `position`.
            let word = unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self)
            guard UInt64(littleEndian: word) == queued else { break }
            position += 9
            count += 1
        }
        return count
    }

    private func lineEnd(from start: Int) -> Int? {
        var position = start
        while position + 1 < bytes.byteCount {
            if bytes[position] == UInt8(ascii: "\r"), bytes[position + 1] == UInt8(ascii: "\n") { return position }
            position += 1
        }
        return nil
    }

    private func number(_ range: Range<Int>) -> Int64? {
        var index = range.lowerBound
        guard index < range.upperBound else { return nil }
        let isNegative = bytes[index] == UInt8(ascii: "-")
        if isNegative { index += 1 }
        guard index < range.upperBound, range.upperBound - index <= 19 else { return nil }
        // 19 digits fit.
        var number: UInt64 = 0
        while index < range.upperBound {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            number = number * 10 + UInt64(digit)
            index += 1
        }
        guard let number = Int64(exactly: number) else { return nil }
        return isNegative ? -number : number
    }
}
