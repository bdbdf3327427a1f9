@testable import RDBParser

/// A stream of the parts given, with magic, end and no checksum.
func stream(_ magic: String = "REDIS0011", _ parts: [UInt8]...) -> [UInt8] {
    Array(magic.utf8) + parts.flatMap { $0 } + [255, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// A key `k` of a type with a value.
func key(_ type: UInt8, _ value: [UInt8]) -> [UInt8] { [type, 1, UInt8(ascii: "k")] + value }

func records(_ bytes: [UInt8]) throws -> [Record] {
    try parse(bytes).compactMap { if case .record(let record) = $0 { record } else { nil } }
}

/// Bytes in hexadecimal; `00*8` repeats one.
func hex(_ text: String) -> [UInt8] {
    text.split(separator: " ").flatMap { word in
        let parts = word.split(separator: "*")
        return [UInt8](repeating: UInt8(parts[0], radix: 16)!, count: parts.count > 1 ? Int(parts[1])! : 1)
    }
}

let zeros = [UInt8](repeating: 0, count: 64)
