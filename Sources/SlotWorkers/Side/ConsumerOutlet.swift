internal import NIOConcurrencyHelpers
internal import RDBParser

/// Where big values go to that SCAN finds on a side that is only read: each to a consumer of its own.
struct ConsumerOutlet: BigValueOutlet {
    let makeConsumer: @Sendable () throws -> any KeyConsumer
    let filter: KeyFilter
    /// Keys that came this way.
    let tally: NIOLockedValueBox<Tally>

    func begin(_ key: BigKey, _ kind: ValueKind, expiry: Int64?) async throws -> ForwardedValue? {
        guard filter.types.isEmpty || filter.types.contains(KeyType(kind)) else {
            tally.withLockedValue { tally in
                tally.read += 1
                tally.filtered += 1
            }
            return nil
        }
        let consumer = try makeConsumer()
        // SAFETY: every byte of an array of bytes is initialised.
        guard unsafe consumer.beginLarge(key.key.span.bytes, database: key.database, expiry: expiry) else { return nil }
        return ForwardedValue(consumer: consumer)
    }

    func waitForRoom(_ value: inout ForwardedValue) async throws {}

    func commit(_ value: ForwardedValue, _ reading: BigValueReader.Reading) async throws {
        value.consumer.endLarge()
        value.consumer.finish()
        tally.withLockedValue { tally in
            tally.read += 1
            tally.bytes += value.byteCount
        }
    }

    func giveUp(_ value: ForwardedValue) async {
        value.consumer.forgetLarge()
        value.consumer.finish()
    }
}
