/// Numbers of the elements of an RDB stream that are not records, and of the attributes before a record.
@usableFromInline
package enum Opcode {
    static let slotImportOrModuleMetadata: UInt8 = 243
    static let slotInfo: UInt8 = 244
    static let function: UInt8 = 245
    static let functionPreRelease: UInt8 = 246
    static let moduleAuxiliary: UInt8 = 247
    @usableFromInline static let idle: UInt8 = 248
    @usableFromInline static let frequency: UInt8 = 249
    static let auxiliary: UInt8 = 250
    static let sizes: UInt8 = 251
    @usableFromInline static let expiryMilliseconds: UInt8 = 252
    @usableFromInline static let expirySeconds: UInt8 = 253
    static let database: UInt8 = 254
    static let end: UInt8 = 255

    /// The least of them: below stand the value types.
    @usableFromInline static let first: UInt8 = 243
}

/// An element of the stream that is not a record. Rare, so its strings are copied.
@usableFromInline
enum StreamElement {
    /// Nothing that a visitor would hear of.
    case passed
    case auxiliary(name: [UInt8], value: [UInt8])
    case database(UInt64)
    case sizes(keys: UInt64, expiries: UInt64)
    case function([UInt8])
    case end
}

extension ByteCursor {
    /// Reads the rest of an element behind its opcode; `nil` (position undefined) when bytes are missing.
    @usableFromInline
    @_lifetime(self: copy self)
    mutating func nextElement(_ opcode: UInt8, version: RDBVersion) throws(RDBError) -> StreamElement? {
        let start = offset &- 1
        switch opcode {
        case Opcode.auxiliary:
            guard let name = try nextDecodedString("auxiliary field's name"),
                let value = try nextDecodedString("auxiliary field's value")
            else { return nil }
            return .auxiliary(name: name, value: value)
        case Opcode.database:
            return try nextLength(of: "database number").map { .database($0) }
        case Opcode.sizes:
            guard let keys = try nextLength(of: "database size"),
                let expiries = try nextLength(of: "number of expiring keys")
            else { return nil }
            return .sizes(keys: keys, expiries: expiries)
        case Opcode.slotInfo:
            for _ in 0..<3 {
                guard try nextLength(of: "slot information") != nil else { return nil }
            }
            return .passed
        case Opcode.function:
            return try nextDecodedString("function library").map { .function($0) }
        case Opcode.moduleAuxiliary:
            // The module's ID; then when it was saved, as a field of its own (opcode 2); then its fields.
            guard try nextLength(of: "module ID") != nil, try nextLength(of: "module opcode") != nil,
                try nextLength(of: "module integer") != nil, try skipModuleFields() != nil
            else { return nil }
            return .passed
        case Opcode.end:
            return .end
        case Opcode.functionPreRelease:
            throw RDBError(
                .unsupported, offset: start, element: "function of a pre-release of Redis 7.0", detail: UInt64(opcode))
        case Opcode.slotImportOrModuleMetadata:
            let element: StaticString =
                version.family == .valkey ? "slot import under way (Valkey 9)" : "key metadata of a module (Redis 8.6)"
            throw RDBError(.unsupported, offset: start, element: element, detail: UInt64(opcode))
        default:
            throw RDBError(.unknownOpcode, offset: start, element: "RDB stream", detail: UInt64(opcode))
        }
    }

    @_lifetime(self: copy self)
    private mutating func nextDecodedString(_ element: StaticString) throws(RDBError) -> [UInt8]? {
        let start = offset
        guard let token = try nextString(element) else { return nil }
        var decoded: [UInt8] = []
        try RDBString.decode(bytes(from: token.start, to: token.end), at: start, element: element, into: &decoded)
        return decoded
    }

    /// Reads magic and version: `REDIS` and four digits, or `VALKEY` and three.
    ///
    /// - Returns: `nil` (position undefined) when bytes are missing and those that are there could begin it.
    @usableFromInline
    @_lifetime(self: copy self)
    mutating func nextHeader() throws(RDBError) -> RDBVersion? {
        let start = offset
        let redis = StaticString("REDIS")
        let family: RDBVersion.Family = startsLike(redis) ? .redis : .valkey
        guard family == .redis || startsLike("VALKEY") else {
            throw RDBError(.notRDB, offset: start, element: "magic")
        }
        let magic = family == .redis ? 5 : 6
        guard skip(9) else { return nil }
        position = magic
        var number = 0
        while position < 9, let digit = nextByte() {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else {
                throw RDBError(.notRDB, offset: start, element: "version", detail: UInt64(digit))
            }
            number = number * 10 + Int(digit - UInt8(ascii: "0"))
        }
        let version = RDBVersion(family: family, number: number)
        guard version.isSupported else {
            throw RDBError(
                .unsupportedVersion, offset: start, element: family == .redis ? "Redis" : "Valkey",
                detail: UInt64(number))
        }
        return version
    }

    /// Whether the bytes begin like `magic`, as far as there are any.
    private func startsLike(_ magic: StaticString) -> Bool {
        var head = ByteCursor(bytes)
        for expected in magic.description.utf8 {
            guard let byte = head.nextByte() else { return true }
            if byte != expected { return false }
        }
        return true
    }
}
