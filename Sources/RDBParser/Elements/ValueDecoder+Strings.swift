/// A string that comes in pieces.
struct LongString: Sendable {
    enum Rest: Sendable {
        case raw(Int)
        case compressed(LZFExpander)
    }

    let part: ValuePart
    let length: UInt64
    /// The part of the element that follows; `nil` when the element ends with the string.
    let next: Int?
    /// Where it stands in the stream.
    let offset: UInt64
    var rest: Rest
}

extension ValueDecoder {
    /// Reads a string and passes it on, whole or as far as it is there.
    ///
    /// - Parameter next: The part of the element that follows; `nil` when the element ends with the string.
    @_lifetime(cursor: copy cursor)
    mutating func readString<V: ValueVisitor & ~Copyable>(
        _ part: ValuePart, next: Int?, _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let header = try cursor.nextStringHeader(part.name) else { return nil }
        switch header {
        case .raw(let count):
            let from = cursor.position
            if cursor.skip(count) {
                try pass(cursor.bytes(from: from, to: cursor.position), part, at: start, &visitor)
            } else if count > ValueDecoder.pieceBytes {
                begin(LongString(part: part, length: UInt64(count), next: next, offset: start, rest: .raw(count)))
                return ()
            } else {
                return nil
            }
        case .integer(let number):
            try pass(number, part, at: start, &visitor)
        case .compressed(let count, let length):
            guard length <= ValueDecoder.pieceBytes, count <= ValueDecoder.pieceBytes else {
                let expander = LZFExpander(compressed: count, length: length)
                begin(
                    LongString(
                        part: part, length: UInt64(length), next: next, offset: start, rest: .compressed(expander)))
                return ()
            }
            let from = cursor.position
            guard cursor.skip(count) else { return nil }
            let expanded = try expand(cursor.bytes(from: from, to: cursor.position), length, part.name, at: start)
            // SAFETY: the bytes of integers are all initialized.
            try pass(unsafe expanded.span.bytes, part, at: start, &visitor)
            scratch = expanded
        }
        finishString(next: next)
        return ()
    }

    /// Goes on with a string of which a part was there.
    @_lifetime(cursor: copy cursor)
    mutating func continueString<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        guard var string = long.take() else { return () }
        switch string.rest {
        case .raw(let left):
            let count = min(left, cursor.remaining)
            let from = cursor.position
            guard count > 0, cursor.skip(count) else {
                long = string
                _ = cursor.nextByte()
                return nil
            }
            visitor.bytes(
                cursor.bytes(from: from, to: cursor.position), of: string.part, length: string.length,
                isLast: count == left)
            if count < left {
                string.rest = .raw(left - count)
                long = string
            } else {
                finishString(next: string.next)
            }
            return ()
        case .compressed(var expander):
            // Taken out of the string, so that the window has one owner and is changed in place.
            string.rest = .raw(0)
            let start = cursor.position
            while expander.compressedLeft > 0, expander.pending < ValueDecoder.pieceBytes {
                let before = cursor.position
                switch expander.expandNext(&cursor) {
                case true?: continue
                case false?: throw RDBError(.malformed, offset: string.offset, element: string.part.name)
                case nil:
                    string.rest = .compressed(expander)
                    long = string
                    cursor.position = before
                    return before > start ? () : nil
                }
            }
            let isLast = expander.compressedLeft == 0
            guard !isLast || expander.lengthLeft == 0 else {
                throw RDBError(.malformed, offset: string.offset, element: string.part.name)
            }
            // SAFETY: the bytes of integers are all initialized.
            unsafe visitor.bytes(
                expander.window.span.bytes.extracting(expander.passed...), of: string.part, length: string.length,
                isLast: isLast)
            if isLast {
                finishString(next: string.next)
            } else {
                expander.pass()
                string.rest = .compressed(expander)
                long = string
            }
            return ()
        }
    }

    private mutating func begin(_ string: LongString) {
        long = string
        isInLongString = true
    }

    private mutating func finishString(next: Int?) {
        isInLongString = false
        if let next {
            if shape.kind != .module { state = .element(part: next) }
        } else {
            finishElement()
        }
    }

    /// Passes on a string that is whole.
    mutating func pass<V: ValueVisitor & ~Copyable>(
        _ bytes: RawSpan, _ part: ValuePart, at offset: UInt64, _ visitor: inout V
    ) throws(RDBError) {
        if part.mustBeUnique, shape.kind != .stream, bytes.byteCount <= ValueDecoder.pieceBytes {
            guard unique.insert(bytes) else { throw RDBError(.malformed, offset: offset, element: part.duplicate) }
        }
        visitor.bytes(bytes, of: part, length: UInt64(bytes.byteCount), isLast: true)
    }

    /// Passes on an integer, as decimal text.
    mutating func pass<V: ValueVisitor & ~Copyable>(
        _ number: Int64, _ part: ValuePart, at offset: UInt64, _ visitor: inout V
    ) throws(RDBError) {
        var text = scratch
        scratch = []
        text.removeAll(keepingCapacity: true)
        RDBString.appendDecimal(number, to: &text)
        // SAFETY: the bytes of integers are all initialized.
        try pass(unsafe text.span.bytes, part, at: offset, &visitor)
        scratch = text
    }

    /// Expands a compressed string into the scratch array, which it takes away: put it back for the next.
    mutating func expand(
        _ compressed: RawSpan, _ length: Int, _ element: StaticString, at offset: UInt64
    ) throws(RDBError) -> [UInt8] {
        var expanded = scratch
        scratch = []
        expanded.removeAll(keepingCapacity: true)
        guard LZF.expand(compressed, length: UInt64(length), into: &expanded) else {
            throw RDBError(.malformed, offset: offset, element: element)
        }
        return expanded
    }
}

extension ValuePart {
    var name: StaticString {
        switch self {
        case .string: "string"
        case .element: "list element"
        case .member: "member"
        case .field: "field"
        case .value: "field's value"
        case .moduleString: "module string"
        }
    }

    fileprivate var mustBeUnique: Bool { self == .member || self == .field }

    fileprivate var duplicate: StaticString { self == .member ? "member that came before" : "field that came before" }
}
