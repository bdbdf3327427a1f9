import ArgumentParser

/// A number of bytes on the command line: `65536`, `64KiB`, `16MiB`, `1GiB`.
struct ByteSize: ExpressibleByArgument {
    let bytes: Int

    init(bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let digits = argument.prefix { $0.isASCII && $0.isNumber }
        let factor: Int
        switch argument.dropFirst(digits.count).lowercased() {
        case "", "b": factor = 1
        case "kib", "k": factor = 1 << 10
        case "mib", "m": factor = 1 << 20
        case "gib", "g": factor = 1 << 30
        default: return nil
        }
        guard let number = Int(digits) else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        if overflow { return nil }
        self.bytes = bytes
    }

    var defaultValueDescription: String { Quantity.bytes(bytes) }
}
