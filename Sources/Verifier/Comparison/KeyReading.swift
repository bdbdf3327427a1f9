/// What one reading of a key on one side found.
package struct KeyReading: Hashable, Sendable, Codable {
    package enum Content: Hashable, Sendable, Codable {
        case absent
        /// - Parameter expiry: In milliseconds since 1970; `nil` for never.
        case present(ValueDigest, expiry: Int64?)
        /// There is a value that cannot be decoded or compared.
        case unreadable
    }

    package var content: Content
    /// Where the side's replication stream stood in the same moment (`INFO replication` in the transaction that read
    /// the key); `nil` where it cannot be known.
    package var offset: Int64?

    package init(_ content: Content, offset: Int64? = nil) {
        self.content = content
        self.offset = offset
    }

    package static let absent = KeyReading(.absent)
}

/// One look at a key: both sides, and what shows whether the source stood still meanwhile.
package struct KeyObservation: Hashable, Sendable {
    package enum Stability: Hashable, Sendable {
        /// Nothing can write: files, or both sides frozen.
        case fixed
        /// The source was read again behind the target: the same value then, the same value meanwhile.
        case reread(KeyReading)
        /// The replication stream was watched from before the source's reading to behind the target's, and says whether
        /// a command that may change the key came in between.
        case watched(changed: Bool)
    }

    package var source: KeyReading
    package var target: KeyReading
    package var stability: Stability
    /// When it was made, in milliseconds since 1970, by the source's clock.
    package var time: Int64

    package init(source: KeyReading, target: KeyReading, stability: Stability, time: Int64) {
        self.source = source
        self.target = target
        self.stability = stability
        self.time = time
    }

    /// Whether the source held the same from before the target was read until behind it.
    package var isStable: Bool {
        switch stability {
        case .fixed: true
        case .reread(let again): again.content == source.content
        case .watched(let changed): !changed
        }
    }
}

/// What comes of a key.
package enum KeyOutcome: String, Hashable, Sendable, CaseIterable, Codable {
    case match
    /// The source has it, the target does not.
    case missing
    /// The target has it, the source does not.
    case extra
    case type
    case value
    /// Only when the key, or a field of it, expires differs.
    case ttl
    /// Equal but for what the target has no place for (`--on-lossy convert`).
    case converted
    /// Its expiry came before the end of the run: neither right nor wrong.
    case expired
    /// It changed at the source while it was compared.
    case changing
    /// The rounds ran out before a verdict.
    case inconclusive
    /// A value that only a module could compare, or that could not be decoded.
    case unsupported

    /// Whether it makes the sides different.
    package var isMismatch: Bool {
        switch self {
        case .missing, .extra, .type, .value, .ttl: true
        case .match, .converted, .expired, .changing, .inconclusive, .unsupported: false
        }
    }
}
