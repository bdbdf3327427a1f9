/// Follows replies that come in pieces, until as many as were asked for are whole. No bytes are looked at twice.
struct ReplyCounter {
    /// Values that one answer may hold: far above what a page asks for.
    private static let mostValues = 1 << 26

    /// Values that are still to come, with what is inside arrays that have begun.
    private var left: Int
    private var position = 0
    /// Fewer bytes than these cannot be enough.
    private var needed = 0

    init(replies: Int) { left = replies }

    /// Looks at what came.
    ///
    /// - Parameter bytes: All that came so far, from the first reply on.
    /// - Returns: How many bytes the replies take together; `nil` while they are not whole.
    mutating func follow(_ bytes: RawSpan) throws(ReplyCursor.Malformed) -> Int? {
        guard bytes.byteCount >= needed else { return nil }
        var cursor = ReplyCursor(bytes)
        cursor.rewind(to: position)
        while left > 0 {
            guard let step = try cursor.next() else {
                position = cursor.position
                needed = cursor.needed
                return nil
            }
            left -= 1
            guard case .array(let count) = step else { continue }
            guard count <= Self.mostValues, left <= Self.mostValues else {
                throw ReplyCursor.Malformed(byte: UInt8(ascii: "*"))
            }
            left += count
        }
        position = cursor.position
        return position
    }
}
