/// Figures as a person reads them.
enum Quantity {
    /// `1,234,567`
    static func count(_ number: Int) -> String {
        var text = String(number.magnitude)
        var index = text.endIndex
        while text.distance(from: text.startIndex, to: index) > 3 {
            index = text.index(index, offsetBy: -3)
            text.insert(",", at: index)
        }
        return number < 0 ? "-" + text : text
    }

    /// `1.5 GiB`
    static func bytes(_ number: Int) -> String {
        var value = Double(number)
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if value < 1024 || unit == "TiB" { return unit == "B" ? "\(number) B" : "\(tenths(value)) \(unit)" }
            value /= 1024
        }
        return "\(number) B"
    }

    /// `3.2`
    static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }

    /// `1:02:03`, `2:03`
    static func duration(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        let padded = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
        if whole >= 3600 { return "\(whole / 3600):\(padded(whole / 60 % 60)):\(padded(whole % 60))" }
        return "\(whole / 60):\(padded(whole % 60))"
    }

    /// A key as text; what is not printable is shown as `\x00`.
    static func key(_ bytes: [UInt8]) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !text.unicodeScalars.contains(where: isUnprintable) {
            return text
        }
        return bytes.map { byte in
            switch byte {
            case 0x20...0x7E where byte != UInt8(ascii: "\\"): String(UnicodeScalar(byte))
            case UInt8(ascii: "\\"): "\\\\"
            default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }.joined()
    }

    private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: true
        default: scalar == "\\"
        }
    }
}
