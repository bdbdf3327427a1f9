import Testing

@testable import RDBParser
@testable import Verifier

/// A change that a client could see, and which digest must show it.
struct Change: Sendable, CustomTestStringConvertible {
    enum Part { case value, fieldExpiries, history, idempotence, nothing }

    let name: String
    let part: Part
    let before: Value
    let after: Value
    var testDescription: String { name }

    static let all: [Change] = lists + collections + streams

    static let lists = [
        Change("one byte of a string", .value, .string(text("value")), .string(text("valuf"))),
        Change("the kind", .value, .list([text("a")]), .set([text("a")])),
        Change("order of a list", .value, .list([text("a"), text("b")]), .list([text("b"), text("a")])),
        Change("where elements end", .value, .list([text("ab"), text("c")]), .list([text("a"), text("bc")])),
        Change("an empty element", .value, .list([text("a")]), .list([text("a"), []])),
    ]

    static let collections = [
        Change("a member", .value, .set([text("a"), text("b")]), .set([text("a"), text("c")])),
        Change("one bit of a score", .value, scored(1), scored(1.0.nextUp)),
        Change("zero and minus zero", .value, scored(0), scored(-0.0)),
        Change(
            "scores that changed places", .value,
            .sortedSet([.init(member: text("a"), score: 1), .init(member: text("b"), score: 2)]),
            .sortedSet([.init(member: text("a"), score: 2), .init(member: text("b"), score: 1)])),
        Change(
            "values that changed places", .value,
            .hash([.init(field: text("a"), value: text("1")), .init(field: text("b"), value: text("2"))]),
            .hash([.init(field: text("a"), value: text("2")), .init(field: text("b"), value: text("1"))])),
        Change("where a field ends", .value, hash("ab", "c", nil), hash("a", "bc", nil)),
        Change(
            "a field's expiry", .fieldExpiries, hash("a", "b", 4_102_444_800_000), hash("a", "b", 4_102_444_800_001)),
        Change("a lost field expiry", .fieldExpiries, hash("a", "b", 4_102_444_800_000), hash("a", "b", nil)),
        Change(
            "expiries that changed places", .fieldExpiries,
            .hash([
                .init(field: text("a"), value: [], expiry: 4_102_444_800_000), .init(field: text("b"), value: []),
            ]),
            .hash([
                .init(field: text("a"), value: []), .init(field: text("b"), value: [], expiry: 4_102_444_800_000),
            ])),
    ]

    static let streams = [
        Change("an entry's ID", .value) { $0.entries[0].id.sequence += 1 },
        Change("an entry's value", .value) { $0.entries[0].fields[1] = text("x") },
        Change("a stream's last ID", .value) { $0.metadata.lastID.sequence += 1 },
        Change("a group's last ID", .value) { $0.groups[0].lastID.sequence += 1 },
        Change("a delivery time", .value) { $0.groups[0].pending[0].deliveryTime += 1 },
        Change("a delivery count", .value) { $0.groups[0].pending[0].deliveryCount += 1 },
        Change("the owner of a pending entry", .value) {
            $0.groups[0].consumers[1].owned = $0.groups[0].consumers[0].owned
            $0.groups[0].consumers[0].owned = []
        },
        Change("a lost pending entry", .value) {
            $0.groups[0].pending = []
            $0.groups[0].consumers[0].owned = []
        },
        Change("a consumer's name", .value) { $0.groups[0].consumers[0].name = text("e") },
        Change("a lost consumer", .value) { $0.groups[0].consumers.removeLast() },
        Change("a consumer's seen time", .nothing) { $0.groups[0].consumers[0].seenTime += 1 },
        Change("a consumer's active time", .nothing) { $0.groups[0].consumers[0].activeTime = 7 },
        Change("entries ever added", .history) { $0.metadata.history?.entriesAdded += 1 },
        Change("the greatest deleted ID", .history) { $0.metadata.history?.greatestDeletedID = StreamID(0, 9) },
        Change("what a group has read", .history) { $0.groups[0].entriesRead = 2 },
        Change("a group that no longer knows what it has read", .history) { $0.groups[0].entriesRead = nil },
        Change("idempotence by default", .nothing) { $0.idempotence = .init(duration: 100, maximum: 100) },
        Change("a producer's setting", .idempotence) { $0.idempotence = .init(duration: 101, maximum: 100) },
        Change("a producer", .idempotence) {
            $0.idempotence = .init(duration: 100, maximum: 100)
            $0.idempotence?.producers = [.init(name: text("p"), ids: [.init(id: text("i"), entry: StreamID(1, 1))])]
        },
    ]

    init(_ name: String, _ part: Part, _ before: Value, _ after: Value) {
        (self.name, self.part, self.before, self.after) = (name, part, before, after)
    }

