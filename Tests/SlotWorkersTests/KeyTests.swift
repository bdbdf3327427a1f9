import RESP
import Testing

@testable import SlotWorkers

struct KeyFilterTests {
    private static func takes(
        _ key: String, database: Int = 0, type: UInt8 = 0, _ change: (inout KeyFilter) throws -> Void
    ) rethrows -> Bool {
        var filter = KeyFilter()
        try change(&filter)
        return filter.takes(database: database, key: Array(key.utf8), rdbType: type)
    }

    @Test func `without conditions every key passes, and nothing needs to be asked`() {
        #expect(KeyFilter().takesAll)
        #expect(Self.takes("", database: 99, type: 255) { _ in })
    }

    @Test func `each condition alone asks for a look at the key`() throws {
        var filters = [KeyFilter](repeating: KeyFilter(), count: 5)
        filters[0].include = [try GlobPattern(parsing: "a")]
        filters[1].exclude = [try GlobPattern(parsing: "a")]
        filters[2].types = [.hash]
        filters[3].databases = [0]
        filters[4].slots = .all
        for filter in filters { #expect(!filter.takesAll) }
    }

    @Test func `a key needs one of the included patterns and none of the excluded`() throws {
        let both: (inout KeyFilter) throws -> Void = {
            $0.include = [try GlobPattern(parsing: "user:*"), try GlobPattern(parsing: "order:*")]
            $0.exclude = [try GlobPattern(parsing: "*:tmp"), try GlobPattern(parsing: "order:9")]
        }
        #expect(try Self.takes("user:1", both))
        #expect(try Self.takes("order:1", both))
        #expect(try !Self.takes("order:9", both))
        #expect(try !Self.takes("user:tmp", both))
        #expect(try !Self.takes("cart:1", both))
        #expect(try Self.takes("cart:1") { $0.exclude = [try GlobPattern(parsing: "user:*")] })
    }

    @Test func `database, type and slot are each a condition`() throws {
        #expect(Self.takes("a", database: 3) { $0.databases = [1, 3] })
        #expect(!Self.takes("a", database: 2) { $0.databases = [1, 3] })
        #expect(Self.takes("a", type: 16) { $0.types = [.hash, .set] })
        #expect(!Self.takes("a", type: 15) { $0.types = [.hash, .set] })
        // A type that nobody knows is none of those asked for.
        #expect(!Self.takes("a", type: 99) { $0.types = Set(KeyType.allCases) })
        // The slot of "foo" is 12182, and of anything with that tag.
        for key in ["foo", "x{foo}y"] {
            #expect(try Self.takes(key) { $0.slots = try SlotSet(parsing: "12182") })
            #expect(try !Self.takes(key) { $0.slots = try SlotSet(parsing: "0-12181,12183-16383") })
        }
        #expect(!Self.takes("foo") { $0.slots = SlotSet() })
    }

    @Test(
        arguments: [
            (0, KeyType.string), (1, .list), (10, .list), (14, .list), (18, .list), (2, .set), (11, .set), (20, .set),
            (3, .zset), (5, .zset), (12, .zset), (17, .zset), (4, .hash), (9, .hash), (13, .hash), (16, .hash),
            (22, .hash),
            (24, .hash), (25, .hash), (15, .stream), (19, .stream), (21, .stream), (26, .stream), (6, .module),
            (7, .module),
        ] as [(UInt8, KeyType)])
    func `an RDB type byte is what TYPE calls it`(byte: UInt8, type: KeyType) {
        #expect(KeyType(rdbType: byte) == type)
    }

    @Test(arguments: [8, 27, 100, 243, 255] as [UInt8])
    func `other type bytes are none`(byte: UInt8) {
        #expect(KeyType(rdbType: byte) == nil)
    }
}

struct TemporaryKeyTests {
    private static let hex = "0123456789abcdef0123456789abcdef"

    @Test(arguments: [0, 1, 5460, 8191, 12182, 16383])
    func `a name lies in the slot that was asked for, and has our shape`(number: Int) throws {
        let slot = try #require(HashSlot(number))
        let key = TemporaryKey()
        let name = key.name(in: slot, purpose: ":equal")
        #expect(HashSlot(key: name) == slot)
        #expect(TemporaryKey.isOurs(name))
        let text = String(decoding: name, as: UTF8.self)
        #expect(text.hasPrefix("backfill:~\(key.run):{"))
        #expect(text.hasSuffix("}:equal"))
        #expect(key.name(in: slot, purpose: ":other") != name)
        #expect(key.name(in: slot, purpose: ":equal") == name)
    }

    @Test func `each run has 32 hexadecimal digits of its own`() {
        let runs = (0..<1000).map { _ in TemporaryKey().run }
        #expect(Set(runs).count == runs.count)
        for run in runs { #expect(run.utf8.count == 32 && run.allSatisfy { "0123456789abcdef".contains($0) }) }
    }

    @Test(arguments: [
        "backfill:~\(hex):{1}", "backfill:~\(hex):x", "backfill:~\(hex)::",
    ])
    func `a key of the exact shape is ours`(name: String) {
        #expect(TemporaryKey.isOurs(Array(name.utf8)))
    }

    @Test(arguments: [
        "", "backfill:", "backfill:~", "backfill:~\(hex)", "backfill:~\(hex)x{1}", "backfill:~\(hex.dropLast()):{1}",
        "backfill:~\(hex)0:{1}", "backfill:~\(hex.uppercased()):{1}", "backfill:~\(hex.dropLast())g:{1}",
        "Backfill:~\(hex):{1}", "backfill:-\(hex):{1}", " backfill:~\(hex):{1}", "backfill:settings",
        "backfill:~user:1",
    ])
    func `anything else is the user's`(name: String) {
        #expect(!TemporaryKey.isOurs(Array(name.utf8)))
    }
}
