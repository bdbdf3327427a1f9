/// A checked payload of `DUMP` (or `FUNCTION DUMP`): type byte, value, version (2 bytes) and CRC-64 (8 bytes).
public struct DumpPayload: ~Escapable {
    /// The type byte, whose meaning depends on `version`; 245 for a function library.
    public let type: UInt8

    /// The bytes between the type byte and the footer.
    public let value: RawSpan

    /// The RDB version that the footer names. Not refused here where it is unknown: see `RDBVersion.isSupported`.
    public let version: RDBVersion

    /// Checks the footer. A checksum of 0 says that there is none.
    ///
    /// - Throws: `truncated` for fewer than 11 bytes, `wrongChecksum`.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(RDBError) {
        let footer = bytes.byteCount - 10
        guard footer >= 1 else {
            throw RDBError(.truncated, offset: UInt64(bytes.byteCount), element: "DUMP payload")
        }
        var cursor = ByteCursor(bytes)
        guard let type = cursor.nextByte(), cursor.skip(footer - 1), let number = cursor.next(UInt16.self),
            let checksum = cursor.next(UInt64.self)
        else { throw RDBError(.truncated, offset: UInt64(bytes.byteCount), element: "DUMP payload") }
        guard checksum == 0 || checksum == CRC64.update(0, with: bytes.extracting(..<(footer + 2))) else {
            throw RDBError(.wrongChecksum, offset: UInt64(footer + 2), element: "DUMP payload")
        }
        self.type = type
        self.value = bytes.extracting(1..<footer)
        self.version = RDBVersion(footer: number)
    }
}
