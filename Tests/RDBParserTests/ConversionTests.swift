import Foundation
import Testing

@testable import RDBParser

let targets = [9, 10, 11, 12, 13].map { RDBVersion(family: .redis, number: $0) } + [RDBVersion(footer: 80)]

@Suite struct `Conversion to a target's version` {
    private let redis = RDBVersion(family: .redis, number: 12)
    private let valkey = RDBVersion(family: .valkey, number: 80)

    private func convert(
        _ type: UInt8, _ value: [UInt8], _ source: RDBVersion, to target: RDBVersion, modules: Set<String> = [],
        now: Int64 = 1_000
    ) throws -> (outcome: Conversion.Outcome, value: [UInt8]) {
        let target = try #require(TargetFormat(version: target, modules: modules))
        var output: [UInt8] = [1, 2, 3]
        let outcome = try Conversion.convert(
            type: type, value: value.span.bytes, from: source, to: target, now: now, into: &output)
        #expect(output.starts(with: [1, 2, 3]))
        return (outcome, [UInt8](output[3...]))
    }

    /// The value without what is not counted as lost, or what was said to be lost.
    private func comparable(_ value: Value, losing: Conversion.Loss?, target: RDBVersion) -> Value {
        switch value {
        case .hash(let fields) where losing == .fieldExpiries:
            return .hash(fields.map { HashField(field: $0.field, value: $0.value) })
        case .stream(var stream):
            stream.idempotence = nil
            if target.number < 10 { stream.metadata.history = nil }
            for group in stream.groups.indices {
                if target.number < 10 { stream.groups[group].entriesRead = nil }
                for consumer in stream.groups[group].consumers.indices where target.number < 11 {
                    stream.groups[group].consumers[consumer].activeTime = nil
                }
            }
            return .stream(stream)
        default:
            return value
        }
    }

