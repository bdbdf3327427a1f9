package import RDBParser

/// What people call a type byte.
package struct TypeName: Hashable, Sendable {
    /// The answer of `TYPE`; `module` for a module's data type.
    package let type: String
    /// How the value lies in the file, such as `quicklist of listpacks`.
    package let encoding: String

    /// The name of a type byte of a stream of this version.
    ///
    /// From 22 on Redis and Valkey mean different things by the same byte.
    package init(_ type: UInt8, _ version: RDBVersion) {
        let names: (String, String) =
            switch type {
            case 0: ("string", "string")
            case 1: ("list", "linked list")
            case 2: ("set", "hashtable")
            case 3: ("zset", "skiplist, scores as text")
            case 4: ("hash", "hashtable")
            case 5: ("zset", "skiplist")
            case 6: ("module", "module without opcodes")
            case 7: ("module", "module")
            case 9: ("hash", "zipmap")
            case 10: ("list", "ziplist")
            case 11: ("set", "intset")
            case 12: ("zset", "ziplist")
            case 13: ("hash", "ziplist")
            case 14: ("list", "quicklist of ziplists")
            case 15: ("stream", "listpacks")
            case 16: ("hash", "listpack")
            case 17: ("zset", "listpack")
            case 18: ("list", "quicklist of listpacks")
            case 19: ("stream", "listpacks, second version")
            case 20: ("set", "listpack")
            case 21: ("stream", "listpacks, third version")
            case 22 where version.family == .valkey: ("hash", "hashtable with field expiries")
            case 22: ("hash", "hashtable with field expiries, pre-release")
            case 23: ("hash", "listpack with field expiries, pre-release")
            case 24: ("hash", "hashtable with field expiries")
            case 25: ("hash", "listpack with field expiries")
            case 26: ("stream", "listpacks, fourth version")
            default: ("unknown", "unknown")
            }
        self.type = names.0
        encoding = names.1
    }
}
