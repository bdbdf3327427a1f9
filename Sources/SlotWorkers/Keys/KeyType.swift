/// What a user calls the type of a key: the answer of `TYPE`.
package enum KeyType: String, CaseIterable, Sendable {
    case string, list, set, zset, hash, stream, module

    /// The type that an RDB type byte stands for; `nil` for bytes that no released server writes.
    package init?(rdbType: UInt8) {
        switch rdbType {
        case 0: self = .string
        case 1, 10, 14, 18: self = .list
        case 2, 11, 20: self = .set
        case 3, 5, 12, 17: self = .zset
        case 4, 9, 13, 16, 22, 23, 24, 25: self = .hash
        case 15, 19, 21, 26: self = .stream
        case 6, 7: self = .module
        default: return nil
        }
    }
}
