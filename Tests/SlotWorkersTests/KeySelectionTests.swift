import NIOCore
import NIOPosix
import RESP
import TestServers
import Testing

@testable import SlotWorkers

extension KeySelection {
    convenience init(_ keys: [String], database: Int = 0) {
        self.init(keys.map { (database, Array($0.utf8)) })
    }

    func contains(_ key: String, database: Int = 0) -> Bool {
        contains(Array(key.utf8).span.bytes, database: database)
    }
}

struct KeySelectionTests {
    @Test func `it holds what it was given, of that database, and nothing else`() {
        let keys = (0..<5000).map { (database: $0 % 3, key: Array("key:\($0)".utf8)) }
        let selection = KeySelection(keys + keys)
        #expect(selection.count == 5000)
        for number in 0..<5000 {
            for database in 0..<4 {
                #expect(selection.contains("key:\(number)", database: database) == (number % 3 == database))
            }
        }
        #expect(!selection.contains("key:5000", database: 5000 % 3))
        #expect(!selection.contains(""))
        #expect(KeySelection([""]).contains(""))
        #expect(!KeySelection([]).contains(""))
    }

    @Test func `keys come by database, then by slot`() {
        let selection = KeySelection((0..<1000).map { (database: $0 % 2, key: Array("key:\($0)".utf8)) })
        var order: [Int] = []
        for index in 0..<selection.count {
            selection.withKey(at: index) { key, database, slot in
                #expect(slot == HashSlot(key: key))
                order.append(database << 16 + Int(slot.rawValue))
            }
        }
        #expect(order == order.sorted() && order.count == 1000)
    }

    @Test func `a filter with a selection takes only those keys`() {
        var filter = KeyFilter()
        filter.only = KeySelection(["a", "b"])
        #expect(!filter.takesAll)
        #expect(filter.takes(database: 0, key: Array("a".utf8), rdbType: 0))
        #expect(!filter.takes(database: 1, key: Array("a".utf8), rdbType: 0))
        #expect(!filter.takes(database: 0, key: Array("c".utf8), rdbType: 0))
    }
}

/// A run over keys that are named.
struct NamedKeysTests {
    private static func configuration(from source: String, to target: String) throws -> RunConfiguration {
        RunConfiguration(
            source: source.contains("://") ? .server(try DeploymentURL(source)) : .file(source),
            target: try DeploymentURL(target),
            sourceSettings: ConnectionSettings(side: .source), targetSettings: ConnectionSettings(side: .target),
            sourceAddressMap: try AddressMap(parsing: []), targetAddressMap: try AddressMap(parsing: []))
    }

    private static func save(_ server: TestServer) throws -> String {
        try server.client().require("SAVE")
        return server.folder + "/dump.rdb"
    }

    @Test(arguments: ["scan", "snapshot", "file"], [true, false])
    func `only they are read, written and removed`(read: String, probes: Bool) async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        for database in [0, 9] {
            let keys = (0..<3000).map { ["SET", "key:\($0)", "new \(database)"] }
            try source.client().pipeline([["SELECT", "\(database)"]] + keys)
        }
        try target.client().pipeline([
            ["SET", "key:1", "old"], ["SET", "key:2", "old"], ["SET", "extra:1", "x"], ["SET", "extra:2", "x"],
            ["SELECT", "9"], ["SET", "extra:1", "x"],
        ])
        try target.client().require("CONFIG", "RESETSTAT")
        var configuration = try Self.configuration(
            from: read == "file" ? try Self.save(source) : source.url, to: target.url)
        configuration.read = read == "scan" ? .scan : .snapshot
        configuration.probesBigValues = probes
        configuration.copiesFunctions = false
        configuration.filter.only = KeySelection(
            [(0, Array("key:1".utf8)), (0, Array("extra:1".utf8)), (5, Array("key:3".utf8))]
                + (1000..<3000).map { (9, Array("key:\($0)".utf8)) })
        for deletesExtra in [false, true] {
            configuration.deletesExtra = deletesExtra
            let summary = try await BackfillRun(configuration, control: RunControl()).run()
            #expect(summary.isGreen, "\(summary)")
            #expect(summary.tally.copied == 2001, "\(summary)")
            #expect(summary.deleted == (deletesExtra ? 1 : 0), "\(summary)")
            if read == "scan" { #expect(summary.tally.read == 2001, "\(summary)") }
        }
        let client = try target.client()
        #expect(try client.command(["DBSIZE"]) == .integer(3))
        #expect(try client.command(["GET", "key:1"]).text == "new 0")
        #expect(try client.command(["GET", "key:2"]).text == "old")
        #expect(try client.command(["EXISTS", "extra:2"]) == .integer(1))
        // The target is not searched for what is extra; the other key that is asked for is in no database of either side.
        let calls = try client.info("commandstats").filter { ["cmdstat_unlink", "cmdstat_scan"].contains($0.key) }
        #expect(calls.count == 1 && calls["cmdstat_unlink"]?.hasPrefix("calls=2,") == true, "\(calls)")
        #expect(try client.pipeline([["SELECT", "9"], ["DBSIZE"]])[1] == .integer(2001))
    }
}
