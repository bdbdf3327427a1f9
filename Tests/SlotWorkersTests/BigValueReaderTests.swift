import Foundation
import NIOCore
import RESP
import TestServers
import Testing

@testable import RDBParser
@testable import SlotWorkers

/// Reading values of real servers in pages.
@Suite struct BigValueReaderTests {
    static let servers = ["redis-6.0.16", "redis-6.2.14", "redis-7.4.1", "redis-8.6.3", "valkey-9.1.2"]
    static let limits = [
        PageSize.Limits(), PageSize.Limits(bytes: 1, elements: 3), PageSize.Limits(bytes: 64 << 10, elements: 1),
    ]

    @Test(arguments: servers.dropFirst(), limits.indices)
    func `every key read in pages is what its dump holds`(name: String, limit: Int) async throws {
        let server = try await serverWithFixture(name)
        let client = try server.client()
        let keys = try Fixture.truth(GroundTruth.self, name, "all.json").keys
        var compared = Set<String>()
        for database in Set(keys.map(\.db)).sorted() {
            try client.require("SELECT", "\(database)")
            let (link, abilities) = try await pageLink(server, database: Int(database))
            let reader = BigValueReader(link: link, abilities: abilities, limits: Self.limits[limit])
            for key in keys where key.db == database {
                let key = [UInt8](key.keyB64)
                let text = String(decoding: key.prefix(40), as: UTF8.self)
                guard let dump = try client.command([Array("DUMP".utf8), key]).bytes,
                    let kind = try await reader.kind(of: key), kind != .module
                else { continue }
                let payload = try DumpPayload(dump.span.bytes)
                var expected = try Value(type: payload.type, value: payload.value, version: payload.version)
                let (reading, collector) = try #require(try await reader.collect(key), "\(text)")
                if name == "redis-6.2.14", limit > 0 { expected.takeTimes(near: collector.value) }
                #expect(collector.value == expected, "\(text)")
                #expect(collector.faults == [], "\(text)")
                #expect(!reading.lacksProducerIDs)
                let left = try client.command([Array("PTTL".utf8), key]).integer
                #expect(abs((left ?? 0) - (reading.expiry.map { $0 - reading.time } ?? -1)) < 1000, "\(text)")
                compared.insert(text)
            }
            link.close()
        }
        #expect(compared.count > 50)
    }

