/// The version of an RDB stream or DUMP payload: a type byte means something only together with it.
public struct RDBVersion: Hashable, Sendable {
    /// Whose numbers these are: the two projects number apart from 12 on.
    public enum Family: Hashable, Sendable {
        case redis
        case valkey
    }

    /// Who defines the format: `REDIS` or `VALKEY` in the magic; in a DUMP footer, Valkey's from 80 on.
    public let family: Family

    /// 1…13 for Redis (and Valkey to 8.1, which writes 11), 80 for Valkey 9.
    public let number: Int

    public init(family: Family, number: Int) {
        self.family = family
        self.number = number
    }

    /// The version that a DUMP footer's two bytes name.
    public init(footer number: UInt16) {
        self.init(family: number >= 80 ? .valkey : .redis, number: Int(number))
    }

    /// Whether the layout of this version is known here.
    public var isSupported: Bool {
        switch family {
        case .redis: (1...13).contains(number)
        case .valkey: number == 80
        }
    }

    /// Whether a stream of this version ends with a checksum.
    var hasChecksum: Bool { number >= 5 }
}
