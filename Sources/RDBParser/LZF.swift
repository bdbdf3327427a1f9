/// Expands LZF, the compression of RDB strings (Marc Lehmann's liblzf format).
enum LZF {
    /// A back-reference of three bytes gives at most 264: no input grows more than this.
    static let greatestExpansion = 88

    /// Appends the expansion of `input` to `output`.
    ///
    /// Memory follows the size of the input: at most `greatestExpansion` times it is taken, whatever was declared.
    /// - Parameter length: How many bytes the writer declared the expansion to have.
    /// - Returns: `false` (`output` undefined) when the input is damaged or does not give exactly `length` bytes.
    static func expand(_ input: RawSpan, length: UInt64, into output: inout [UInt8]) -> Bool {
        let (limit, overflow) = input.byteCount.multipliedReportingOverflow(by: greatestExpansion)
        guard !overflow, let length = Int(exactly: length), length <= limit else { return false }
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: length))
        var target = output.mutableSpan
        var source = ByteCursor(input)
        var at = start
        while let control = source.nextByte() {
            if control < 32 {
                let count = Int(control) + 1
                let from = source.position
                guard source.skip(count), count <= target.count - at else { return false }
                for index in 0..<count {
                    // SAFETY: `skip` proved that the source holds `from..<from + count`.
                    target[at + index] = unsafe input.unsafeLoad(
                        fromUncheckedByteOffset: from + index, as: UInt8.self)
                }
                at += count
            } else {
                var count = Int(control >> 5)
                if count == 7 {
                    guard let more = source.nextByte() else { return false }
                    count += Int(more)
                }
                count += 2
                guard let low = source.nextByte() else { return false }
                let from = at - (Int(control & 0x1f) << 8 | Int(low)) - 1
                guard from >= start, count <= target.count - at else { return false }
                for index in 0..<count {
                    target[at + index] = target[from + index]
                }
                at += count
            }
        }
        return at == start + length
    }
}
