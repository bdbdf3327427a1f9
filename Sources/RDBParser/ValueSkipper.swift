/// Passing over values without looking into them.
///
/// Everything returns `nil` (position undefined) when bytes are missing; `needed` then says how many it takes at least.
extension ByteCursor {
    /// Passes over the value behind a type byte.
    ///
    /// - Parameter typeOffset: Where the type byte stands in the stream, for the error.
    @usableFromInline
    @_lifetime(self: copy self)
    package mutating func skipValue(type: UInt8, typeOffset: UInt64, version: RDBVersion) throws(RDBError) -> Void? {
        guard let layout = ValueLayout.of(type: type, version: version) else {
            if type == 6 {
                throw RDBError(
                    .unsupported, offset: typeOffset, element: "value of a module without opcodes", detail: 6)
            }
            throw RDBError(.unknownType, offset: typeOffset, element: "value type", detail: UInt64(type))
        }
        switch layout {
        case .string:
            return try nextString("value").map { _ in }
        case .elements(let element):
            return try skipElements(element)
        case .expiringListpack:
            guard skip(8) else { return nil }
            return try nextString("hash with field expiries").map { _ in }
        case .expiringFields:
            guard skip(8) else { return nil }
            return try skipElements(.expiryThenPair)
        case .stream(let generation):
            return try skipStream(generation)
        case .module:
            guard try nextLength(of: "module ID") != nil else { return nil }
            return try skipModuleFields()
        }
    }

    /// Reads how many elements follow, and that there are bytes for so many.
    ///
    /// - Parameter size: The least bytes that one takes, 1…32.
    @_lifetime(self: copy self)
    mutating func nextCount(of element: StaticString, size: Int) throws(RDBError) -> Int? {
        let start = offset
        guard let declared = try nextLength(of: element) else { return nil }
        guard declared < UInt64(Int.max / 64) else {
            throw RDBError(.malformed, offset: start, element: element, detail: declared)
        }
        let count = Int(declared)
        guard count &* size <= remaining else {
            needed = position + count * size
            return nil
        }
        return count
    }

    @_lifetime(self: copy self)
    private mutating func skipElements(_ element: ValueLayout.Element) throws(RDBError) -> Void? {
        let size = element.leastSize
        guard let count = try nextCount(of: "element count", size: size) else { return nil }
        for index in 0..<count {
            guard try skipElement(element) != nil else {
                let more = needed.addingReportingOverflow((count - index - 1) * size)
                needed = more.overflow ? .max : more.partialValue
                return nil
            }
        }
        return ()
    }

    @inline(__always)
    @_lifetime(self: copy self)
    private mutating func skipElement(_ element: ValueLayout.Element) throws(RDBError) -> Void? {
        switch element {
        case .string:
            guard try nextString("element") != nil else { return nil }
        case .pair:
            guard try nextString("field") != nil, try nextString("field's value") != nil else { return nil }
        case .textScored:
            guard try nextString("member") != nil, let length = nextByte() else { return nil }
            // 253, 254, 255 are not-a-number and the infinities, without text.
            guard length >= 253 || skip(Int(length)) else { return nil }
        case .scored:
            guard try nextString("member") != nil, skip(8) else { return nil }
        case .node:
            guard try nextLength(of: "quicklist container") != nil, try nextString("quicklist node") != nil else {
                return nil
            }
        case .pairThenExpiry:
            guard try nextString("field") != nil, try nextString("field's value") != nil, skip(8) else { return nil }
        case .expiryThenPair:
            guard try nextLength(of: "field's expiry") != nil, try nextString("field") != nil,
                try nextString("field's value") != nil
            else { return nil }
        }
        return ()
    }

    /// Passes over what a module wrote, behind its ID: fields by opcode, until opcode 0.
    @_lifetime(self: copy self)
    mutating func skipModuleFields() throws(RDBError) -> Void? {
        while true {
            let start = offset
            guard let opcode = try nextLength(of: "module opcode") else { return nil }
            switch opcode {
            case 0:
                return ()
            case 1, 2:
                guard try nextLength(of: "module integer") != nil else { return nil }
            case 3:
                guard skip(4) else { return nil }
            case 4:
                guard skip(8) else { return nil }
            case 5:
                guard try nextString("module string") != nil else { return nil }
            default:
                throw RDBError(.unknownOpcode, offset: start, element: "module value", detail: opcode)
            }
        }
    }
}

extension ValueLayout.Element {
    /// The least bytes that one takes.
    fileprivate var leastSize: Int {
        switch self {
        case .string: 1
        case .pair, .textScored, .node: 2
        case .expiryThenPair: 3
        case .scored: 9
        case .pairThenExpiry: 10
        }
    }
}