    @Test(arguments: servers)
    func `a changed value has another digest, an unchanged one the same`(name: String) async throws {
        let server = try await TestServer.start(name)
        let client = try server.client()
        try client.pipeline((0..<500).map { ["HSET", "h", "f\($0)", "v\($0)"] })
        try client.pipeline((0..<500).map { ["RPUSH", "l", "e\($0)"] })
        try client.pipeline((0..<500).map { ["SADD", "s", "m\($0)"] })
        try client.pipeline((0..<500).map { ["ZADD", "z", "\($0).5", "m\($0)"] })
        try client.pipeline((1...500).map { ["XADD", "x", "\($0)-1", "f", "v\($0)"] })
        try client.require("XGROUP", "CREATE", "x", "g", "0")
        try client.require("XREADGROUP", "GROUP", "g", "c", "COUNT", "20", "STREAMS", "x", ">")
        try client.require("SET", "t", String(repeating: "t", count: 300_000))
        let (link, abilities) = try await pageLink(server)
        let tiny = BigValueReader(link: link, abilities: abilities, limits: .init(bytes: 4096, elements: 7))
        let whole = BigValueReader(link: link, abilities: abilities)
        let changes: [(String, [String])] = [
            ("h", ["HSET", "h", "f77", "v78"]), ("l", ["LSET", "l", "77", "e78"]),
            ("s", ["SMOVE", "s", "other", "m3"]),
            ("z", ["ZADD", "z", "3.25", "m77"]), ("x", ["XDEL", "x", "7-1"]), ("x", ["XACK", "x", "g", "3-1"]),
            ("x", ["XGROUP", "SETID", "x", "g", "9-1"]), ("t", ["SETRANGE", "t", "299999", "u"]),
        ]
        for (key, change) in changes {
            let key = Array(key.utf8)
            let first = try #require(try await tiny.collect(key))
            let second = try #require(try await whole.collect(key))
            var value = first.1.value
            if name < "redis-7" { value.takeTimes(near: second.1.value) }
            #expect(value == second.1.value)
            if key != Array("t".utf8) { #expect(first.0.equals(second.0), "\(change)") }
            let before = try #require(try await tiny.collect(key)).0
            #expect(first.0.equals(before), "\(change)")
            try client.command(change)
            let after = try #require(try await tiny.collect(key)).0
            #expect(!after.equals(before), "\(change)")
        }
        link.close()
    }

    @Test(arguments: servers)
    func `what is pending in a stream comes whole, behind what one answer shows`(name: String) async throws {
        let server = try await TestServer.start(name)
        let client = try server.client()
        try client.pipeline((1...100).map { ["XADD", "x", "\($0)-0", "f", "v"] })
        for group in ["g", "h"] {
            try client.require("XGROUP", "CREATE", "x", group, "0")
            for consumer in ["b", "a", "b"] {
                try client.require("XREADGROUP", "GROUP", group, consumer, "COUNT", "20", "STREAMS", "x", ">")
                try await Task.sleep(for: .milliseconds(15))
            }
        }
        let payload = try #require(try client.require("DUMP", "x").bytes)
        let dump = try DumpPayload(payload.span.bytes)
        var expected = try Value(type: dump.type, value: dump.value, version: dump.version)
        let (link, abilities) = try await pageLink(server)
        for elements in [1, 7, 8192] {
            let reader = BigValueReader(link: link, abilities: abilities, limits: .init(elements: elements))
            let collected = try #require(try await reader.collect(Array("x".utf8))).1
            // Since 7.0 the server's clock stands still within a transaction.
            if name < "redis-7" { expected.takeTimes(near: collected.value) }
            #expect(collected.value == expected, "\(elements)")
        }
        link.close()
    }

    @Test func `what Redis 8-6 remembers of producers is reported, as it cannot be read`() async throws {
        let server = try await TestServer.start("redis-8.6.3")
        let client = try server.client()
        try client.require("XADD", "x", "IDMP", "p", "i", "*", "a", "b")
        let (link, abilities) = try await pageLink(server)
        let (reading, collector) = try #require(
            try await BigValueReader(link: link, abilities: abilities).collect(Array("x".utf8)))
        #expect(reading.lacksProducerIDs)
        guard case .stream(let stream) = collector.value else { return #expect(Bool(false)) }
        #expect(stream.idempotence == .init(duration: 100, maximum: 100, added: 1))
        link.close()
    }

    @Test(arguments: ["redis-7.4.1", "redis-8.6.3", "valkey-9.1.2"])
    func `fields that expire between two readings make no difference, others do`(name: String) async throws {
        let server = try await TestServer.start(name)
        let client = try server.client()
        try client.pipeline((0..<600).map { ["HSET", "h", "f\($0)", "v\($0)"] })
        let (link, abilities) = try await pageLink(server)
        let reader = BigValueReader(link: link, abilities: abilities, limits: .init(bytes: 4096))
        let key = Array("h".utf8)
        let now = try await reader.time()
        try client.require("HPEXPIREAT", "h", "\(now + 6000)", "FIELDS", "2", "f1", "f2")
        try client.require("HPEXPIREAT", "h", "\(now + 600_000)", "FIELDS", "2", "f3", "f4")
        let first = try #require(try await reader.collect(key, start: now))
        #expect(first.0.count == 600)
        try await server.wait(until: "without the fields") { _ in
            try client.require("HPEXPIRETIME", "h", "FIELDS", "2", "f1", "f2").elements == [.integer(-2), .integer(-2)]
        }
        let second = try #require(try await reader.collect(key, start: now))
        #expect(second.0.count == 598)
        #expect(second.0.equals(first.0))
        try client.require("HPEXPIREAT", "h", "\(now + 600_001)", "FIELDS", "1", "f3")
        #expect(try await reader.collect(key, start: now)?.0.equals(second.0) == false)
        link.close()
    }

    @Test(arguments: servers)
    func `a key that is gone, or of another type meanwhile, is no value`(name: String) async throws {
        let server = try await TestServer.start(name)
        let client = try server.client()
        let (link, abilities) = try await pageLink(server)
        let reader = BigValueReader(link: link, abilities: abilities, limits: .init(bytes: 1, elements: 1))
        for kind in [ValueKind.string, .list, .set, .sortedSet, .hash, .stream] {
            var collector = Collector()
            let reading = try await reader.read(Array("gone".utf8), kind: kind, start: 0, into: &collector) { _ in }
            #expect(reading == nil, "\(kind)")
        }
        try client.require("RPUSH", "l", "a", "b", "c", "d")
        var collector = Collector()
        let reading = try await reader.read(Array("l".utf8), kind: .list, start: 0, into: &collector) { _ in
            try client.require("DEL", "l")
        }
        #expect(reading == nil)
        try client.require("SET", "l", "string")
        await #expect(throws: BigValueError.changed) {
            _ = try await reader.read(Array("l".utf8), kind: .list, start: 0, into: &collector) { _ in }
        }
        link.close()
    }
}

extension Value {
    /// Takes delivery and seen times over that differ by at most half a second: from a server whose clock runs on meanwhile.
    mutating func takeTimes(near other: Value) {
        guard case .stream(var mine) = self, case .stream(let others) = other else { return }
        for (group, its) in zip(mine.groups.indices, others.groups) {
            for (index, entry) in zip(mine.groups[group].pending.indices, its.pending)
            where abs(mine.groups[group].pending[index].deliveryTime - entry.deliveryTime) <= 500 {
                mine.groups[group].pending[index].deliveryTime = entry.deliveryTime
            }
            for (index, consumer) in zip(mine.groups[group].consumers.indices, its.consumers)
            where abs(mine.groups[group].consumers[index].seenTime - consumer.seenTime) <= 500 {
                mine.groups[group].consumers[index].seenTime = consumer.seenTime
            }
        }
        self = .stream(mine)
    }
}
