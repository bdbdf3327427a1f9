/// Appends what RDB values are made of, in the plain encodings that every version reads.
public enum RDBWriter {
    /// Appends a length in its shortest form.
    public static func appendLength(_ length: UInt64, to output: inout [UInt8]) {
        switch length {
        case ..<0x40:
            output.append(UInt8(length))
        case ..<0x4000:
            output.append(UInt8(0x40 | length >> 8))
            output.append(UInt8(truncatingIfNeeded: length))
        case ...UInt64(UInt32.max):
            output.append(0x80)
            appendBigEndian(UInt32(length), to: &output)
        default:
            output.append(0x81)
            appendBigEndian(length, to: &output)
        }
    }

    /// Appends a string as it is: without compression, and integers as text.
    public static func appendString(_ bytes: RawSpan, to output: inout [UInt8]) {
        appendLength(UInt64(bytes.byteCount), to: &output)
        append(bytes, to: &output)
    }

    /// Appends a string as it is: without compression, and integers as text.
    public static func appendString(_ bytes: [UInt8], to output: inout [UInt8]) {
        appendLength(UInt64(bytes.count), to: &output)
        output.append(contentsOf: bytes)
    }

    static func append(_ bytes: RawSpan, to output: inout [UInt8]) {
        unsafe bytes.withUnsafeBytes { buffer in
            // SAFETY: the buffer is only read within the closure.
            unsafe output.append(contentsOf: buffer)
        }
    }

    static func appendBigEndian<T: FixedWidthInteger>(_ integer: T, to output: inout [UInt8]) {
        for index in 0..<T.bitWidth / 8 {
            output.append(UInt8(truncatingIfNeeded: integer >> T(T.bitWidth - 8 - 8 * index)))
        }
    }

    static func appendLittleEndian<T: FixedWidthInteger>(_ integer: T, to output: inout [UInt8]) {
        for index in 0..<T.bitWidth / 8 { output.append(UInt8(truncatingIfNeeded: integer >> T(8 * index))) }
    }
}

extension DumpPayload {
    /// Appends a payload for `RESTORE` (or `FUNCTION RESTORE`): type byte, value, version and CRC-64.
    ///
    /// - Parameters:
    ///   - type: The type byte.
    ///   - value: In a layout that `version` has for `type`; `Conversion` makes it so.
    ///   - version: Of the target: it refuses any that is newer than its own.
    ///   - output: Takes the payload, behind what it holds.
    public static func append(type: UInt8, value: RawSpan, version: RDBVersion, to output: inout [UInt8]) {
        let start = output.count
        output.reserveCapacity(start + value.byteCount + 11)
        output.append(type)
        RDBWriter.append(value, to: &output)
        RDBWriter.appendLittleEndian(UInt16(truncatingIfNeeded: version.number), to: &output)
        // SAFETY: the bytes of integers are all initialized.
        let checksum = unsafe CRC64.update(0, with: output.span.bytes.extracting(start...))
        RDBWriter.appendLittleEndian(checksum, to: &output)
    }

    /// A payload for `FUNCTION RESTORE`, of libraries as `RDBVisitor.function` passes them.
    public static func functions(_ libraries: [[UInt8]], version: RDBVersion) -> [UInt8] {
        var value: [UInt8] = []
        for library in libraries {
            if !value.isEmpty { value.append(Opcode.function) }
            RDBWriter.appendString(library, to: &value)
        }
        var payload: [UInt8] = []
        // SAFETY: the bytes of integers are all initialized.
        unsafe append(type: Opcode.function, value: value.span.bytes, version: version, to: &payload)
        return payload
    }
}
