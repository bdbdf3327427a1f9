import FoundationEssentials
import RDBParser
import RDBReport

/// What is in a file, as JSON and as a table. The names in the JSON are stable.
struct InspectionReport {
    struct Auxiliary: Encodable {
        let name: String
        let value: String
        let count: Int
    }

    struct Library: Encodable {
        let engine: String
        let name: String
        let bytes: Int
    }

    struct Group: Encodable {
        var type: String?
        var encoding: String?
        var rdbType: UInt8?
        var db: UInt64?
        let keys: Int
        let expiring: Int
        let bytes: Int
    }

    struct ExpiryClass: Encodable {
        /// Seconds from now; missing for the last class.
        let belowSeconds: Int?
        let keys: Int
    }

    struct Expiries: Encodable {
        let nowMs: Int64
        let persistent: Int
        let classes: [ExpiryClass]
    }

    struct SizeClass: Encodable {
        let fromBytes: Int
        let belowBytes: Int
        let keys: Int
        let bytes: Int
    }

    struct BigKey: Encodable {
        let key: String
        let keyB64: String
        let db: UInt64
        let type: String
        let rdbType: UInt8
        let bytes: Int
        let elements: UInt64?
    }

    struct Slot: Encodable {
        let slot: UInt16
        let keys: Int
        let bytes: Int
    }

    struct Slots: Encodable {
        let used: Int
        let largest: [Slot]
        let keysSkew: Double
        let bytesSkew: Double
    }

    struct Temporary: Encodable {
        let count: Int
        let examples: [String]
    }

    struct Finding: Encodable {
        let kind: String
        let type: String
        let encoding: String
        let reason: String
        let count: Int
        let examples: [String]
    }

    struct Target: Encodable {
        let name: String
        let rdbVersion: Int
        let exact: Bool
        let impossibleFunctions: Int
        let findings: [Finding]

        enum CodingKeys: String, CodingKey {
            case name = "for"
            case rdbVersion, exact, impossibleFunctions, findings
        }
    }

    struct Content: Encodable {
        let command = "rdb inspect"
        let result = "done"
        var exitCode: Int32 = 0
        let file: String
        let magic: String
        let rdbVersion: Int
        let aux: [Auxiliary]
        let functions: [Library]
        let functionCount: Int
        let keys: Int
        let expiring: Int
        let bytes: Int
        let types: [Group]
        let encodings: [Group]
        let databases: [Group]
        let expiries: Expiries
        let sizes: [SizeClass]
        let biggest: [BigKey]
        let slots: Slots
        let temporary: Temporary
        let target: Target?
        let seconds: Double
    }

    let content: Content

    init(_ statistics: Statistics, file: FileWalk, seconds: Double, target: String?) {
        // A stream that was read to its end has a version.
        let version = statistics.version ?? RDBVersion(family: .redis, number: 0)
        let byType = statistics.byType.map { (type: $0.type, name: TypeName($0.type, version), counts: $0.counts) }
        var types: [String: KeyCounts] = [:]
        for entry in byType { types[entry.name.type, default: KeyCounts()].add(entry.counts) }
        let skew = statistics.slots.skew
        let highest = statistics.sizes.classes.lastIndex { $0.keys > 0 } ?? -1
        content = Content(
            file: file.path ?? "-", magic: Self.magic(version), rdbVersion: version.number,
            aux: statistics.auxiliary.map {
                Auxiliary(name: Quantity.key($0.name), value: Quantity.key($0.value), count: $0.count)
            },
            functions: statistics.functions.map {
                Library(
                    engine: Quantity.key(Array($0.engine.utf8)), name: Quantity.key(Array($0.name.utf8)),
                    bytes: $0.bytes)
            },
            functionCount: statistics.functionCount, keys: statistics.total.keys,
            expiring: statistics.total.expiring, bytes: statistics.total.bytes,
            types: types.sorted { ($0.value.bytes, $1.key) > ($1.value.bytes, $0.key) }.map {
                Group(type: $0.key, keys: $0.value.keys, expiring: $0.value.expiring, bytes: $0.value.bytes)
            },
            encodings: byType.map {
                Group(
                    type: $0.name.type, encoding: $0.name.encoding, rdbType: $0.type, keys: $0.counts.keys,
                    expiring: $0.counts.expiring, bytes: $0.counts.bytes)
            },
            databases: statistics.byDatabase.map {
                Group(db: $0.database, keys: $0.counts.keys, expiring: $0.counts.expiring, bytes: $0.counts.bytes)
            },
            expiries: Expiries(
                nowMs: statistics.expiries.now, persistent: statistics.expiries.persistent,
                classes: statistics.expiries.classes.enumerated().map { index, keys in
                    let bounds = ExpiryHistogram.bounds
                    return ExpiryClass(belowSeconds: index < bounds.count ? bounds[index] : nil, keys: keys)
                }),
            sizes: statistics.sizes.classes.prefix(highest + 1).enumerated().map { index, counts in
                let below = (0...index).reduce(1) { product, _ in product * 10 }
                return SizeClass(
                    fromBytes: index == 0 ? 0 : below / 10, belowBytes: below, keys: counts.keys,
                    bytes: counts.bytes)
            },
            biggest: statistics.biggest.entries.map {
                BigKey(
                    key: Quantity.key($0.key), keyB64: Data($0.key).base64EncodedString(), db: $0.database,
                    type: TypeName($0.type, version).type, rdbType: $0.type, bytes: $0.bytes, elements: $0.elements)
            },
            slots: Slots(
                used: statistics.slots.used,
                largest: statistics.slots.largest(10).map { Slot(slot: $0.slot, keys: $0.keys, bytes: $0.bytes) },
                keysSkew: Self.rounded(skew.keys), bytesSkew: Self.rounded(skew.bytes)),
            temporary: Temporary(
                count: statistics.temporary.count, examples: statistics.temporary.keys.map(Quantity.key)),
            target: statistics.check.map { Self.target($0, name: target ?? "") }, seconds: Self.rounded(seconds))
    }

    private static func magic(_ version: RDBVersion) -> String {
        let digits = String(version.number)
        let (name, width) = version.family == .redis ? ("REDIS", 4) : ("VALKEY", 3)
        return name + String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func rounded(_ number: Double) -> Double { (number * 1000).rounded() / 1000 }

    private static func target(_ check: TargetCheck, name: String) -> Target {
        let order = check.findings.sorted {
            ($0.key.kind.rawValue, $1.value.count, $0.key.type.encoding, $0.key.reason)
                < ($1.key.kind.rawValue, $0.value.count, $1.key.type.encoding, $1.key.reason)
        }
        return Target(
            name: name, rdbVersion: check.target.version.number, exact: check.isExact,
            impossibleFunctions: check.impossibleFunctions,
            findings: order.map { finding, keys in
                Finding(
                    kind: finding.kind.rawValue, type: finding.type.type, encoding: finding.type.encoding,
                    reason: finding.reason, count: keys.count, examples: keys.keys.map(Quantity.key))
            })
    }

    func json(_ exit: ProgramExit) -> String {
        var content = content
        content.exitCode = exit.rawValue
        return JSONText.encode(content, keys: .convertToSnakeCase)
    }
}