    @Test(arguments: servers, targets)
    func `keeps every value of every server`(server: String, target: RDBVersion) throws {
        let (source, records) = try fixtureRecords(server, "all")
        var converted = 0
        for record in records {
            let before = try Value(type: record.type, value: record.value.span.bytes, version: source)
            let (outcome, bytes) = try convert(record.type, record.value, source, to: target)
            switch outcome {
            case .unchanged: #expect(bytes.isEmpty)
            case .converted(let type, let losing):
                converted += 1
                let after = try Value(type: type, value: bytes.span.bytes, version: target)
                #expect(
                    comparable(after, losing: losing, target: target)
                        == comparable(before, losing: losing, target: target))
            case .expired: Issue.record("nothing has expired")
            case .impossible(let reason):
                #expect(record.type == 7 && reason == .missingModule(name: "vectorset", type: "vectorset"))
            }
        }
        #expect(converted > 0 || source.number <= target.number)
    }

    @Test(arguments: servers)
    func `a payload that is built is the one that the server gives`(server: String) throws {
        let dumps = try Fixture.truth(Dumps.self, server, "all.dumps.json")
        for payload in dumps.dumps.map({ [UInt8]($0.dumpB64) }) + (dumps.functionDumpB64.map { [[UInt8]($0)] } ?? []) {
            let read = try DumpPayload(payload.span.bytes)
            var built: [UInt8] = [7]
            DumpPayload.append(type: read.type, value: read.value, version: read.version, to: &built)
            #expect(built == [7] + payload)
        }
    }

    @Test func `functions are put together as FUNCTION DUMP does`() throws {
        let payload = DumpPayload.functions([text("a"), text("bc")], version: redis)
        let read = try DumpPayload(payload.span.bytes)
        #expect(read.type == 245 && read.version == redis)
        #expect(array(read.value) == [1, 0x61, 245, 2, 0x62, 0x63])
    }

    @Test func `field expiries go both ways between Valkey 9 and Redis 7.4`() throws {
        let value = Value.hash([
            HashField(field: text("a"), value: text("x")), HashField(field: text("b"), value: text("y"), expiry: 9_000),
            HashField(field: text("c"), value: text("z"), expiry: 5_000),
        ])
        let ours = hex("03 01 61 01 78 ff*8 01 62 01 79 28 23 00*6 01 63 01 7a 88 13 00*6")
        let there = try convert(22, ours, valkey, to: redis)
        #expect(there.outcome == .converted(type: 24, losing: nil))
        #expect(try Value(type: 24, value: there.value.span.bytes, version: redis) == value)
        #expect(there.value.starts(with: hex("88 13 00*6")))
        let back = try convert(24, there.value, redis, to: valkey)
        #expect(back.outcome == .converted(type: 22, losing: nil))
        #expect(try Value(type: 22, value: back.value.span.bytes, version: valkey) == value)
    }

    @Test func `what has expired is left out, and a hash that has nothing else is expired`() throws {
        let one = hex("02 01 61 01 78 e7 03 00*6 01 62 01 79 e8 03 00*6")
        let kept = try convert(22, one, valkey, to: redis, now: 1_000)
        #expect(
            try Value(type: 24, value: kept.value.span.bytes, version: redis)
                == .hash([HashField(field: text("b"), value: text("y"), expiry: 1_000)]))
        for target in targets {
            let all = try convert(22, one, valkey, to: target, now: 1_001)
            #expect(all.outcome == .expired && all.value.isEmpty)
        }
        #expect(try convert(22, one, valkey, to: valkey, now: 1_000).outcome == .unchanged)
    }

    @Test func `only values that hold it lose it`() throws {
        let seven = RDBVersion(family: .redis, number: 11)
        let without = hex("01 01 61 01 78 ff*8")
        #expect(try convert(22, without, valkey, to: seven).outcome == .converted(type: 4, losing: nil))
        let with = hex("01 01 61 01 78 e8 03 00*6")
        #expect(try convert(22, with, valkey, to: seven).outcome == .converted(type: 4, losing: .fieldExpiries))
        let newest = RDBVersion(family: .redis, number: 13)
        let stream = hex("00 00 05 01 00 00 00 00 01 00")
        let plain = try convert(26, stream + hex("40 64 40 64 00 00 00"), newest, to: valkey)
        #expect(plain.outcome == .converted(type: 21, losing: nil) && plain.value == stream)
        for trailer in ["40 65 40 64 00 00 00", "40 64 05 00 00 00", "40 64 40 64 00 01 00", "40 64 40 64 00 00 01"] {
            let lossy = try convert(26, stream + hex(trailer), newest, to: valkey)
            #expect(lossy.outcome == .converted(type: 21, losing: .idempotence) && lossy.value == stream)
        }
    }

    @Test func `modules are passed on where they are known to load`() throws {
        let vectors = [0x81] + hex("be c7 2b 7a eb 2c 00 00") + [0]
        let type = ModuleType(id: 0xbec7_2b7a_eb2c_0000)
        let target = try #require(TargetFormat(version: redis, modules: ["bf"]))
        #expect(
            Conversion.action(for: 7, from: redis, to: target, module: type)
                == .impossible(.unknownModuleType(name: type.name, encodingVersion: 0)))
        #expect(try convert(7, vectors, redis, to: redis).outcome != .unchanged)
        for entry in ModuleTable.entries {
            let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
            let name = entry.type.reduce(UInt64(0)) { $0 << 6 | UInt64(alphabet.firstIndex(of: $1) ?? 0) }
            let known = ModuleType(id: name << 10 | UInt64(entry.encodingVersions.upperBound))
            #expect(known.name == entry.type)
            let with = try #require(TargetFormat(version: redis, modules: [entry.module]))
            #expect(Conversion.action(for: 7, from: redis, to: with, module: known) == .asIs)
            let newer = ModuleType(id: known.id + 1)
            #expect(Conversion.action(for: 7, from: redis, to: with, module: newer) != .asIs)
            let without = try #require(TargetFormat(version: redis))
            #expect(
                Conversion.action(for: 7, from: redis, to: without, module: known)
                    == .impossible(.missingModule(name: entry.module, type: entry.type)))
        }
    }

    @Test func `collections without elements are refused, and leave the output as it was`() throws {
        #expect(throws: RDBError.self) { try convert(16, string(listpack([], count: 0)), redis, to: targets[0]) }
        #expect(throws: RDBError.self) { try convert(24, hex("00*8 01 00 01 61 01"), redis, to: valkey) }
        #expect(throws: RDBError.self) {
            try convert(26, hex("00 00 05 01 00"), RDBVersion(family: .redis, number: 13), to: valkey)
        }
    }

    @Test(arguments: servers)
    func `of damaged values is refused or gives something that can be decoded`(server: String) throws {
        let (source, records) = try fixtureRecords(server, "all")
        for record in records where record.value.count <= 120 {
            var value = record.value
            for index in value.indices {
                for mask: UInt8 in [1, 0x10, 0x80, 0xff] {
                    value[index] ^= mask
                    for target in [targets[0], targets[1], targets[5]] {
                        guard let (outcome, bytes) = try? convert(record.type, value, source, to: target),
                            case .converted(let type, _) = outcome, ![15, 19, 21, 26].contains(type)
                        else { continue }
                        _ = try Value(type: type, value: bytes.span.bytes, version: target)
                    }
                    value[index] ^= mask
                }
            }
        }
    }
}
