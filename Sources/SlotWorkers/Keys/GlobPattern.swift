/// A key pattern with the meaning that `KEYS` and `SCAN … MATCH` give it: `*`, `?`, `[a-z]`, `[^a]` and `\x`.
///
/// Works on bytes: a key need not be UTF-8. Matching takes O(pattern × key) time at worst, without recursion,
/// so that a hostile key cannot stall a run.
package struct GlobPattern: Hashable, Sendable {
    /// Why a text is no pattern.
    package struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        package let pattern: String
        package let reason: String
        package var description: String { "malformed key pattern '\(pattern)': \(reason)" }
    }

    private enum Element: Hashable, Sendable {
        case byte(UInt8)
        case any
        case run
        case oneOf([ClosedRange<UInt8>], negated: Bool)
    }

    private let elements: [Element]

    /// Parses `text`; a bracket that is never closed or a backslash at the end is refused, where a server would guess.
    package init(parsing text: String) throws(ParseError) {
        let bytes = Array(text.utf8)
        guard !bytes.isEmpty else { throw ParseError(pattern: text, reason: "it is empty") }
        var elements: [Element] = []
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "*"):
                if elements.last != .run { elements.append(.run) }
                index += 1
            case UInt8(ascii: "?"):
                elements.append(.any)
                index += 1
            case UInt8(ascii: "\\"):
                guard index + 1 < bytes.count else {
                    throw ParseError(pattern: text, reason: "it ends in a backslash; write \\\\ for one")
                }
                elements.append(.byte(bytes[index + 1]))
                index += 2
            case UInt8(ascii: "["):
                let (set, next) = try Self.bracket(bytes, from: index + 1, of: text)
                elements.append(set)
                index = next
            case let byte:
                elements.append(.byte(byte))
                index += 1
            }
        }
        self.elements = elements
    }

    private static func bracket(
        _ bytes: [UInt8], from start: Int, of text: String
    ) throws(ParseError) -> (Element, next: Int) {
        var index = start
        var ranges: [ClosedRange<UInt8>] = []
        let negated = index < bytes.count && bytes[index] == UInt8(ascii: "^")
        if negated { index += 1 }
        // As servers read it: an escaped byte stands for itself, and a range takes whatever follows its dash.
        while index < bytes.count, bytes[index] != UInt8(ascii: "]") {
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
                ranges.append(bytes[index + 1]...bytes[index + 1])
                index += 2
            } else if index + 2 < bytes.count, bytes[index + 1] == UInt8(ascii: "-") {
                let (low, high) = (bytes[index], bytes[index + 2])
                ranges.append(min(low, high)...max(low, high))
                index += 3
            } else {
                ranges.append(bytes[index]...bytes[index])
                index += 1
            }
        }
        guard index < bytes.count else { throw ParseError(pattern: text, reason: "a '[' is never closed") }
        guard !ranges.isEmpty else { throw ParseError(pattern: text, reason: "a '[]' holds nothing") }
        return (.oneOf(ranges, negated: negated), index + 1)
    }

    /// Whether the whole of `key` matches.
    package func matches(_ key: RawSpan) -> Bool {
        var element = 0
        var byte = 0
        // Where to go on from when the bytes behind the last `*` do not match: one byte further.
        var lastRun: (element: Int, byte: Int)?
        while byte < key.byteCount {
            if element < elements.count, elements[element] == .run {
                lastRun = (element, byte)
                element += 1
            } else if element < elements.count, Self.matches(elements[element], key[byte]) {
                element += 1
                byte += 1
            } else if let run = lastRun {
                element = run.element + 1
                byte = run.byte + 1
                lastRun = (run.element, byte)
            } else {
                return false
            }
        }
        return elements[element...].allSatisfy { $0 == .run }
    }

    private static func matches(_ element: Element, _ byte: UInt8) -> Bool {
        switch element {
        case .byte(let expected): byte == expected
        case .any, .run: true
        case .oneOf(let ranges, let negated): ranges.contains { $0.contains(byte) } != negated
        }
    }
}

extension RawSpan {
    /// The byte at `offset`; traps out of bounds.
    subscript(offset: Int) -> UInt8 {
        // SAFETY: `unsafeLoad` reads an 8-bit integer, for which every bit pattern is valid; bounds are checked here.
        precondition(offset >= 0 && offset < byteCount)
        return unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
    }

    /// A copy, for keys that must outlive the read buffer.
    package var array: [UInt8] {
        // SAFETY: the pointer is used inside the closure only.
        unsafe withUnsafeBytes { unsafe Array($0) }
    }
}
