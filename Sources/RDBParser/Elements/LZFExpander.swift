/// Expands LZF piece by piece: references reach back 8 KiB at most, so only so much is kept of what was passed on.
struct LZFExpander: Sendable {
    /// How far a reference reaches back.
    private static let reach = 8192

    /// Compressed bytes that are still to come.
    private(set) var compressedLeft: Int
    /// Bytes that are still to be given.
    private(set) var lengthLeft: Int
    /// What was given last: passed on up to `passed`.
    private(set) var window: [UInt8] = []
    private(set) var passed = 0

    init(compressed: Int, length: Int) {
        compressedLeft = compressed
        lengthLeft = length
    }

    /// Bytes expanded that were not passed on.
    var pending: Int { window.count - passed }

    /// Says that everything pending was passed on: forgets what no reference can reach.
    mutating func pass() {
        if window.count > LZFExpander.reach { window.removeFirst(window.count - LZFExpander.reach) }
        passed = window.count
    }

    /// Expands one run or reference.
    ///
    /// - Returns: `nil` (cursor undefined) when bytes of it are missing, `false` when it is damaged.
    @_lifetime(cursor: copy cursor)
    mutating func expandNext(_ cursor: inout ByteCursor) -> Bool? {
        let start = cursor.position
        guard let control = cursor.nextByte() else { return nil }
        if control < 32 {
            let count = Int(control) + 1
            guard count < compressedLeft, count <= lengthLeft else { return false }
            let from = cursor.position
            guard cursor.skip(count) else { return nil }
            unsafe cursor.bytes(from: from, to: from + count).withUnsafeBytes { buffer in
                // SAFETY: the buffer is only read within the closure.
                unsafe window.append(contentsOf: buffer)
            }
            lengthLeft -= count
        } else {
            var count = Int(control >> 5) + 2
            if count == 9 {
                guard let more = cursor.nextByte() else { return nil }
                count += Int(more)
            }
            guard let low = cursor.nextByte() else { return nil }
            let from = window.count - (Int(control & 0x1f) << 8 | Int(low)) - 1
            guard from >= 0, count <= lengthLeft, cursor.position - start <= compressedLeft else { return false }
            for index in from..<from + count { window.append(window[index]) }
            lengthLeft -= count
        }
        compressedLeft -= cursor.position - start
        return true
    }
}
