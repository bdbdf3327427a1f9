/// Scores as text: in sorted sets of type 3, and where a packed one holds a score that is no integer.
package enum ScoreText {
    /// The double nearest to a decimal text, `inf` or `-inf`; `nil` for anything else.
    package static func parse(_ text: RawSpan) -> Double? {
        guard (1...128).contains(text.byteCount) else { return nil }
        let string = unsafe text.withUnsafeBytes { buffer in
            // SAFETY: the buffer is only read within the closure.
            unsafe String(decoding: buffer, as: UTF8.self)
        }
        guard let score = Double(string), !score.isNaN else { return nil }
        return score
    }
}
