import Foundation
import TestServers
import Testing

/// Every type and encoding of every version onto every version: read back by native commands, and compared with what the
/// server said that wrote the file.
@Suite(.fewAtOnce) struct FormatPairsTests {
    static let targets = [
        "redis-6.0.16", "redis-6.2.14", "redis-7.0.15", "redis-7.4.1", "redis-8.6.3", "valkey-8.0.1", "valkey-9.1.2",
    ]
    static let pairs = FixtureFile.servers.flatMap { source in targets.map { Pair(source, $0) } }
    static let livePairs = FixtureFile.servers.flatMap { source in
        ["redis-7.0.15", "valkey-8.0.1", "valkey-9.1.2"].map { Pair(source, $0) }
    }

    @Test(arguments: pairs)
    func `a file's values arrive as the table of formats says`(pair: Pair) async throws {
        let target = try await TestServer.start(pair.target)
        let file = try FixtureFile.all(of: pair.source)
        for policy in ["convert", "error"] {
            try target.empty()
            let outcome = try await Run.run(from: file.path, to: target.url, ["--on-lossy", policy])
            try expectCounts(outcome, of: file, on: pair.target, convertsLossy: policy == "convert")
            try expectArrived(file, on: target, convertsLossy: policy == "convert")
        }
    }

    @Test(arguments: pairs)
    func `what is small, uncompressed, expired or has an eviction hint arrives too`(pair: Pair) async throws {
        let target = try await TestServer.start(
            pair.target, ServerOptions(["maxmemory-policy allkeys-lru", "lfu-decay-time 0"]))
        for name in ["nocompress", "expired", "empty", "lru", "lfu"] {
            if name == "lfu" { try target.client().require("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu") }
            try target.empty()
            let file = try FixtureFile(pair.source, name)
            let outcome = try await Run.run(from: file.path, to: target.url)
            try expectCounts(outcome, of: file, on: pair.target, convertsLossy: false)
            try expectArrived(file, on: target, convertsLossy: false)
        }
    }

    @Test(arguments: livePairs)
    func `a live server's values arrive by PSYNC and by SCAN`(pair: Pair) async throws {
        let file = try FixtureFile.all(of: pair.source)
        let folder = try TestFolder.make("loaded")
        try FileManager.default.copyItem(atPath: file.path, toPath: folder + "/all.rdb")
        let source = try await TestServer.start(
            pair.source, ServerOptions(["dir \(folder)", "dbfilename all.rdb"]))
        let target = try await TestServer.start(pair.target)
        for read in ["snapshot", "scan"] {
            try target.empty()
            let outcome = try await Run.run(
                from: source.url, to: target.url, ["--read", read, "--on-lossy", "convert"])
            try expectCounts(outcome, of: file, on: pair.target, convertsLossy: true)
            // Before 7.0 SCAN reads PTTL, some milliseconds after the one TIME of its transaction.
            let isEarly = read == "scan" && ServerFormat(pair.source).version < 10
            try expectArrived(file, on: target, convertsLossy: true, mostEarly: isEarly ? 100 : 0)
        }
    }

