import Foundation
import TestServers
import Testing

/// Expiries are absolute and exact, and what is known about use is carried where it means something.
@Suite(.fewAtOnce) struct ExpiryTests {
    private static let now = Int64(Date().timeIntervalSince1970 * 1000)
    private static let expiries: [(key: String, at: Int64)] = [
        ("soon", now + 100_001), ("day", now + 86_400_123), ("year", now + 31_536_000_999), ("far", 99_999_999_999_999),
    ]

    private func fill(_ source: TestServer) throws {
        try source.client().pipeline(
            Self.expiries.flatMap { key, at in
                [
                    ["SET", "string:\(key)", "1", "PXAT", String(at)], ["SET", "raw:\(key)", "text"],
                    ["PEXPIREAT", "raw:\(key)", String(at)], ["RPUSH", "list:\(key)", "1"],
                    ["PEXPIREAT", "list:\(key)", String(at)],
                    ["SET", "long:\(key)", String(repeating: "a", count: 5000)],
                    ["PEXPIREAT", "long:\(key)", String(at)], ["SET", "none:\(key)", "1"],
                ]
            })
    }

    @Test(arguments: ServersMatrix.sources, ["snapshot", "scan", "file"])
    func `expiries are equal to the millisecond`(name: String, read: String) async throws {
        let source = try await TestServer.start(name)
        try fill(source)
        let from = read == "file" ? try source.save() : source.url
        for version in ServersMatrix.targets {
            let target = try await TestServer.start(version)
            let outcome = try await Run.run(from: from, to: target.url, read == "scan" ? ["--read", "scan"] : [])
            try expectAllCopied(outcome, keys: 20)
            // Before 7.0 a server tells only what is left, so that what is scanned may be a few milliseconds off.
            let tolerance: Int64 = name.hasPrefix("redis-6") && read == "scan" ? 20 : 0
            for (key, at) in Self.expiries {
                for kind in ["string", "raw", "list", "long"] {
                    let found = try target.client().command(["PEXPIRETIME", "\(kind):\(key)"]).integer ?? 0
                    #expect(abs(found - at) <= tolerance, "\(kind):\(key) \(found) instead of \(at)")
                }
                #expect(try target.client().command(["PEXPIRETIME", "none:\(key)"]) == .integer(-1))
            }
            try await expectEqual(source.port, target.port)
        }
    }

    @Test(arguments: ["snapshot", "scan", "file"])
    func `keys that have expired are counted and not written`(read: String) async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        try source.client().require("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        let gone = (0..<50).flatMap { index in
            [
                ["SET", "gone:\(index)", "1", "PX", "1"], ["RPUSH", "gone list:\(index)", "1"],
                ["PEXPIRE", "gone list:\(index)", "1"],
            ]
        }
        let stays = (0..<10).map { ["SET", "stays:\($0)", "1", "EX", "5000"] }
        try source.client().pipeline(gone + stays + [["SET", "clock", "1", "PX", "5"]])
        // Only what is looked at is removed.
        try await source.wait(until: "past the expiries") { try $0.command(["EXISTS", "clock"]) == .integer(0) }
        #expect(try source.keys() == 110)
        let from = read == "file" ? try source.save() : source.url
        try target.client().require("SET", "gone:0", "of the target")
        let outcome = try await Run.run(from: from, to: target.url, read == "scan" ? ["--read", "scan"] : [])
        #expect(outcome.exit == .code(0), "\(outcome)")
        #expect(try outcome.summary.copied == 10, "\(outcome)")
        // SCAN itself removes what it comes across, where the server does so.
        #expect(try outcome.summary.expired == 100 || read == "scan", "\(outcome)")
        #expect(try target.keys() == 11)
        #expect(try target.client().command(["DBSIZE"]).integer == 11)
    }

    @Test func `keys that expire during a scan are counted, and live for ever nowhere`() async throws {
        let source = try await TestServer.start("redis-6.2.14")
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(source, .strings, keys: 20_000)
        // Expiries all along the time that the run takes.
        let count = 4000
        for start in stride(from: 0, to: count, by: 500) {
            try source.client().pipeline(
                (start..<(start + 500)).map { ["SET", "short:\($0)", "1", "PX", String(200 + $0 / 2)] })
        }
        let outcome = try await Run.run(from: source.url, to: target.url, ["--read", "scan"])
        #expect(outcome.exit == .code(0), "\(outcome)")
        let client = try target.client()
        for start in stride(from: 0, to: count, by: 500) {
            let left = try client.pipeline((start..<(start + 500)).map { ["PTTL", "short:\($0)"] })
            #expect(!left.contains(.integer(-1)), "a key lost its expiry")
        }
    }

    @Test(arguments: ["snapshot", "scan", "file"])
    func `idle times and frequencies go along where the policies are of one kind`(read: String) async throws {
        let how = read == "scan" ? ["--read", "scan"] : []
        for (sourcePolicy, targetPolicy, isCarried) in [
            ("allkeys-lru", "volatile-lru", true), ("allkeys-lfu", "allkeys-lfu", true),
            ("allkeys-lru", "allkeys-lfu", false), ("allkeys-lru", "noeviction", false),
        ] {
            let source = try await TestServer.start("redis-7.0.15", ServerOptions(["maxmemory-policy \(sourcePolicy)"]))
            let target = try await TestServer.start("valkey-8.0.1", ServerOptions(["maxmemory-policy \(targetPolicy)"]))
            let isFrequency = sourcePolicy.hasSuffix("lfu")
            for key in ["string", "list"] {
                let empty = try await TestServer.payload(key)
                let hint = isFrequency ? ["FREQ", "77"] : ["IDLETIME", "5000"]
                let restore = ["RESTORE", key, "0"].map { Array($0.utf8) } + [empty] + hint.map { Array($0.utf8) }
                #expect(try source.client().command(restore) == .ok)
            }
            let from = read == "file" ? try source.save() : source.url
            let outcome = try await Run.run(from: from, to: target.url, how)
            try expectAllCopied(outcome, keys: 2)
            for key in ["string", "list"] {
                let found = try target.client().command(["OBJECT", isFrequency ? "FREQ" : "IDLETIME", key]).integer
                if isCarried {
                    let value = try #require(found)
                    #expect(isFrequency ? (70...80).contains(value) : (5000...5100).contains(value), "\(value)")
                } else {
                    #expect(found ?? 0 < 100)
                }
            }
        }
    }
}

extension TestServer {
    /// A payload as `DUMP` gives it, of a short string or list.
    static func payload(_ kind: String) async throws -> [UInt8] {
        let server = try await TestServer.start("redis-7.0.15")
        let make = kind == "string" ? ["SET", "key", "text"] : ["RPUSH", "key", "a", "b"]
        let replies = try server.client().pipeline([make, ["DUMP", "key"]])
        return try #require(replies[1].bytes)
    }
}