    init(_ name: String, _ part: Part, change: (inout StreamValue) -> Void) {
        var stream = StreamValue()
        var entry = StreamValue.Entry(id: StreamID(1, 1))
        entry.fields = [text("a"), text("b")]
        stream.entries = [entry]
        stream.metadata = StreamMetadata(
            length: 1, lastID: StreamID(1, 5),
            history: .init(firstID: StreamID(1, 1), greatestDeletedID: StreamID(0, 0), entriesAdded: 3))
        var group = StreamValue.Group(name: text("g"), lastID: StreamID(1, 1), entriesRead: 1)
        group.pending = [.init(id: StreamID(1, 1), deliveryTime: 5, deliveryCount: 1)]
        group.consumers = [
            .init(name: text("c"), seenTime: 1, activeTime: 1, owned: [StreamID(1, 1)]),
            .init(name: text("d"), seenTime: 1, activeTime: 1),
        ]
        stream.groups = [group]
        var changed = stream
        change(&changed)
        self.init(name, part, .stream(stream), .stream(changed))
    }

    private static func scored(_ score: Double) -> Value { .sortedSet([.init(member: text("m"), score: score)]) }
    private static func hash(_ field: String, _ value: String, _ expiry: Int64?) -> Value {
        .hash([.init(field: text(field), value: text(value), expiry: expiry)])
    }
}

func text(_ string: String) -> [UInt8] { Array(string.utf8) }

func encoded(_ value: Value, as number: Int = 13) -> (type: UInt8, bytes: [UInt8]) {
    var bytes: [UInt8] = []
    let type = value.encode(for: TargetFormat(version: version(number))!, into: &bytes).type
    return (type, bytes)
}

func digest(_ value: Value, _ scope: ComparisonScope = scope(13, 13), as number: Int = 13) throws -> ValueDigest {
    let (type, bytes) = encoded(value, as: number)
    let digester = try KeyDigester(seed: seed, scope: scope)
    return try digester.value(
        type: type, value: bytes.span.bytes, version: version(number))
}

func sum(
    _ value: Value, _ scope: ComparisonScope, as number: Int = 13, expiry: Int64? = nil
) throws -> RecordDigest {
    let (type, bytes) = encoded(value, as: number)
    let key = text("key")
    let digester = try KeyDigester(seed: seed, scope: scope)
    return try digester.record(
        database: 0, key: key.span.bytes, expiry: expiry, type: type, value: bytes.span.bytes,
        version: version(number))
}

struct ValueChangeTests {
    @Test(arguments: Change.all)
    func `a change shows in the digest of its part, and in no other`(change: Change) throws {
        let (before, after) = (try digest(change.before), try digest(change.after))
        #expect((before.value != after.value) == (change.part == .value))
        #expect((before.fieldExpiries != after.fieldExpiries) == (change.part == .fieldExpiries))
        #expect((before.streamHistory != after.streamHistory) == (change.part == .history))
        #expect((before.idempotence != after.idempotence) == (change.part == .idempotence))
        let sums = (try sum(change.before, scope(13, 13)), try sum(change.after, scope(13, 13)))
        #expect((sums.0.digest != sums.1.digest) == (change.part != .nothing))
    }

    @Test func `what a conversion drops is out of the sums, and said`() throws {
        let field = HashField(field: text("a"), value: text("b"), expiry: 4_102_444_800_000)
        let toOlder = scope(13, 11)
        let before = try sum(.hash([field]), toOlder)
        let after = try sum(.hash([HashField(field: text("a"), value: text("b"))]), toOlder, as: 11)
        #expect(before.digest == after.digest)
        #expect(before.isConverted && !after.isConverted)
        #expect(try sum(.hash([field]), scope(13, 80)).isConverted == false)
    }

    @Test func `what an older side does not have is not compared`() throws {
        let value = Change("", .value) { _ in }.before
        #expect(try digest(value, as: 9).streamHistory == nil)
        #expect(try digest(value, as: 9).value == digest(value).value)
        #expect(try sum(value, scope(9, 13), as: 9).digest == sum(value, scope(9, 13)).digest)
        #expect(try sum(value, scope(10, 13), as: 9).digest != sum(value, scope(10, 13)).digest)
    }

    @Test func `what expires before the horizon is left out`() throws {
        var scope = scope(13, 80)
        scope.horizon = 1_000
        let living = HashField(field: text("a"), value: text("b"), expiry: 1_001)
        let dying = HashField(field: text("c"), value: text("d"), expiry: 1_000)
        #expect(try sum(.hash([living, dying]), scope).digest == sum(.hash([living]), scope).digest)
        #expect(try sum(.hash([living, dying]), scope).inclusion == .included)
        #expect(try sum(.hash([dying]), scope).inclusion == .expiring)
        #expect(try sum(.string([1]), scope, expiry: 1_000).inclusion == .expiring)
        #expect(try sum(.string([1]), scope, expiry: 1_001).inclusion == .included)
    }

    @Test func `a module's value counts only where both sides run the same version of it`() throws {
        let record = try #require(try Fixture.records("redis-8.6.3").first { $0.type == 7 })
        var scope = scope(13, 13)
        #expect(try record.sum(KeyDigester(seed: seed, scope: scope)).inclusion == .unsupported)
        let module = try #require(try record.digest(KeyDigester(seed: seed, scope: scope)).module)
        scope.moduleTypes = [module.name]
        let digester = try KeyDigester(seed: seed, scope: scope)
        let sum = try record.sum(digester)
        #expect(sum.inclusion == .included)
        var changed = record
        changed.value[changed.value.count - 2] ^= 1
        #expect((try? changed.sum(digester).digest) != sum.digest)
    }
}
