/// A function library of a file, without its code.
package struct FunctionLibrary: Hashable, Sendable {
    /// As the first line of its code says, such as `lua`; empty where it does not.
    package let engine: String
    package let name: String
    /// Of its code.
    package let bytes: Int

    /// Reads the first line: `#!engine name=library`.
    init(code: RawSpan) {
        var line: [UInt8] = []
        for index in 0..<min(code.byteCount, 1024) {
            // SAFETY: the index is below the count; any byte is a valid integer.
            let byte = unsafe code.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
            if byte == UInt8(ascii: "\n") { break }
            line.append(byte)
        }
        let words = String(decoding: line, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        engine = words.first.map { $0.hasPrefix("#!") ? String($0.dropFirst(2)) : "" } ?? ""
        name = words.first { $0.hasPrefix("name=") }.map { String($0.dropFirst(5)) } ?? ""
        bytes = code.byteCount
    }
}
