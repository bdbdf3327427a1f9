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
    /// Bytes of all strings so far.
    private(set) var byteCount = 0

    /// - Parameter write: `nil` to write nothing.
    init(_ write: BigValueWrite?, format: TargetFormat, onLossy: LossPolicy) {
        self.write = write
        self.onLossy = onLossy
        pieces = ValuePieces(key: write?.temporaryKey ?? [], format: format) { write?.deliver($0) }
    }

    mutating func begin(_ kind: ValueKind, count: UInt64?) { pieces.begin(kind, count: count) }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        byteCount += piece.byteCount
        if write != nil { pieces.bytes(piece, of: part, length: length, isLast: isLast) }
    }

    mutating func score(_ score: Double) {
        if write != nil { pieces.score(score) }
    }

    mutating func expiry(_ milliseconds: Int64) {
        guard write != nil else { return }
        pieces.expiry(milliseconds)
        leaveIfRefused()
    }

    mutating func stream(_ event: borrowing StreamEvent) {
        guard write != nil else { return }
        pieces.stream(event)
        leaveIfRefused()
    }

    mutating func module(_ event: ModuleEvent) {
        guard write != nil else { return }
        pieces.module(event)
        leaveIfRefused()
    }

    mutating func end() {
        if write != nil { pieces.end() }
    }

    /// The reader could not read something that belongs to the value.
    mutating func lose(_ loss: Conversion.Loss) {
        pieces.loss = loss
        leaveIfRefused()
    }

    private mutating func leaveIfRefused() {
        if let refusal = pieces.refusal {
            leave(.unsupported(refusal))
        } else if let loss = pieces.loss, onLossy != .convert {
            leave(.lossy(loss))
        }
    }

    /// The value was read whole, and is what it was: the key gets it.
    ///
    /// - Returns: Its outcome; `nil` when it had one.
    @discardableResult
    mutating func commit() -> EventLoopFuture<BigValueWrite.Outcome>? {
        let write = write.take()
        write?.commit(
            .init(
                kind: pieces.kind, count: pieces.count, mayShrink: pieces.hasFieldExpiries, expiry: expiry,
                loss: pieces.loss))
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
