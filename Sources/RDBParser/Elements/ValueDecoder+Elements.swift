/// The elements of the plain encodings, part by part, and what modules write.
extension ValueDecoder {
    @_lifetime(cursor: copy cursor)
    mutating func readElement<V: ValueVisitor & ~Copyable>(
        part: Int, _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let element: ValueLayout.Element =
            switch shape.layout {
            case .elements(let element): element
            case .expiringFields: .expiryThenPair
            default: .string
            }
        switch (element, part) {
        case (.string, _):
            if shape.packing != nil { return try readNode(&cursor, &visitor) }
            let part: ValuePart =
                switch shape.kind {
                case .string: .string
                case .list: .element
                default: .member
                }
            return try readString(part, next: nil, &cursor, &visitor)
        case (.pair, 0), (.pairThenExpiry, 0):
            return try readString(.field, next: 1, &cursor, &visitor)
        case (.pair, _):
            return try readString(.value, next: nil, &cursor, &visitor)
        case (.pairThenExpiry, 1):
            return try readString(.value, next: 2, &cursor, &visitor)
        case (.pairThenExpiry, _):
            return try readExpiryBehind(&cursor, &visitor)
        case (.expiryThenPair, 0):
            return try readExpiryBefore(&cursor)
        case (.expiryThenPair, 1):
            return try readString(.field, next: 2, &cursor, &visitor)
        case (.expiryThenPair, 2):
            return try readString(.value, next: 3, &cursor, &visitor)
        case (.expiryThenPair, _):
            if let expiry { visitor.expiry(expiry) }
            finishElement()
            return ()
        case (.scored, 0), (.textScored, 0):
            return try readString(.member, next: 1, &cursor, &visitor)
        case (.scored, _):
            return try readScore(&cursor, &visitor)
        case (.textScored, _):
            return try readTextScore(&cursor, &visitor)
        case (.node, 0):
            return try readContainer(&cursor)
        case (.node, 1):
            return try readString(.element, next: nil, &cursor, &visitor)
        case (.node, _):
            return try readNode(&cursor, &visitor)
        }
    }

    @_lifetime(cursor: copy cursor)
    private mutating func readScore<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let bits = cursor.next(UInt64.self) else { return nil }
        let score = Double(bitPattern: bits)
        guard !score.isNaN else { throw RDBError(.malformed, offset: start, element: "score") }
        visitor.score(score)
        finishElement()
        return ()
    }

    /// A byte of length and decimal text; 253, 254 and 255 are not-a-number, infinity and minus infinity.
    @_lifetime(cursor: copy cursor)
    private mutating func readTextScore<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let length = cursor.nextByte() else { return nil }
        let from = cursor.position
        let score: Double?
        switch length {
        case 253: score = nil
        case 254: score = .infinity
        case 255: score = -.infinity
        default:
            guard cursor.skip(Int(length)) else { return nil }
            score = ScoreText.parse(cursor.bytes(from: from, to: cursor.position))
        }
        guard let score else { throw RDBError(.malformed, offset: start, element: "score") }
        visitor.score(score)
        finishElement()
        return ()
    }

    /// Valkey 9's: −1 for none.
    @_lifetime(cursor: copy cursor)
    private mutating func readExpiryBehind<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let expiry = cursor.next(Int64.self) else { return nil }
        guard expiry >= -1 else { throw RDBError(.malformed, offset: start, element: "field's expiry") }
        if expiry != -1 { visitor.expiry(expiry) }
        finishElement()
        return ()
    }

    /// Redis 7.4's: 0 for none, else relative to the earliest (type 24), or absolute (22 of its pre-releases).
    @_lifetime(cursor: copy cursor)
    private mutating func readExpiryBefore(_ cursor: inout ByteCursor) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let number = try cursor.nextLength(of: "field's expiry") else { return nil }
        let base = shape.layout == .expiringFields ? earliestExpiry : 1
        if number == 0 {
            expiry = nil
        } else {
            guard let relative = Int64(exactly: number - 1), base >= 0,
                case (let sum, let overflow) = base.addingReportingOverflow(relative), !overflow,
                sum <= ValueShape.latestFieldExpiry
            else { throw RDBError(.malformed, offset: start, element: "field's expiry", detail: number) }
            expiry = sum
        }
        state = .element(part: 1)
        return ()
    }

    /// How a quicklist's node holds its elements: 1 for one as it is, 2 for a listpack.
    @_lifetime(cursor: copy cursor)
    private mutating func readContainer(_ cursor: inout ByteCursor) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let container = try cursor.nextLength(of: "quicklist container") else { return nil }
        guard container == 1 || container == 2 else {
            throw RDBError(.malformed, offset: start, element: "quicklist container", detail: container)
        }
        state = .element(part: Int(container))
        return ()
    }

    /// What a module wrote, behind its ID: fields by opcode, until opcode 0.
    @_lifetime(cursor: copy cursor)
    mutating func readModuleField<V: ValueVisitor & ~Copyable>(
        _ cursor: inout ByteCursor, _ visitor: inout V
    ) throws(RDBError) -> Void? {
        let start = cursor.offset
        guard let opcode = try cursor.nextLength(of: "module opcode") else { return nil }
        switch opcode {
        case 0:
            state = .end
        case 1, 2:
            guard let number = try cursor.nextLength(of: "module integer") else { return nil }
            visitor.module(opcode == 1 ? .signed(Int64(bitPattern: number)) : .unsigned(number))
        case 3:
            guard let bits = cursor.next(UInt32.self) else { return nil }
            visitor.module(.float(Float(bitPattern: bits)))
        case 4:
            guard let bits = cursor.next(UInt64.self) else { return nil }
            visitor.module(.double(Double(bitPattern: bits)))
        case 5:
            return try readString(.moduleString, next: 0, &cursor, &visitor)
        default:
            throw RDBError(.unknownOpcode, offset: start, element: "module value", detail: opcode)
        }
        return ()
    }
}
