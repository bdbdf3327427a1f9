internal import RDBParser
internal import RESP

/// What a target restores: which type bytes, under which version.
///
/// Measured between servers; see `docs/formats.md`. A target refuses payloads of a later RDB version than its own, and
/// Valkey 9 those of versions 12 to 79, but all of them take an older stamp on the same bytes where they know the type.
package struct TargetFormat: Sendable, Equatable {
    /// What `RESTORE` accepts at most.
    package let version: Int

    package init(version: Int) { self.version = version }

    /// What to do with a type byte.
    enum Action: Equatable, Sendable {
        /// `RESTORE` with this version in the footer.
        case restore(version: UInt16)
        case unsupported(reason: String)

        /// What to stamp; `nil` for what cannot be restored.
        var version: UInt16? {
            if case .restore(let version) = self { version } else { nil }
        }

        /// Why not, if not.
        var reason: String? {
            if case .unsupported(let reason) = self { reason } else { nil }
        }
    }

    /// For each of the 256 type bytes, what to do with a value that `source` wrote.
    func actions(for source: RDBVersion) -> [Action] {
        (0...255).map { action(for: UInt8($0), from: source) }
    }

    func action(for type: UInt8, from source: RDBVersion) -> Action {
        guard knows(type, from: source) else {
            return .unsupported(
                reason: "\(Self.name(of: type, from: source)) cannot be restored on the target as it is")
        }
        // Within one family the source's own version goes, if the target knows it. Across them everything that both know
        // is as version 11 or an older one writes it.
        let sameFamily = (source.family == .valkey && source.number == 80) == (version == 80)
        let stamp = sameFamily && source.number <= version ? source.number : min(version, 11, source.number)
        return .restore(version: UInt16(clamping: max(stamp, 6)))
    }

    private func knows(_ type: UInt8, from source: RDBVersion) -> Bool {
        switch type {
        case 0...5, 9...15: true
        case 16...19: version >= 10
        case 20, 21: version >= 11
        case 22: version == 80 && source.family == .valkey
        case 24, 25: (12...79).contains(version) && source.family == .redis
        case 26: (13...79).contains(version) && source.family == .redis
        default: false
        }
    }

    static func name(of type: UInt8, from source: RDBVersion) -> String {
        let what =
            switch type {
            case 6, 7: "a module's value"
            case 22 where source.family == .valkey: "a hash with field expiries"
            case 22...25: "a hash with field expiries"
            case 26: "a stream of Redis 8.6"
            default: KeyType(rdbType: type).map { "a \($0.rawValue) in a newer encoding" } ?? "a value of unknown type"
            }
        return "\(what) (RDB type \(type))"
    }
}