    /// Expects the summary that the ground truth and the table of formats ask for.
    private func expectCounts(
        _ outcome: Outcome, of file: FixtureFile, on target: String, convertsLossy: Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let format = ServerFormat(target)
        let summary = try outcome.summary
        let live = file.keys.filter { !$0.hasExpired }
        let fates = live.map { format.fate(of: $0.value) }
        let lossy = fates.count { $0 == .lossy }
        let unsupported = fates.count { $0 == .unsupported } + (convertsLossy ? 0 : lossy)
        let refusedFunctions = format.knowsFunctions ? 0 : file.functions.count
        let isGreen = unsupported == 0 && refusedFunctions == 0
        for (name, found, expected) in [
            ("read", summary.read, file.keys.count), ("copied", summary.copied, live.count - unsupported),
            ("lossy", summary.lossy, convertsLossy ? lossy : 0), ("unsupported", summary.unsupported, unsupported),
            ("expired", summary.expired, file.keys.count - live.count), ("failed", summary.failed, 0),
            ("existing", summary.existing, 0), ("filtered", summary.filtered, 0),
            ("functions.copied", summary.functions.copied, file.functions.count - refusedFunctions),
            ("functions.failed", summary.functions.failed, refusedFunctions),
            ("exit code", Int(summary.exitCode), isGreen ? 0 : 1),
        ] {
            #expect(
                found == expected, "\(name) of \(file.path) on \(target): \(outcome)", sourceLocation: sourceLocation)
        }
        #expect(summary.result == (isGreen ? "done" : "incomplete"), "\(outcome)", sourceLocation: sourceLocation)
    }

    /// Expects of the target exactly the keys, values, expiries and hints of a file that it can hold.
    /// - Parameter mostEarly: Milliseconds that an expiry may lie before the right one.
    private func expectArrived(
        _ file: FixtureFile, on target: TestServer, convertsLossy: Bool, mostEarly: Int64 = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let format = ServerFormat(target.name)
        let source = ServerFormat(file.server)
        let reader = try NativeReader(target)
        var found = try reader.everything()
        for key in file.keys {
            let title = "\(file.path) on \(target.name): \(key.title)"
            let fate = format.fate(of: key.value)
            let arrived = found.removeValue(forKey: NativeReader.Key(database: key.database, name: key.name))
            guard !key.hasExpired, fate == .exact || fate == .lossy && convertsLossy else {
                #expect(arrived == nil, "\(title) should not be there", sourceLocation: sourceLocation)
                continue
            }
            guard let arrived else {
                Issue.record("\(title) is missing", sourceLocation: sourceLocation)
                continue
            }
            let expected = format.visible(key.value, from: source)
            let value = format.comparable(arrived.value, from: source)
            #expect(
                value == expected, "\(title): \(difference(expected, value))", sourceLocation: sourceLocation)
            let expiryIsRight =
                if let expiry = key.expiry, let found = arrived.expiry {
                    (found.lowerBound...found.upperBound + mostEarly).contains(expiry)
                } else { key.expiry == nil && arrived.expiry == nil }
            #expect(
                expiryIsRight, "\(title): expiry \(key.expiry as Int64?), found \(arrived.expiry as Any)",
                sourceLocation: sourceLocation)
            if let idle = key.idleSeconds {
                let found = arrived.idleSeconds ?? -1
                #expect((idle...idle + 20).contains(found), "\(title): idle", sourceLocation: sourceLocation)
            }
            if let frequency = key.frequency {
                #expect(arrived.frequency == frequency, "\(title): frequency", sourceLocation: sourceLocation)
            }
        }
        #expect(found.isEmpty, "\(file.path) on \(target.name): \(found.keys)", sourceLocation: sourceLocation)
        if format.knowsFunctions {
            #expect(try reader.functions() == file.functions, "\(file.path)", sourceLocation: sourceLocation)
        }
    }

    /// Two values from shortly before the place where they begin to differ.
    private func difference(_ expected: NativeValue, _ found: NativeValue) -> String {
        let (expected, found) = ("\(expected)", "\(found)")
        let same = zip(expected, found).prefix { $0 == $1 }.count
        let from = max(0, same - 40)
        return "expected …\(expected.dropFirst(from).prefix(200)), found …\(found.dropFirst(from).prefix(200))"
    }
}

extension FixtureFile.Key {
    /// All expiries in the fixtures lie either in 2026 or in 2100.
    fileprivate var hasExpired: Bool { expiry.map { Double($0) / 1000 < Date().timeIntervalSince1970 } ?? false }
}

extension TestServer {
    /// Removes keys and functions.
    fileprivate func empty() throws {
        try flush()
        if ServerFormat(name).knowsFunctions { try client().require("FUNCTION", "FLUSH") }
    }
}
