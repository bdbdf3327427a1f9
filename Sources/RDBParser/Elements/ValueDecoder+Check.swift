extension ValueDecoder {
    /// Checks a whole value as servers with `sanitize-dump-payload yes` do, and keeps nothing of it.
    ///
    /// A right checksum says only that bytes are as they were written. A server that was given damaged ones under a right
    /// checksum may end itself when it reads them, with its default `sanitize-dump-payload no` (before Valkey 9.1).
    /// - Parameters:
    ///   - type: The type byte.
    ///   - value: All bytes of the value.
    ///   - version: Of the stream or payload.
    ///   - limits: How much memory the check may take.
    /// - Throws: `RDBError`: what `decode(type:value:version:limits:into:)` refuses.
    public static func check(
        type: UInt8, value: RawSpan, version: RDBVersion, limits: Limits = Limits()
    ) throws(RDBError) {
        var nobody = Nobody()
        try decode(type: type, value: value, version: version, limits: limits, into: &nobody)
    }

    /// Hears nothing.
    private struct Nobody: ValueVisitor {
        mutating func begin(_ kind: ValueKind, count: UInt64?) {}
        mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {}
        mutating func score(_ score: Double) {}
        mutating func expiry(_ milliseconds: Int64) {}
        mutating func stream(_ event: borrowing StreamEvent) {}
        mutating func module(_ event: ModuleEvent) {}
        mutating func end() {}
    }
}
