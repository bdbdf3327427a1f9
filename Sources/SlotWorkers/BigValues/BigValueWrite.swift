internal import NIOCore
internal import RDBParser

/// A big value on its way to the target: what a reader holds of it.
///
/// The pieces go to a ``BigValueWriter``, which builds the value under a temporary key.
final class BigValueWrite: Sendable {
    /// What became of the key.
    enum Outcome: Equatable, Sendable {
        case copied(losing: Conversion.Loss?)
        case existing
        case expired
        /// The target cannot hold it whole.
        case lossy(Conversion.Loss)
        case unsupported(String)
        case failed(String)
        /// It was not read to its end: it counts nowhere.
        case abandoned
    }

    /// How a value ends.
    struct Ending: Sendable {
        var kind: ValueKind
        /// Elements (of a string bytes) that the temporary key must hold.
        var count: Int
        /// Whether some of them may have expired by now.
        var mayShrink: Bool
        /// When the last of them expires, in absolute milliseconds; `.max` where one does not.
        var lastsUntil: Int64
        /// Absolute milliseconds; `nil` for none.
        var expiry: Int64?
        var loss: Conversion.Loss?
    }

    enum Step: Sendable {
        case piece(ValuePiece)
        /// Time has passed: the temporary key must not expire.
        case renew
        case commit(Ending)
        /// What was written is removed.
        case leave(Outcome)
    }

    let key: [UInt8]
    /// Under which name its pieces are written.
    let temporaryKey: [UInt8]
    /// Succeeds when the key has its outcome on the target.
    let outcome: EventLoopFuture<Outcome>
    let steps: AsyncStream<Step>
    private let next: AsyncStream<Step>.Continuation
    private let pressure: BytePressure

    init(key: [UInt8], temporaryKey: [UInt8], outcome: EventLoopFuture<Outcome>, pressure: BytePressure) {
        self.key = key
        self.temporaryKey = temporaryKey
        self.outcome = outcome
        self.pressure = pressure
        (steps, next) = AsyncStream.makeStream()
    }

    /// Takes a piece over. Its bytes come back to the budget when the target has it.
    func deliver(_ piece: ValuePiece) {
        pressure.spend(piece.byteCount)
        next.yield(.piece(piece))
    }

    func renew() { next.yield(.renew) }

    /// All pieces are delivered.
    func commit(_ ending: Ending) {
        next.yield(.commit(ending))
        next.finish()
    }

    /// Removes what was written.
    func leave(_ outcome: Outcome) {
        next.yield(.leave(outcome))
        next.finish()
    }
}
