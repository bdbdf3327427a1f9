/// Which module reads a module's data type, and which of its encoding versions are known to load.
///
/// Only what is listed here is passed on: a module that is given an encoding which it does not know may end its server.
/// The numbers are those that the modules of Redis Stack 7.4.1 and the vector sets of Redis 8 write and were seen to load.
enum ModuleTable {
    struct Entry: Sendable {
        /// `ModuleType.name`.
        let type: String
        /// As `MODULE LIST` names it.
        let module: String
        let encodingVersions: ClosedRange<Int>
        /// Whether a copy that was loaded was seen to be written in the same bytes.
        var isWrittenAlike = true
    }

    static let entries = [
        Entry(type: "ReJSON-RL", module: "ReJSON", encodingVersions: 3...3),
        Entry(type: "MBbloom--", module: "bf", encodingVersions: 4...4),
        Entry(type: "MBbloomCF", module: "bf", encodingVersions: 4...4),
        Entry(type: "CMSk-TYPE", module: "bf", encodingVersions: 0...0),
        Entry(type: "TopK-TYPE", module: "bf", encodingVersions: 0...0, isWrittenAlike: false),
        Entry(type: "TDIS-TYPE", module: "bf", encodingVersions: 0...0),
        Entry(type: "TSDB-TYPE", module: "timeseries", encodingVersions: 8...8),
        Entry(type: "vectorset", module: "vectorset", encodingVersions: 0...0, isWrittenAlike: false),
    ]

    /// Names of the data types of modules whose values can be compared by what they write.
    ///
    /// - Parameter modules: As `MODULE LIST` names them.
    static func comparableTypes(of modules: Set<String>) -> Set<String> {
        Set(entries.filter { $0.isWrittenAlike && modules.contains($0.module) }.map(\.type))
    }

    static func entry(of type: ModuleType) -> Entry? { entries.first { $0.type == type.name } }
}
