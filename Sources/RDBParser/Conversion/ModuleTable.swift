/// Which module reads a module's data type, and which of its encoding versions are known to load.
///
/// Only what is listed here is passed on: a module that is given an encoding which it does not know may end its server.
enum ModuleTable {
    struct Entry: Sendable {
        /// `ModuleType.name`.
        let type: String
        /// As `MODULE LIST` names it.
        let module: String
        let encodingVersions: ClosedRange<Int>
    }

    static let entries = [
        Entry(type: "ReJSON-RL", module: "ReJSON", encodingVersions: 0...3),
        Entry(type: "MBbloom--", module: "bf", encodingVersions: 0...4),
        Entry(type: "MBbloomCF", module: "bf", encodingVersions: 0...1),
        Entry(type: "CMSk-TYPE", module: "bf", encodingVersions: 0...0),
        Entry(type: "TopK-TYPE", module: "bf", encodingVersions: 0...1),
        Entry(type: "TDIS-TYPE", module: "bf", encodingVersions: 0...0),
        Entry(type: "TSDB-TYPE", module: "timeseries", encodingVersions: 0...8),
        Entry(type: "vectorset", module: "vectorset", encodingVersions: 0...0),
    ]

    static func entry(of type: ModuleType) -> Entry? { entries.first { $0.type == type.name } }
}
