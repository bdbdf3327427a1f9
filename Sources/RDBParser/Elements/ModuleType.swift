/// The name and encoding version of a module's data type, from the 64-bit ID in front of its values.
public struct ModuleType: Hashable, Sendable, CustomStringConvertible {
    /// Nine characters of six bits, then ten bits of version.
    public let id: UInt64

    public init(id: UInt64) { self.id = id }

    /// Such as `ReJSON-RL` or `vectorset`: always nine characters.
    public var name: String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        let name = (0..<9).map { alphabet[Int(id >> (58 - 6 * UInt64($0))) & 63] }
        return String(decoding: name, as: UTF8.self)
    }

    /// Names of data types whose values are the same where the same version of their module writes the same: of those that
    /// are known, some hold the order in which they were made, or what chance gave them.
    ///
    /// - Parameter modules: As `MODULE LIST` names them.
    package static func comparableNames(of modules: Set<String>) -> Set<String> {
        ModuleTable.comparableTypes(of: modules)
    }

    /// The version of the encoding, 0...1023.
    public var encodingVersion: Int { Int(id & 1023) }

    /// Such as `ReJSON-RL version 3`.
    public var description: String { "\(name) version \(encodingVersion)" }
}
