/// What a target server restores.
public struct TargetFormat: Hashable, Sendable {
    /// The RDB version that its own payloads bear: the newest one that it takes.
    public let version: RDBVersion

    /// The names in its `MODULE LIST`, such as `ReJSON`.
    public let modules: Set<String>

    /// - Parameters:
    ///   - version: Redis 9 (5.0) to 13 (8.6), where Valkey to 8.1 is 11; Valkey 80. The same as the first two bytes of
    ///     the footer of any DUMP of it.
    ///   - modules: The names in its `MODULE LIST`.
    /// - Returns: `nil` for a version that is not known here.
    public init?(version: RDBVersion, modules: Set<String> = []) {
        let isKnown = version.family == .valkey ? version.number == 80 : (9...13).contains(version.number)
        guard isKnown else { return nil }
        self.version = version
        self.modules = modules
    }

    /// Whether it takes a payload that bears this version.
    ///
    /// Servers take what is not newer than they; Valkey 9 nothing of Redis's own numbers from 12 on.
    public func accepts(footer: RDBVersion) -> Bool {
        switch (footer.family, version.family) {
        case (.redis, .redis): footer.number <= version.number
        case (.redis, .valkey): footer.number <= 11
        case (.valkey, .valkey): footer.number <= version.number
        case (.valkey, .redis): false
        }
    }

    /// Whether it knows a type byte, as `source` means it.
    func accepts(type: UInt8, of source: RDBVersion) -> Bool {
        let since: Int? =
            switch (type, source.family) {
            case (0...5, _), (9...15, _): 9
            case (16...19, _): 10
            case (20...21, _): 11
            case (22...25, .redis): version.family == .redis ? 12 : nil
            case (22, .valkey): version.family == .valkey ? 80 : nil
            case (26, .redis): version.family == .redis ? 13 : nil
            case (Opcode.function, _): 10
            default: nil
            }
        return since.map { version.number >= $0 } ?? false
    }
}
