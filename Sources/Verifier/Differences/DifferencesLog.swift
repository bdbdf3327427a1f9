internal import RDBParser
internal import RESP
internal import SlotWorkers

/// Writes what comes of keys to a file of differences, some at a time.
struct DifferencesLog {
    /// `nil`: nothing is kept.
    private let file: DifferencesFile?
    private let digester: KeyDigester
    private var pending: [KeyDifference] = []
    private var failure: VerifierError?
    private static let batch = 1000

    init(_ file: DifferencesFile?, digester: KeyDigester) {
        self.file = file
        self.digester = digester
    }

    /// Begins a portion.
    ///
    /// - Throws: `unusableFile`.
    func begin() throws(VerifierError) { try file?.begin() }

    /// Notes a key that is neither equal nor expired. What cannot be written shows with ``keep(_:)``.
    mutating func note(_ key: KeyRounds.Candidate, _ outcome: KeyOutcome) {
        guard file != nil, failure == nil, outcome.isLogged else { return }
        let name = key.name
        let bytes = name.key.span
        // SAFETY: every byte of an array of bytes is initialised.
        let span = unsafe bytes.bytes
        var difference = KeyDifference(
            database: name.database, key: name.key,
            keyHash: digester.identity(database: name.database, key: span).description,
            slot: Int(digester.place(database: name.database, key: span).slot.rawValue), outcome: outcome)
        difference.type = Findings.value(key)?.kind.name
        if case .present(let source, let expiry) = key.source.content {
            difference.sourceExpiry = expiry
            if case .present(let target, _) = key.target.content {
                difference.differences = Self.differences(source, target)
            }
        }
        if case .present(_, let expiry) = key.target.content { difference.targetExpiry = expiry }
        pending.append(difference)
        if pending.count >= Self.batch { write() }
    }

    /// What shows without the values.
    private static func differences(_ source: ValueDigest, _ target: ValueDigest) -> [ValueDifference] {
        var found: [ValueDifference] = []
        if source.kind != target.kind {
            found.append(ValueDifference("type", source: source.kind.name, target: target.kind.name))
        } else if source.elements != target.elements {
            found.append(ValueDifference("elements", source: "\(source.elements)", target: "\(target.elements)"))
        } else if source.bytes != target.bytes {
            found.append(ValueDifference("bytes", source: "\(source.bytes)", target: "\(target.bytes)"))
        }
        return found
    }

    private mutating func write() {
        do throws(VerifierError) {
            try file?.append(pending)
        } catch {
            failure = error
        }
        pending.removeAll(keepingCapacity: true)
    }

    /// Ends a portion: all that was noted is kept, and where the run stands then.
    ///
    /// - Throws: What kept any of it from being written: then all of it is forgotten.
    mutating func keep(_ checkpoint: Checkpoint) throws(VerifierError) {
        write()
        if let failure { throw failure }
        try file?.keep(checkpoint)
    }
}

extension KeyOutcome {
    /// Whether a file of differences holds keys that come to this.
    var isLogged: Bool { ![.match, .converted, .expired].contains(self) }
}
