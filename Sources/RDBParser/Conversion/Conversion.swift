/// What has to happen to a value so that a server of another version takes it: `docs/formats.md` shows it as a table.
public enum Conversion {
    /// What has to happen to every value of a type.
    public enum Action: Hashable, Sendable {
        /// The target takes the source's payload.
        case asIs
        /// The target takes type byte and value in a payload of its own version.
        case restamp
        /// The target takes the value in the layout of another type; nothing is lost.
        case reencode(type: UInt8)
        /// The target takes the value in the layout of another type; what is named is lost where the value holds it.
        case lossy(type: UInt8, Loss)
        case impossible(Reason)
    }

    /// What a target cannot hold.
    public struct Loss: Hashable, Sendable, CustomStringConvertible {
        /// A sentence's object, such as "the expiries of the fields".
        public let description: String

        /// Field TTLs, which only Redis from 7.4 on and Valkey from 9.0 on have.
        public static let fieldExpiries = Loss(description: "the expiries of the fields")
        /// What only Redis 8.6 keeps about a stream's idempotent producers.
        public static let idempotence = Loss(description: "the stream's idempotent producers")
        /// Deliveries of entries that are no longer in the stream: a payload holds them, commands cannot make them.
        public static let deletedPending = Loss(description: "pending entries that were deleted from the stream")
    }

    /// Why a target cannot take a value.
    public enum Reason: Hashable, Sendable, CustomStringConvertible {
        /// The source's version does not define the type byte.
        case unknownType(UInt8)
        /// The target has no functions: they begin with version 10.
        case noFunctions
        /// A module's data type that is not in the table of those that are known to load.
        case unknownModuleType(name: String, encodingVersion: Int)
        /// The target has not loaded the module of the data type.
        case missingModule(name: String, type: String)

        /// A sentence for an operator.
        public var description: String {
            switch self {
            case .unknownType(let type): "Type byte \(type) is not known."
            case .noFunctions: "The target is older than functions."
            case .unknownModuleType(let name, let version):
                "The module's data type \(name), version \(version), is not known to load."
            case .missingModule(let name, let type):
                "The target lacks the module \(name), which reads the data type \(type)."
            }
        }
    }

    /// Looks up what has to happen to every value of a type.
    ///
    /// - Parameters:
    ///   - type: The type byte; 245 for the payload of `FUNCTION DUMP`.
    ///   - source: The version that gives the type byte its meaning.
    ///   - target: The server that is to take it.
    ///   - module: The data type, where `type` is 7.
    public static func action(
        for type: UInt8, from source: RDBVersion, to target: TargetFormat, module: ModuleType? = nil
    ) -> Action {
        guard type == Opcode.function || ValueLayout.of(type: type, version: source) != nil else {
            return .impossible(.unknownType(type))
        }
        let unchanged: Action = target.accepts(footer: source) ? .asIs : .restamp
        if type == 7 { return module.map { action(for: $0, to: target) ?? unchanged } ?? .impossible(.unknownType(7)) }
        if target.accepts(type: type, of: source) { return unchanged }
        let isBefore7 = target.version.number < 10
        switch type {
        case 16: return .reencode(type: 4)
        case 17: return .reencode(type: 5)
        case 18: return .reencode(type: 1)
        case 19: return .reencode(type: 15)
        case 20: return .reencode(type: 2)
        case 21: return .reencode(type: isBefore7 ? 15 : 19)
        case 26: return .lossy(type: isBefore7 ? 15 : target.version.number < 11 ? 19 : 21, .idempotence)
        case 22...25:
            if target.version.family == .valkey { return .reencode(type: 22) }
            return target.version.number >= 12 ? .reencode(type: 24) : .lossy(type: 4, .fieldExpiries)
        default: return .impossible(.noFunctions)
        }
    }

    /// - Returns: `nil` when the target reads the module's data type.
    private static func action(for module: ModuleType, to target: TargetFormat) -> Action? {
        guard let entry = ModuleTable.entry(of: module), entry.encodingVersions.contains(module.encodingVersion) else {
            return .impossible(
                .unknownModuleType(name: module.name, encodingVersion: module.encodingVersion))
        }
        guard target.modules.contains(entry.module) else {
            return .impossible(.missingModule(name: entry.module, type: entry.type))
        }
        return nil
    }
}
