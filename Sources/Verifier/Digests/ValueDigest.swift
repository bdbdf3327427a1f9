package import RDBParser

/// What a value is, in digests that are equal exactly when a client cannot tell two values apart: independent of
/// encoding, server version, and the order of elements where the type has none.
///
/// What not every server holds has digests of its own, so that they can be compared where both sides have them
/// (`ComparisonScope`), and so that a report can say which of them differs.
package struct ValueDigest: Hashable, Sendable, Codable {
    package var kind: ValueKind
    /// Of what every version holds: strings; elements; fields with their values; members with the bits of their scores;
    /// a stream's live entries, last ID, groups with last ID, pending entries (ID, owner, delivery time and count) and
    /// consumers' names. Not consumers' seen and active time: reading alone moves them.
    package var value: Digest128
    /// Of all fields that expire, with their times; zero where none does.
    package var fieldExpiries = Digest128.zero
    /// Of a stream's entries ever added, greatest deleted ID and groups' entries read; `nil` where its version has none.
    /// (The first ID that newer streams also write follows from the entries.)
    package var streamHistory: Digest128?
    /// Of what Redis 8.6 keeps of producers; zero where there is nothing but the defaults.
    package var idempotence = Digest128.zero
    /// The data type of a module's value.
    package var module: ModuleType?
    /// Elements, fields, members or live entries that count; 1 for a string.
    package var elements: UInt64
    /// Fields that were left out, since they expire before the horizon.
    package var expiringFields: UInt64 = 0
    /// Bytes of all strings, decoded.
    package var bytes: UInt64

    /// Whether nothing of the value remains at the horizon.
    package var isExpiring: Bool { elements == 0 && expiringFields > 0 }
}

/// One key's part of the sums.
package struct RecordDigest: Hashable, Sendable {
    /// Whether a key takes part in the sums.
    package enum Inclusion: Hashable, Sendable {
        case included
        /// It is gone before the end of the run: neither side needs to have it.
        case expiring
        /// A module's value that only the same version of the module could compare.
        case unsupported
    }

    /// Of database, key, exact expiry and everything of the value that the scope compares.
    package var digest: Digest128
    package var kind: ValueKind
    package var inclusion: Inclusion
    /// Whether the value holds something that the target has no place for.
    package var isConverted: Bool
    /// Of its strings, decoded.
    package var bytes: UInt64
    package var elements: UInt64
}
