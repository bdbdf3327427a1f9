/// What became of the keys of an export. Each key that was read ends in exactly one count.
package struct ExportTally: Sendable {
    /// Keys of the file.
    package internal(set) var read = 0
    /// Keys that were written.
    package internal(set) var written = 0
    /// Of those, keys that were written without something that the target cannot hold.
    package internal(set) var lossy = 0
    /// Keys that were left out since the target cannot hold them whole, as was asked for.
    package internal(set) var filtered = 0
    /// Hashes of which every field has expired: the target would keep them without fields.
    package internal(set) var expired = 0
    /// Keys whose value the target cannot hold.
    package internal(set) var unsupported = 0
    /// Keys that could not be written.
    package internal(set) var failed = 0
    /// Bytes of names and values, as they lie in the file; of values that are not held whole, the names only.
    package internal(set) var bytes = 0
    /// Function libraries of the file, and those that were written.
    package internal(set) var functions = (read: 0, written: 0)
    /// Why keys were not written, or not whole; at most 100 reasons.
    package private(set) var reasons: [String: Examples] = [:]

    package init() {}

    /// Whether everything that the file holds was written.
    package var isComplete: Bool { failed == 0 && unsupported == 0 }

    mutating func explain(_ reason: String, _ key: RawSpan) {
        let name = reasons[reason] != nil || reasons.count < 100 ? reason : "other reasons"
        reasons[name, default: Examples()].add(key)
    }
}

/// Writes the records of a file in another form, into memory that is drained between two chunks.
package protocol ExportWriter: StreamReader, ~Copyable {
    var tally: ExportTally { get }

    /// Bytes that wait to be drained.
    var pendingBytes: Int { get }

    /// Hands over what was written since the last time.
    mutating func drain<Failure: Error>(_ take: (RawSpan) throws(Failure) -> Void) throws(Failure)
}
