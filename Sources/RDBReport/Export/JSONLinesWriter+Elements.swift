package import RDBParser

/// Where the writing of a value stands.
struct ValueState {
    var kind = ValueKind.string
    /// Nothing was written yet of the list that is open.
    var isFirst = true
    /// The field that was written last has no expiry yet.
    var isFieldOpen = false
    var isInString = false
    /// Bytes of a string that comes in pieces, which do not yet make a group of base64: at most 2.
    var carry: [UInt8] = []
    var stream = StreamTextState()
}

/// The elements of a value, as JSON.
extension JSONLinesWriter {
    package mutating func begin(_ kind: ValueKind, count: UInt64?) {
        value = ValueState()
        value.kind = kind
        switch kind {
        case .string: writeHead(type: "string")
        case .list: beginList("list")
        case .set: beginList("set")
        case .sortedSet: beginList("zset")
        case .hash: beginList("hash")
        case .stream:
            writeHead(type: "stream")
            output.append(#"{"entries":["#)
        // Its name comes next.
        case .module: break
        }
    }

    private mutating func beginList(_ type: StaticString) {
        writeHead(type: type)
        output.append(byte: UInt8(ascii: "["))
    }

    /// Separates an element from the one before it.
    mutating func separate() {
        if value.isFirst { value.isFirst = false } else { output.append(byte: UInt8(ascii: ",")) }
    }

    package mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        if value.kind == .stream, value.stream.isInDeletedEntry { return }
        if !value.isInString { beginString(part) }
        value.isInString = !isLast
        if isLast, value.carry.isEmpty { output.append(base64: piece) } else { appendPiece(piece, isLast: isLast) }
        if isLast {
            output.append(byte: UInt8(ascii: "\""))
            if value.kind == .module { output.append(byte: UInt8(ascii: "]")) }
        }
    }

    /// What stands before a string, and the quotation mark that opens it.
    private mutating func beginString(_ part: ValuePart) {
        switch (value.kind, part) {
        case (.sortedSet, _):
            separate()
            output.append("[\"")
        case (.hash, .field):
            closeField()
            separate()
            output.append("[\"")
        case (.hash, _):
            value.isFieldOpen = true
            output.append(",\"")
        case (.module, _):
            separate()
            output.append(#"["string",""#)
        case (.string, _):
            output.append(byte: UInt8(ascii: "\""))
        default:
            separate()
            output.append(byte: UInt8(ascii: "\""))
        }
    }

    /// Appends a piece of a string; what is left over from whole groups of three bytes waits for the next.
    private mutating func appendPiece(_ piece: RawSpan, isLast: Bool) {
        var rest = piece
        if !value.carry.isEmpty {
            let missing = min(3 - value.carry.count, rest.byteCount)
            value.carry.append(contentsOf: Array(copying: rest.extracting(first: missing)))
            rest = rest.extracting(droppingFirst: missing)
            if value.carry.count == 3 || isLast {
                let group = value.carry
                value.carry = []
                // SAFETY: the bytes of integers are all initialized.
                unsafe output.append(base64: group.span.bytes)
            }
        }
        let whole = isLast ? rest.byteCount : rest.byteCount / 3 * 3
        output.append(base64: rest.extracting(first: whole))
        if whole < rest.byteCount { value.carry = Array(copying: rest.extracting(droppingFirst: whole)) }
    }

    private mutating func closeField() {
        if value.isFieldOpen { output.append(",null]") }
        value.isFieldOpen = false
    }

    package mutating func expiry(_ milliseconds: Int64) {
        output.append(byte: UInt8(ascii: ","))
        output.append(decimal: milliseconds)
        output.append(byte: UInt8(ascii: "]"))
        value.isFieldOpen = false
    }

    package mutating func score(_ score: Double) {
        output.append(",\"")
        if let integer = Int64(exactly: score), integer.magnitude < 1 << 53, score.sign == .plus || integer != 0 {
            output.append(decimal: integer)
        } else {
            let text = "\(score)"
            output.append(text: text.hasSuffix(".0") ? String(text.dropLast(2)) : text)
        }
        output.append("\",\"")
        append(hex: score.bitPattern, digits: 16)
        output.append("\"]")
    }

    private mutating func append(hex bits: UInt64, digits: Int) {
        for index in (0..<digits).reversed() {
            let digit = UInt8(truncatingIfNeeded: bits >> UInt64(4 * index) & 15)
            output.append(byte: digit < 10 ? digit + UInt8(ascii: "0") : digit - 10 + UInt8(ascii: "a"))
        }
    }

    package mutating func module(_ event: ModuleEvent) {
        if case .type(let type) = event {
            writeHead(module: type)
            output.append(#"{"module":""#)
            output.append(text: type.name)
            output.append(#"","encoding_version":"#)
            output.append(decimal: UInt64(type.encodingVersion))
            return output.append(#","fields":["#)
        }
        separate()
        switch event {
        case .signed(let number):
            output.append(#"["signed","#)
            output.append(decimal: number)
        case .unsigned(let number):
            output.append(#"["unsigned","#)
            output.append(decimal: number)
        // Their bits, as what a module writes need not be a number.
        case .float(let number):
            output.append(#"["float",""#)
            append(hex: UInt64(number.bitPattern), digits: 8)
            output.append(byte: UInt8(ascii: "\""))
        case .double(let number):
            output.append(#"["double",""#)
            append(hex: number.bitPattern, digits: 16)
            output.append(byte: UInt8(ascii: "\""))
        case .type: break
        }
        output.append(byte: UInt8(ascii: "]"))
    }

    package mutating func end() {
        switch value.kind {
        case .string: break
        case .list, .set, .sortedSet: output.append(byte: UInt8(ascii: "]"))
        case .hash:
            closeField()
            output.append(byte: UInt8(ascii: "]"))
        case .stream: endStream()
        case .module: output.append("]}")
        }
        finishLine()
    }
}
