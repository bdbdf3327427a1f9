internal import RDBParser
internal import RESP

/// What a stream holds beside its entries, as commands: its last ID, its groups with their consumers, and what these
/// have not acknowledged.
struct StreamPieces {
    var isInDeletedEntry = false
    /// Of the group: when each entry was delivered last, and how often.
    var pending: [StreamID: (time: Int64, deliveries: UInt64)] = [:]
    private var group: [UInt8] = []
    private var consumer: [UInt8] = []

    /// - Parameter isEmpty: Whether no entry was written, so that the key is not there yet.
    mutating func write(
        _ metadata: StreamMetadata, isEmpty: Bool, of key: [UInt8], for format: TargetFormat, to piece: inout ValuePiece
    ) {
        isInDeletedEntry = false
        if isEmpty {
            piece.append(["XGROUP", "CREATE", key, "backfill", "0", "MKSTREAM"])
            piece.append(["XGROUP", "DESTROY", key, "backfill"])
        }
        var words: [any CommandArgument] = ["XSETID", key, metadata.lastID.description]
        if let history = metadata.history, Self.keepsHistory(format) {
            words += [
                "ENTRIESADDED", String(history.entriesAdded), "MAXDELETEDID", history.greatestDeletedID.description,
            ]
        }
        piece.append(words)
    }

    mutating func begin(
        group name: [UInt8], _ lastID: StreamID, _ entriesRead: Int64?, of key: [UInt8], for format: TargetFormat,
        to piece: inout ValuePiece
    ) {
        group = name
        pending.removeAll(keepingCapacity: true)
        var words: [any CommandArgument] = ["XGROUP", "CREATE", key, name, lastID.description]
        if let entriesRead, entriesRead >= 0, Self.keepsHistory(format) { words += ["ENTRIESREAD", entriesRead] }
        piece.append(words)
    }

    mutating func begin(
        consumer name: [UInt8], of key: [UInt8], for format: TargetFormat, to piece: inout ValuePiece
    ) {
        consumer = name
        if Self.keepsHistory(format) {
            piece.append(["XGROUP", "CREATECONSUMER", key, group, name])
        } else {
            // `CREATECONSUMER` is known since 6.2 only. Asking for what the consumer has not acknowledged makes it too.
            piece.append(["XREADGROUP", "GROUP", group, name, "COUNT", "1", "STREAMS", key, "0"])
        }
    }

    /// An entry that the consumer has not acknowledged.
    ///
    /// The reply is empty where the entry is no longer in the stream: such a one cannot be made by commands.
    func claim(_ id: StreamID, of key: [UInt8], to piece: inout ValuePiece) {
        guard let (time, deliveries) = pending[id] else { return }
        piece.append([
            "XCLAIM", key, group, consumer, "0", id.description, "TIME", time, "RETRYCOUNT", String(deliveries),
            "FORCE",
            "JUSTID",
        ])
    }

    /// Since Redis 7.0.
    private static func keepsHistory(_ format: TargetFormat) -> Bool { format.version.number >= 10 }
}
