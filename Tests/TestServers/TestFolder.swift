import Foundation
import Synchronization

/// Where things lie: the package, the fetched servers, and the temporary files of this test process.
package enum TestFolder {
    /// The root of the package.
    package static let package = String(#filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 })

    /// Where `scripts/servers` puts the servers: `BACKFILL_SERVERS`, else `.servers` in the package.
    package static let servers: String = {
        let given = ProcessInfo.processInfo.environment["BACKFILL_SERVERS"] ?? ".servers"
        return given.hasPrefix("/") ? given : package + "/" + given
    }()

    /// The folder of this process for temporary files. The reaper removes it when the process ends, however it ends.
    static let root: String = {
        let temporary = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(temporary)/backfill-tests.XXXXXX".utf8CString)
        return mkdtemp(&template) == nil
            ? temporary : String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self)
    }()

    private static let counter = Atomic<Int>(0)

    /// Makes a new empty folder under the one of this process.
    package static func make(_ name: String) throws -> String {
        let number = counter.add(1, ordering: .relaxed).newValue
        let path = "\(root)/\(number)-\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    /// Removes a folder that `make` made.
    static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }
}
