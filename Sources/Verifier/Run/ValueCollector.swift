internal import NIOConcurrencyHelpers
internal import RDBParser
internal import SlotWorkers

/// Keeps the values of a few keys of a file, for examples. Large ones are left out.
final class ValueCollector: KeyConsumer {
    private let names: Set<KeyName>
    private let values: NIOLockedValueBox<[KeyName: Value]>

    init(_ names: Set<KeyName>, into values: NIOLockedValueBox<[KeyName: Value]>) {
        self.names = names
        self.values = values
    }

    func wants(name: RawSpan, database: Int) -> Bool {
        names.contains(KeyName(database: database, key: [UInt8](copying: name)))
    }

    func take(_ key: RawSpan, database: Int, type: UInt8, value: RawSpan, version: RDBVersion, expiry: Int64?) {
        let name = KeyName(database: database, key: [UInt8](copying: key))
        guard names.contains(name), let value = try? Value(type: type, value: value, version: version) else { return }
        values.withLockedValue { $0[name] = value }
    }

    func beginLarge(_ key: RawSpan, database: Int, expiry: Int64?) -> Bool { false }
    func endLarge() {}
    func forgetLarge() {}
    func fail(_ key: RawSpan, database: Int, _ reason: String) {}
    func flush() {}
    func finish() {}

    func begin(_ kind: ValueKind, count: UInt64?) {}
    func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {}
    func score(_ score: Double) {}
    func expiry(_ milliseconds: Int64) {}
    func stream(_ event: borrowing StreamEvent) {}
    func module(_ event: ModuleEvent) {}
    func end() {}
}
