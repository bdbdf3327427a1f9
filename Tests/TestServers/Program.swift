import Foundation
import Synchronization

/// How a program ended.
package enum ProgramExit: Hashable, Sendable {
    case code(Int32)
    /// Ended by a signal that it did not handle.
    case signal(Int32)
}

/// What a program left when it ended.
package struct ProgramResult: Sendable, CustomStringConvertible {
    package let exit: ProgramExit
    package let output: [UInt8]
    package let error: [UInt8]

    package var outputText: String { String(decoding: output, as: UTF8.self) }
    package var errorText: String { String(decoding: error, as: UTF8.self) }
    package var description: String { "\(exit)\n\(outputText)\n\(errorText)" }
}

/// A program that runs beside the test: the built `backfill`, or any other.
package final class Program: Sendable {
    /// The built `backfill`: `BACKFILL_BINARY`, else the one beside the test bundle.
    package static let backfill: String = {
        if let given = ProcessInfo.processInfo.environment["BACKFILL_BINARY"] { return given }
        var path = [UInt8](repeating: 0, count: 4096)
        let length = path.withUnsafeMutableBytes { $0.baseAddress.map { readlink("/proc/self/exe", $0, 4096) } ?? 0 }
        let bundle = String(decoding: path.prefix(max(0, length)), as: UTF8.self)
        let beside = bundle.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/backfill"
        return FileManager.default.isExecutableFile(atPath: beside)
            ? beside : TestFolder.package + "/.build/debug/backfill"
    }()

    /// Runs a program to its end.
    /// - Parameters:
    ///   - environment: Added to the one of this process.
    ///   - input: Its standard input, through a pipe; nothing where `nil`.
    ///   - outputPath: Where its standard output goes instead of the result, such as `/dev/full`.
    ///   - timeout: When it is killed, and `TestError` thrown with what it printed; default one minute.
    package static func run(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], input: [UInt8]? = nil,
        outputPath: String? = nil, errorPath: String? = nil, timeout: Duration = .seconds(60)
    ) async throws -> ProgramResult {
        let program = try Program(
            executable, arguments, environment: environment, input: input, outputPath: outputPath,
            errorPath: errorPath)
        return try await program.wait(timeout: timeout)
    }

    /// Runs the built `backfill` to its end.
    package static func backfill(
        _ arguments: String..., environment: [String: String] = [:], input: [UInt8]? = nil,
        timeout: Duration = .seconds(60)
    ) async throws -> ProgramResult {
        try await run(backfill, arguments, environment: environment, input: input, timeout: timeout)
    }

    private let name: String
    private let folder: String
    private let outputPath: String
    private let errorPath: String
    private let child: ChildProcess

    /// Starts a program and returns at once. It is killed when this object goes.
    package init(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], input: [UInt8]? = nil,
        outputPath: String? = nil, errorPath: String? = nil
    ) throws {
        name = ([executable] + arguments).joined(separator: " ")
        folder = try TestFolder.make("program")
        self.outputPath = outputPath ?? folder + "/output"
        self.errorPath = errorPath ?? folder + "/error"
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND
        let output = open(self.outputPath, flags, 0o600)
        let error = open(self.errorPath, flags, 0o600)
        let pipe = try input.map { _ in try ChildProcess.pipe() }
        let reading = pipe?.reading ?? open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { for descriptor in [output, error, reading] { close(descriptor) } }
        child = try ChildProcess(
            executable, arguments, environment: environment, input: reading, output: output, error: error)
        if let input, let pipe { Self.feed(input, to: pipe.writing) }
    }

    deinit {
        child.kill()
        TestFolder.remove(folder)
    }

    package var pid: Int32 { child.pid }

    /// Whether it has not ended yet.
    package var isRunning: Bool { child.exit() == nil }

    /// What it has printed so far.
    package var output: [UInt8] { Self.read(outputPath) }
    package var error: [UInt8] { Self.read(errorPath) }

    /// Sends a signal, such as `SIGTERM`, `SIGSTOP` or `SIGKILL`. Does nothing when it has ended.
    package func send(signal: Int32) { child.send(signal) }

    /// Waits for the end. After `timeout` it is killed and `TestError` thrown, with what it printed.
    package func wait(timeout: Duration = .seconds(60)) async throws -> ProgramResult {
        guard let exit = try await child.wait(limit: timeout) else {
            child.kill()
            throw TestError(
                "still running after \(timeout): \(name)\n\(String(decoding: output, as: UTF8.self))\n"
                    + String(decoding: error, as: UTF8.self))
        }
        return ProgramResult(exit: exit, output: output, error: error)
    }

    /// Only regular files: `/dev/full` and the like have nothing to read back.
    private static func read(_ path: String) -> [UInt8] {
        path.hasPrefix("/dev/") ? [] : FileManager.default.contents(atPath: path).map { Array($0) } ?? []
    }

    private static func feed(_ input: [UInt8], to pipe: Int32) {
        Thread.detachNewThread {
            var sent = 0
            while sent < input.count {
                let count = input.withUnsafeBytes { write(pipe, $0.baseAddress! + sent, input.count - sent) }
                if count <= 0 { break }
                sent += count
            }
            close(pipe)
        }
    }
}
