import RESP

@testable import SlotWorkers

// `#expect` takes no spans: the same calls with arrays.

extension GlobPattern {
    func matches(_ key: [UInt8]) -> Bool { matches(key.span.bytes) }
}

extension KeyFilter {
    func takes(database: Int, key: [UInt8], rdbType: UInt8) -> Bool {
        takes(database: database, key: key.span.bytes, rdbType: rdbType)
    }
}

extension TemporaryKey {
    static func isOurs(_ key: [UInt8]) -> Bool { isOurs(key.span.bytes) }
}

extension WriteReplyScanner {
    static func next(in bytes: [UInt8], from start: Int) throws(Malformed) -> (reply: WriteReply, size: Int)? {
        try next(in: bytes.span.bytes, from: start)
    }
}

extension Batch {
    mutating func set(_ key: [UInt8], to value: [UInt8], expiry: Int64?, onlyIfAbsent: Bool) {
        set(key.span.bytes, to: value.span.bytes, expiry: expiry, onlyIfAbsent: onlyIfAbsent)
    }

    mutating func group(_ key: [UInt8], _ value: [UInt8], slot: UInt16?) {
        group(key.span.bytes, value.span.bytes, slot: slot)
    }

    mutating func restore(
        _ key: [UInt8], type: UInt8, value: [UInt8], version: UInt16, expiry: Int64?, replace: Bool,
        eviction: EvictionHint?
    ) {
        restore(
            key.span.bytes, type: type, value: value.span.bytes, version: version, expiry: expiry, replace: replace,
            eviction: eviction)
    }
}

extension KeyLedger {
    func fingerprint(database: Int, key: [UInt8]) -> Fingerprint {
        fingerprint(database: database, key: key.span.bytes)
    }
    func record(database: Int, key: [UInt8]) { record(database: database, key: key.span.bytes) }
}

extension ReplyCounter {
    mutating func follow(_ bytes: [UInt8]) throws(ReplyCursor.Malformed) -> Int? { try follow(bytes.span.bytes) }
}
