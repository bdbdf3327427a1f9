import Foundation
import TestServers
import Testing

/// The JSON object of a run: every name that the documentation promises must be there.
struct Summary: Decodable, Sendable {
    struct Reason: Decodable, Sendable {
        let count: Int
        let examples: [String]
    }

    struct Functions: Decodable, Sendable {
        let read: Int
        let copied: Int
        let existing: Int
        let failed: Int
    }

    let result: String
    let exitCode: Int32
    let dryRun: Bool
    let read: Int
    let copied: Int
    let lossy: Int
    let existing: Int
    let filtered: Int
    let expired: Int
    let unsupported: Int
    let failed: Int
    let deleted: Int
    let bytes: Int
    let seconds: Double
    let throttledSeconds: Double
    let keysPerSecond: Double
    let functions: Functions
    let reasons: [String: Reason]
    let incomplete: [String]
    let warnings: [String]
    let error: String?

    enum CodingKeys: String, CodingKey {
        case result, read, copied, lossy, existing, filtered, expired, unsupported, failed, deleted, bytes, seconds
        case functions, reasons, incomplete, warnings, error
        case exitCode = "exit_code"
        case dryRun = "dry_run"
        case throttledSeconds = "throttled_seconds"
        case keysPerSecond = "keys_per_second"
    }

    /// Keys with an outcome: always as many as were read.
    var settled: Int { copied + existing + filtered + expired + unsupported + failed }
}

/// The JSON object of a run that ended before it read anything.
struct Failure: Decodable, Sendable {
    let result: String
    let exitCode: Int32
    let error: String

    enum CodingKeys: String, CodingKey {
        case result, error
        case exitCode = "exit_code"
    }
}

/// What a run with `--output json` left.
struct Outcome: Sendable, CustomStringConvertible {
    let exit: ProgramExit
    /// Standard error.
    let error: String
    let report: Result<Summary, RefusedRun>
    let description: String

    /// A run that was refused, with its JSON object.
    struct RefusedRun: Error, CustomStringConvertible {
        let failure: Failure
        let description: String
    }

    /// - Throws: `TestError` where standard output is not exactly one JSON object on one line, as it must always be.
    init(_ result: ProgramResult) throws {
        exit = result.exit
        error = result.errorText
        description = "\(result)"
        let text = result.outputText
        guard text.hasSuffix("\n"), !text.dropLast().contains("\n") else {
            throw TestError("standard output is not one line of JSON: \(result)")
        }
        let decoder = JSONDecoder()
        if let summary = try? decoder.decode(Summary.self, from: Data(result.output)) {
            #expect(summary.read == summary.settled, "read must be the sum of the others: \(result)")
            let explained = summary.reasons.values.reduce(0) { $0 + $1.count }
            let unwell = summary.failed + summary.unsupported + summary.lossy
            #expect(
                (unwell...unwell + summary.filtered).contains(explained), "each failed key needs a reason: \(result)")
            #expect(summary.reasons.values.allSatisfy { $0.examples.count == min(10, $0.count) }, "\(result)")
            #expect(result.exit == .code(summary.exitCode), "\(result)")
            report = .success(summary)
        } else {
            let failure = try decoder.decode(Failure.self, from: Data(result.output))
            #expect(result.exit == .code(failure.exitCode), "\(result)")
            #expect(result.errorText.contains(failure.error), "\(result)")
            report = .failure(RefusedRun(failure: failure, description: "\(result)"))
        }
    }

    /// The summary of a run that began.
    var summary: Summary {
        get throws { try report.get() }
    }
}

/// `backfill run`, with the result as JSON and without progress.
enum Run {
    static func arguments(_ from: String, _ to: String, _ more: [String]) -> [String] {
        ["run", "--from", from, "--to", to, "--output", "json", "--progress", "none"] + more
    }

    /// Runs to the end.
    static func run(
        from: String, to: String, _ arguments: [String] = [], environment: [String: String] = [:],
        input: [UInt8]? = nil, timeout: Duration = .seconds(60)
    ) async throws -> Outcome {
        try Outcome(
            try await Program.run(
                Program.backfill, Self.arguments(from, to, arguments), environment: environment, input: input,
                timeout: timeout))
    }

    /// Starts, and leaves it running.
    static func start(
        from: String, to: String, _ arguments: [String] = [], environment: [String: String] = [:]
    ) throws -> Program {
        try Program(Program.backfill, Self.arguments(from, to, arguments), environment: environment)
    }
}

extension Program {
    /// Waits for the end of a run that `Run.start` began.
    func outcome(timeout: Duration = .seconds(60)) async throws -> Outcome {
        try Outcome(try await wait(timeout: timeout))
    }
}
