import Foundation
import TestServers
import Testing

/// The JSON report of a verification: the names that the schema promises.
struct Verification: Decodable, Sendable {
    struct Example: Decodable, Sendable {
        let outcome: String
        let database: Int
        let keyHash: String
        let key: String?
        let differences: [Difference]

        enum CodingKeys: String, CodingKey {
            case outcome = "class"
            case database = "db"
            case keyHash = "key_hash"
            case key, differences
        }
    }

    struct Difference: Decodable, Sendable {
        let part: String
    }

    struct Side: Decodable, Sendable {
        let read: String
        let keys: Int
        let causedHits: Int
        let throttledSeconds: Double

        enum CodingKeys: String, CodingKey {
            case read, keys
            case causedHits = "caused_hits"
            case throttledSeconds = "throttled_seconds"
        }
    }

    struct Sample: Decodable, Sendable {
        let population: Int
        let size: Int
        let mismatches: Int
    }

    struct Coverage: Decodable, Hashable, Sendable {
        let differingBuckets: Int
        let reread: Int

        enum CodingKeys: String, CodingKey {
            case differingBuckets = "differing_buckets"
            case reread
        }
    }

    struct Group: Decodable, Hashable, Sendable {
        let name: String
        let counts: [String: Int]
    }

    struct Resumption: Decodable, Sendable {
        let times: Int
        let readAt: Int64
        let resumedAt: Int64
        let share: Double

        enum CodingKeys: String, CodingKey {
            case times
            case readAt = "first_read_ms"
            case resumedAt = "resumed_ms"
            case share = "share_before"
        }
    }

    let verdict: String
    let counts: [String: Int]
    let examples: [Example]
    let warnings: [String]
    let source: Side
    let target: Side
    let sample: Sample?
    let seed: String
    let coverage: Coverage
    let types: [Group]
    let slotRanges: [Group]
    let resumed: Resumption?

    enum CodingKeys: String, CodingKey {
        case verdict, counts, examples, warnings, source, target, sample, seed, coverage, types
        case slotRanges = "slot_ranges"
        case resumed
    }

    /// Each key that is no match, as `class key`.
    var found: Set<String> { Set(examples.map { "\($0.outcome) \($0.key ?? "?")" }) }

    /// Keys that differ for certain.
    var mismatches: Int { ["missing", "extra", "type", "value", "ttl"].reduce(0) { $0 + (counts[$1] ?? 0) } }
}

/// `backfill verify`, with the report as JSON.
enum Verify {
    static func program(from: String, to: String, _ more: [String]) throws -> Program {
        try Program(
            Program.backfill, ["verify", "--from", from, "--to", to, "--output", "json", "--progress", "none"] + more)
    }

    /// Runs to a verdict.
    static func run(
        from: String, to: String, _ more: [String] = [], timeout: Duration = .seconds(60)
    ) async throws -> Verification {
        let result = try await program(from: from, to: to, more).wait(timeout: timeout)
        let report = try JSONDecoder().decode(Verification.self, from: Data(result.output))
        let code: [String: Int32] = ["CONSISTENT": 0, "DIFFERENT": 1, "INCONCLUSIVE": 4]
        #expect(result.exit == .code(code[report.verdict] ?? -1), "\(result)")
        return report
    }

    /// Runs to a failure: there is no verdict then.
    static func fail(
        from: String, to: String, _ more: [String] = [], code: Int32, saying words: String...,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let result = try await program(from: from, to: to, more).wait(timeout: .seconds(60))
        #expect(result.exit == .code(code), "\(result)", sourceLocation: sourceLocation)
        #expect(!result.outputText.contains("CONSISTENT"), "\(result)", sourceLocation: sourceLocation)
        for word in words {
            #expect(result.errorText.contains(word), "'\(word)': \(result)", sourceLocation: sourceLocation)
        }
    }
}
