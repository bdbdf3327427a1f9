internal import NIOCore
internal import RDBParser

/// Takes the elements of one big value of a reader; what comes of it is counted by ``BigValues``.
struct BigValueSink: ValueVisitor {
    private var pieces: ValuePieces
    /// Absolute milliseconds; `nil` for none.
    var expiry: Int64?
    private let onLossy: LossPolicy
    /// `nil` once the key's outcome is known.
    private var write: BigValueWrite?
    /// Why the target does not get it: its outcome once it came to its end.
    private var refusal: BigValueWrite.Outcome?
    private var isWritten: Bool { write != nil && refusal == nil }
    /// Bytes of all strings so far.
    private(set) var byteCount = 0

    /// - Parameters:
    ///   - write: `nil` to write nothing.
    ///   - now: The source's time, in milliseconds.
    init(_ write: BigValueWrite?, format: TargetFormat, onLossy: LossPolicy, now: Int64) {
        self.write = write
        self.onLossy = onLossy
        pieces = ValuePieces(key: write?.temporaryKey ?? [], format: format, now: now) { write?.deliver($0) }
    }

    mutating func begin(_ kind: ValueKind, count: UInt64?) { pieces.begin(kind, count: count) }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        byteCount += piece.byteCount
        if isWritten { pieces.bytes(piece, of: part, length: length, isLast: isLast) }
    }

    mutating func score(_ score: Double) {
        if isWritten { pieces.score(score) }
    }

    mutating func expiry(_ milliseconds: Int64) {
        guard isWritten else { return }
        pieces.expiry(milliseconds)
        leaveIfRefused()
    }

    mutating func stream(_ event: borrowing StreamEvent) {
        guard isWritten else { return }
        pieces.stream(event)
        leaveIfRefused()
    }

    mutating func module(_ event: ModuleEvent) {
        guard isWritten else { return }
        pieces.module(event)
        leaveIfRefused()
    }

    mutating func end() {
        if isWritten { pieces.end() }
    }

    /// The reader could not read something that belongs to the value.
    mutating func lose(_ loss: Conversion.Loss) {
        pieces.loss = loss
        leaveIfRefused()
    }

    private mutating func leaveIfRefused() {
        if let refusal = pieces.refusal {
            self.refusal = .unsupported(refusal)
        } else if let loss = pieces.loss, onLossy != .convert {
            refusal = .lossy(loss)
        }
    }

    /// The value was read whole, and is what it was: the key gets it.
    ///
    /// - Returns: Its outcome; `nil` when it had one.
    @discardableResult
    mutating func commit() -> EventLoopFuture<BigValueWrite.Outcome>? {
        if let refusal { return leave(refusal) }
        let write = write.take()
        write?.commit(
            .init(
                kind: pieces.kind, count: pieces.count, mayShrink: pieces.hasFieldExpiries,
                lastsUntil: pieces.lastsUntil, expiry: expiry, loss: pieces.loss))
        return write?.outcome
    }

    /// The key does not get the value.
    @discardableResult
    mutating func leave(_ outcome: BigValueWrite.Outcome) -> EventLoopFuture<BigValueWrite.Outcome>? {
        let write = write.take()
        write?.leave(outcome)
        return write?.outcome
    }
}
