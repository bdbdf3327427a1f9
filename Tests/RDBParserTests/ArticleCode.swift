// The code of the article "Reading an RDB file": `ArticleTests` compares each snippet with its block there.
import Foundation
import RDBParser

// snippet: visitor
/// Counts keys by their type byte.
struct KeyCounter: RDBVisitor {
    var version: RDBVersion?
    var keys: [UInt8: Int] = [:]
    var expiring = 0

    mutating func header(_ version: RDBVersion) { self.version = version }
    mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    mutating func database(_ index: UInt64) {}
    mutating func sizes(keys: UInt64, expiries: UInt64) {}
    mutating func function(_ code: RawSpan) {}
    mutating func record(_ record: borrowing RDBRecord) {
        keys[record.type, default: 0] += 1
        if record.expiry != nil { expiring += 1 }
    }
}
// snippet end

// snippet: feed
/// Reads a whole RDB file.
func readRDB<V: RDBVisitor & ~Copyable>(_ file: FileHandle, into visitor: inout V) throws {
    var parser = RDBStreamParser()
    var buffer: [UInt8] = []
    while !parser.isFinished {
        // As much again as is left over, so that a large value is not looked at too often before it is complete.
        guard let chunk = try file.read(upToCount: max(256 << 10, buffer.count)), !chunk.isEmpty else { break }
        buffer += chunk
        let consumed = try parser.feed(buffer.span.bytes, into: &visitor)
        buffer.removeFirst(consumed)
    }
    try parser.finish()
}
// snippet end

// snippet: count
func countKeys(inFileAt path: String) throws -> KeyCounter {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    var counter = KeyCounter()
    try readRDB(file, into: &counter)
    return counter
}
// snippet end

// snippet: bytes
extension [UInt8] {
    /// A copy that outlives the call in which the span is valid.
    init(copying span: RawSpan) { self = span.withUnsafeBytes { Array($0) } }
}
// snippet end

// snippet: value
/// Says in a line what a value is.
func summary(of type: UInt8, _ bytes: RawSpan, version: RDBVersion) throws(RDBError) -> String {
    switch try Value(type: type, value: bytes, version: version) {
    case .string(let bytes): "a string of \(bytes.count) bytes"
    case .list(let elements): "a list of \(elements.count) elements"
    case .set(let members): "a set of \(members.count) members"
    case .sortedSet(let members): "a sorted set, scores up to \(members.last?.score ?? 0)"
    case .hash(let fields): "a hash, of whose fields \(fields.count { $0.expiry != nil }) expire"
    case .stream(let stream): "a stream of \(stream.entries.count) entries up to \(stream.metadata.lastID)"
    case .module(let module): "a value of the module type \(module.type)"
    }
}
// snippet end

// snippet: elements
/// Finds the longest string within values.
struct LongestString: ValueVisitor {
    var length: UInt64 = 0

    mutating func begin(_ kind: ValueKind, count: UInt64?) {}
    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        self.length = max(self.length, length)
    }
    mutating func score(_ score: Double) {}
    mutating func expiry(_ milliseconds: Int64) {}
    mutating func stream(_ event: borrowing StreamEvent) {}
    mutating func module(_ event: ModuleEvent) {}
    mutating func end() {}
}

func longestString(of type: UInt8, _ bytes: RawSpan, version: RDBVersion) throws(RDBError) -> UInt64 {
    var longest = LongestString()
    try ValueDecoder.decode(type: type, value: bytes, version: version, into: &longest)
    return longest.length
}
// snippet end

// snippet: large
/// Counts the elements of keys that are too large to be held whole.
struct LargeKeys: LargeRecordVisitor {
    var smallKeys = 0
    var elements: [[UInt8]: Int] = [:]
    private var key: [UInt8] = []

    mutating func header(_ version: RDBVersion) {}
    mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    mutating func database(_ index: UInt64) {}
    mutating func sizes(keys: UInt64, expiries: UInt64) {}
    mutating func function(_ code: RawSpan) {}
    mutating func record(_ record: borrowing RDBRecord) { smallKeys += 1 }

    mutating func beginRecord(_ record: borrowing RDBRecord) { key = [UInt8](copying: record.key) }
    mutating func begin(_ kind: ValueKind, count: UInt64?) { elements[key] = 0 }
    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        // A field and its value are one element.
        if isLast, part != .value { elements[key, default: 0] += 1 }
    }
    mutating func score(_ score: Double) {}
    mutating func expiry(_ milliseconds: Int64) {}
    mutating func stream(_ event: borrowing StreamEvent) {}
    mutating func module(_ event: ModuleEvent) {}
    mutating func end() {}
}

/// Reads a stream of any size in little memory.
func findLargeKeys(_ file: FileHandle, largerThan maximum: Int) throws -> LargeKeys {
    var parser = RDBStreamParser()
    var found = LargeKeys()
    var buffer: [UInt8] = []
    while !parser.isFinished {
        guard let chunk = try file.read(upToCount: max(64 << 10, buffer.count)), !chunk.isEmpty else { break }
        buffer += chunk
        let consumed = try parser.feed(buffer.span.bytes, wholeUpTo: maximum, into: &found)
        buffer.removeFirst(consumed)
    }
    try parser.finish()
    return found
}
// snippet end

// snippet: payload
/// Checks what `DUMP` gave, and tells what it holds.
func summary(ofDump payload: [UInt8]) throws(RDBError) -> String {
    let dump = try DumpPayload(payload.span.bytes)
    return try summary(of: dump.type, dump.value, version: dump.version)
}
// snippet end

// snippet: convert
/// Makes of a server's `DUMP` what a server of another version restores; `nil` where there is nothing to restore.
func payload(from dump: [UInt8], for target: TargetFormat, now: Int64) throws(RDBError) -> [UInt8]? {
    let read = try DumpPayload(dump.span.bytes)
    var converted: [UInt8] = []
    let outcome = try Conversion.convert(
        type: read.type, value: read.value, from: read.version, to: target, now: now, into: &converted)
    var payload: [UInt8] = []
    switch outcome {
    case .unchanged:
        DumpPayload.append(type: read.type, value: read.value, version: target.version, to: &payload)
    case .converted(let type, let loss):
        if let loss { print("The target cannot hold \(loss).") }
        DumpPayload.append(type: type, value: converted.span.bytes, version: target.version, to: &payload)
    case .expired:
        return nil
    case .impossible(let reason):
        print(reason)
        return nil
    }
    return payload
}
// snippet end

// snippet: errors
/// Says what is wrong with a file, and how many keys came before it.
func diagnosis(ofFileAt path: String) throws -> String {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    var counter = KeyCounter()
    do {
        try readRDB(file, into: &counter)
        return "The file is whole."
    } catch let error as RDBError {
        let keys = counter.keys.values.reduce(0, +)
        let advice = error.code == .truncated ? " Was it copied to its end?" : ""
        return "\(error) \(keys) keys came before.\(advice)"
    }
}
// snippet end
