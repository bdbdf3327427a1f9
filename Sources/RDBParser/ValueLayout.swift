/// How the bytes behind a type byte are laid out.
package enum ValueLayout: Hashable, Sendable {
    /// One string: a string, or a whole collection in a packed encoding.
    case string
    /// A count, then so many elements of this shape.
    case elements(Element)
    /// Redis 7.4's hash with field expiries as one listpack: 8 bytes of earliest expiry, then a string.
    case expiringListpack
    /// Redis 7.4's hash with field expiries: 8 bytes of earliest expiry, then a count of relative expiry, field, value.
    case expiringFields
    /// A stream, of the generation whose metadata it carries.
    case stream(StreamGeneration)
    /// A module's value, skipped by the opcodes within.
    case module

    package enum Element: Hashable, Sendable {
        /// A string: lists, sets, quicklists of ziplists.
        case string
        /// Two strings: hashes.
        case pair
        /// A string and its score as text with a length byte: sorted sets before RDB version 8.
        case textScored
        /// A string and its score as 8 bytes.
        case scored
        /// A length (the container) and a string: quicklists from RDB version 10 on.
        case node
        /// Field, value and 8 bytes of expiry: Valkey 9's hash with field expiries.
        case pairThenExpiry
        /// A length and two strings: Redis 7.4's hashes with field expiries.
        case expiryThenPair
    }

    package enum StreamGeneration: Int, Comparable, Sendable {
        /// Type 15: Redis 5.
        case first
        /// Type 19: first ID, greatest deleted ID, entries added; a group's entries read.
        case second
        /// Type 21: a consumer's active time.
        case third
        /// Type 26: the IDs of idempotent producers.
        case fourth

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    /// The layout of a type in a stream of a version.
    ///
    /// From 22 on a number means something only together with who wrote it: Redis's pre-releases of 7.4, Redis 7.4 and
    /// Valkey 9 gave the same ones to different layouts.
    /// - Returns: `nil` for a type that the version does not define, and for 6, whose end only its module knows.
    package static func of(type: UInt8, version: RDBVersion) -> ValueLayout? {
        switch (type, version.family) {
        case (0, _), (9...13, _), (16, _), (17, _), (20, _): .string
        case (1, _), (2, _), (14, _): .elements(.string)
        case (3, _): .elements(.textScored)
        case (4, _): .elements(.pair)
        case (5, _): .elements(.scored)
        case (7, _): .module
        case (15, _): .stream(.first)
        case (18, _): .elements(.node)
        case (19, _): .stream(.second)
        case (21, _): .stream(.third)
        case (22, .valkey): .elements(.pairThenExpiry)
        case (22, .redis) where version.number >= 12: .elements(.expiryThenPair)
        case (23, .redis) where version.number >= 12: .string
        case (24, .redis) where version.number >= 12: .expiringFields
        case (25, .redis) where version.number >= 12: .expiringListpack
        case (26, .redis) where version.number >= 13: .stream(.fourth)
        default: nil
        }
    }
}
