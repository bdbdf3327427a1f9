/// Writes a listpack.
struct ListpackWriter {
    /// Header, and the entries so far.
    private var bytes: [UInt8] = [0, 0, 0, 0, 0, 0]
    private var count = 0

    /// Bytes so far, without the end.
    var byteCount: Int { bytes.count }

    /// Appends an integer, in 1, 2, 3, 5 or 9 bytes.
    mutating func append(_ integer: Int64) {
        let start = bytes.count
        switch integer {
        case 0..<128:
            bytes.append(UInt8(integer))
        case -4096..<4096:
            let bits = UInt16(truncatingIfNeeded: integer) & 0x1fff
            bytes.append(0xc0 | UInt8(bits >> 8))
            bytes.append(UInt8(bits & 0xff))
        case Int64(Int16.min)...Int64(Int16.max):
            bytes.append(0xf1)
            RDBWriter.appendLittleEndian(Int16(integer), to: &bytes)
        case Int64(Int32.min)...Int64(Int32.max):
            bytes.append(0xf3)
            RDBWriter.appendLittleEndian(Int32(integer), to: &bytes)
        default:
            bytes.append(0xf4)
            RDBWriter.appendLittleEndian(integer, to: &bytes)
        }
        appendBackLength(of: bytes.count - start)
    }

    /// Appends a string of less than 4 GiB, always as text.
    mutating func append(_ string: [UInt8]) {
        let start = bytes.count
        switch string.count {
        case ..<64:
            bytes.append(0x80 | UInt8(string.count))
        case ..<4096:
            bytes.append(0xe0 | UInt8(string.count >> 8))
            bytes.append(UInt8(string.count & 0xff))
        default:
            bytes.append(0xf0)
            RDBWriter.appendLittleEndian(UInt32(string.count), to: &bytes)
        }
        bytes.append(contentsOf: string)
        appendBackLength(of: bytes.count - start)
    }

    /// The whole listpack, with header and end.
    func finished() -> [UInt8] {
        var whole = bytes
        whole.append(0xff)
        let size = UInt32(truncatingIfNeeded: whole.count)
        for index in 0..<4 { whole[index] = UInt8(truncatingIfNeeded: size >> UInt32(8 * index)) }
        // 65,535 and more are written as unknown.
        let declared = UInt16(clamping: count)
        whole[4] = UInt8(declared & 0xff)
        whole[5] = UInt8(declared >> 8)
        return whole
    }

    private mutating func appendBackLength(of length: Int) {
        let size = Listpack.backLengthSize(of: length)
        for index in 0..<size {
            let bits = UInt8(truncatingIfNeeded: length >> (7 * (size - 1 - index))) & 0x7f
            bytes.append(index == 0 ? bits : bits | 0x80)
        }
        count += 1
    }
}
