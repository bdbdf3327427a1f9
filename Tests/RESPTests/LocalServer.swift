import Foundation
import NIOCore
import NIOPosix
import RESP
import Synchronization

/// A real server on the loopback interface, stopped when the last reference goes.
final class LocalServer: Sendable {
    let port: Int
    let directory: URL
    let processID: pid_t
    private let ownsDirectory: Bool
    private let process: Mutex<Process>

    var endpoint: Endpoint { .tcp(host: "127.0.0.1", port: port) }

    /// - Parameters:
    ///   - name: A folder such as `valkey-9.1.2`, under `BACKFILL_SERVERS` or `.servers`.
    ///   - port: Where it listens; chosen freely where not given.
    ///   - directory: Where its files go; kept there.
    init(_ name: String, port: Int? = nil, directory: URL? = nil, _ arguments: [String] = []) throws {
        self.port = try port ?? Self.freePort()
        ownsDirectory = directory == nil
        self.directory = try directory ?? Self.makeDirectory()
        let program = try Self.program(name)
        let process = Process()
        process.executableURL = program
        process.currentDirectoryURL = self.directory
        var options = arguments.contains("--sentinel") ? [] : ["--port", "\(self.port)", "--save", ""]
        if !arguments.contains("--sentinel") { options += ["--dir", self.directory.path] }
        process.arguments = arguments.contains("--sentinel") ? arguments : options + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        processID = process.processIdentifier
        self.process = Mutex(process)
    }

    deinit {
        kill(processID, SIGKILL)
        process.withLock { $0.waitUntilExit() }
        if ownsDirectory { try? FileManager.default.removeItem(at: directory) }
    }

    func signal(_ signal: Int32) { kill(processID, signal) }

    /// Connects as soon as the server listens.
    func connect(_ settings: ConnectionSettings = ConnectionSettings(side: .source)) async throws -> Connection {
        for _ in 0..<100 {
            do throws(ConnectionError) {
                return try await Connection.open(endpoint, settings: settings, on: loop)
            } catch {
                guard error.code == .refused || error.code == .closed else { throw error }
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
        return try await Connection.open(endpoint, settings: settings, on: loop)
    }

    static func makeDirectory() throws -> URL {
        let directory = URL(filePath: "/tmp/resp-tests-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        return directory
    }

    /// A port that is free now, and has room for a cluster's bus 10,000 above it.
    static func freePort() throws -> Int {
        while true {
            let channel = try ServerBootstrap(group: loop).bind(host: "127.0.0.1", port: 0).wait()
            let port = channel.localAddress?.port ?? 0
            try channel.close().wait()
            if port < 55_000 { return port }
        }
    }

    private static func program(_ name: String) throws -> URL {
        let root =
            ProcessInfo.processInfo.environment["BACKFILL_SERVERS"]
            ?? URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
            .appending(path: ".servers").path
        return URL(filePath: root).appending(path: "\(name)/\(name.prefix { $0 != "-" })-server")
    }
}

/// The event loop of all tests here.
let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()

/// What `body` throws, as a connection error.
func connectionError(_ body: () async throws -> Void) async -> ConnectionError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? ConnectionError
    }
}
