import Foundation
import TestServers
import Testing

/// Every source with every target, every way to read, every shape: all keys equal by the servers' own commands.
@Suite(.fewAtOnce) struct MatrixTests {
    @Test(arguments: ServersMatrix.pairs.map(Pair.init))
    func `a standalone server by PSYNC, SCAN and file`(pair: Pair) async throws {
        let source = try await TestServer.start(pair.source)
        let target = try await TestServer.start(pair.target)
        try await Filler.run(source, .demo, keys: 3000)
        try await Filler.run(source, .strings, keys: 300, database: 11)
        let keys = try source.keys() + 300
        let file = try source.save()
        for (from, more) in [(source.url, []), (source.url, ["--read", "scan"]), (file, [])] {
            try target.flush()
            if !pair.source.hasPrefix("redis-6") { try target.client().require("FUNCTION", "FLUSH") }
            let outcome = try await Run.run(from: from, to: target.url, more)
            try expectAllCopied(outcome, keys: keys)
            #expect(try outcome.summary.functions.copied == (pair.source.hasPrefix("redis-6") ? 0 : 1), "\(outcome)")
            try await expectEqual(source.port, target.port)
        }
    }

    @Test(arguments: [
        Pair("redis-6.2.14", "valkey-8.0.1"), Pair("redis-7.0.15", "valkey-9.1.2"),
        Pair("redis-7.4.1", "valkey-8.0.1"), Pair("redis-8.6.3", "valkey-9.1.2"),
    ])
    func `between standalone servers and clusters`(pair: Pair) async throws {
        async let startedSource = TestCluster.start(pair.source)
        async let startedTarget = TestCluster.start(pair.target)
        let (sourceCluster, targetCluster) = try await (startedSource, startedTarget)
        let source = try await TestServer.start(pair.source)
        let target = try await TestServer.start(pair.target)
        try await Filler.run(source, .demo, keys: 3000)
        try await Filler.run(port: sourceCluster.port, .demo, keys: 3000)
        let keys = try source.keys()
        #expect(try sourceCluster.keys() == keys)

        for read in ["snapshot", "scan"] {
            for (from, to) in [(source.port, targetCluster.port), (sourceCluster.port, targetCluster.port)] {
                try targetCluster.flush()
                let outcome = try await Run.run(
                    from: "redis://127.0.0.1:\(from)", to: targetCluster.url, ["--read", read])
                try expectAllCopied(outcome, keys: keys)
                try await expectEqual(from, to)
            }
            try target.flush()
            let outcome = try await Run.run(from: sourceCluster.url, to: target.url, ["--read", read])
            try expectAllCopied(outcome, keys: keys)
            try await expectEqual(sourceCluster.port, target.port)
        }
        try targetCluster.flush()
        // From the middle of the cluster, and with more workers than primaries.
        let outcome = try await Run.run(
            from: try source.save(), to: targetCluster.primaries[1].url, ["--workers", "5", "--batch-bytes", "4KiB"])
        try expectAllCopied(outcome, keys: keys)
        try await expectEqual(source.port, targetCluster.port)
    }

    @Test func `large values`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(source, .large, keys: 200)
        for read in ["snapshot", "scan"] {
            try target.flush()
            let outcome = try await Run.run(
                from: source.url, to: target.url, ["--read", read, "--in-flight-bytes", "1MiB"])
            try expectAllCopied(outcome, keys: 200)
            try await expectEqual(source.port, target.port)
        }
    }

    @Test func `an empty source`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        for arguments in [[], ["--read", "scan"]] {
            try expectAllCopied(try await Run.run(from: source.url, to: target.url, arguments), keys: 0)
        }
        try expectAllCopied(try await Run.run(from: try source.save(), to: target.url), keys: 0)
    }
}

/// A source and a target.
struct Pair: Sendable, CustomTestStringConvertible {
    let source: String
    let target: String

    init(_ source: String, _ target: String) {
        self.source = source
        self.target = target
    }

    init(_ pair: (source: String, target: String)) { self.init(pair.source, pair.target) }

    var testDescription: String { "\(source) → \(target)" }
}
