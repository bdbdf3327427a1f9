/// What a type byte means: the kind of value, and how its elements are packed.
struct ValueShape: Sendable {
    let kind: ValueKind
    let layout: ValueLayout
    /// How the strings of the layout hold elements; `nil` where each is one itself.
    let packing: Packing?

    enum Packing: Sendable {
        case listpack, ziplist, zipmap, intset
    }

    /// - Returns: `nil` for a type that the version does not define, and for 6.
    static func of(type: UInt8, version: RDBVersion) -> ValueShape? {
        guard let layout = ValueLayout.of(type: type, version: version) else { return nil }
        let (kind, packing): (ValueKind, Packing?) =
            switch type {
            case 0: (.string, nil)
            case 1: (.list, nil)
            case 10, 14: (.list, .ziplist)
            case 18: (.list, .listpack)
            case 2: (.set, nil)
            case 11: (.set, .intset)
            case 20: (.set, .listpack)
            case 3, 5: (.sortedSet, nil)
            case 12: (.sortedSet, .ziplist)
            case 17: (.sortedSet, .listpack)
            case 9: (.hash, .zipmap)
            case 13: (.hash, .ziplist)
            case 16, 23, 25: (.hash, .listpack)
            case 7: (.module, nil)
            case 15, 19, 21, 26: (.stream, nil)
            default: (.hash, nil)
            }
        return ValueShape(kind: kind, layout: layout, packing: packing)
    }

    /// The latest expiry of a field that Redis takes, in milliseconds since 1970: over a later one it may end itself.
    static let latestFieldExpiry: Int64 = (1 << 48) - 1

    /// Whether the packed entries come in threes: field, value, expiry.
    static func hasPackedExpiries(type: UInt8) -> Bool { type == 23 || type == 25 }
}
