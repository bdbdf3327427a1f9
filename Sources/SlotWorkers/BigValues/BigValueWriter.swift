internal import NIOCore
internal import RDBParser
internal import RESP

/// Builds one big value under a temporary key; at the end that key gets the expiry and takes the place of the real one.
///
/// One piece is on its way at a time, each taken whole or not at all: after a loss the temporary key itself says how far it
/// is. A dead run's temporary key expires.
struct BigValueWriter {
    private let write: BigValueWrite
    private let link: BigValueLink
    private let onConflict: ConflictPolicy
    private let onLossy: LossPolicy
    private let clock: SourceClock
    private let pressure: BytePressure
    private var hasWritten = false
    private var lastWrite = ContinuousClock.now
    /// Whether deliveries of deleted entries could not be written.
    private var lacksPending = false

    /// How long the temporary key lives when nothing renews it, in milliseconds.
    private static let lifetime = 300_000
    /// How long nothing must have been written before the temporary key is renewed.
    private static let renewal = Duration.seconds(45)

    init(
        _ write: BigValueWrite, over link: BigValueLink, onConflict: ConflictPolicy, onLossy: LossPolicy,
        clock: SourceClock, pressure: BytePressure
    ) {
        self.write = write
        self.link = link
        self.onConflict = onConflict
        self.onLossy = onLossy
        self.clock = clock
        self.pressure = pressure
    }

    /// Takes all steps of the value.
    ///
    /// - Throws: `RunError` when the target does not come back; the rest of the value is taken nevertheless.
    mutating func run() async -> (outcome: BigValueWrite.Outcome, failure: RunError?) {
        var outcome: BigValueWrite.Outcome?
        var failure: RunError?
        for await step in write.steps {
            defer { if case .piece(let piece) = step { pressure.giveBack(piece.byteCount) } }
            // Whatever was found out of a value that its reader gives up: the key counts when it is read again, or not.
            if case .leave(.abandoned) = step { outcome = .abandoned }
            guard outcome == nil else { continue }
            do {
                outcome = try await take(step)
            } catch let error as BigValueLink.KeyRefused {
                outcome = .failed(error.reason)
            } catch {
                failure = error as? RunError ?? RunError(.connection, "\(error)")
                outcome = .failed("\(error)")
            }
        }
        if failure == nil, hasWritten { await remove(unless: outcome) }
        await link.close()
        return (outcome ?? .abandoned, failure)
    }

    private mutating func take(_ step: BigValueWrite.Step) async throws -> BigValueWrite.Outcome? {
        switch step {
        case .piece(let piece): return try await take(piece)
        case .renew: try await renew()
        case .commit(let ending): return try await finish(ending)
        case .leave(let outcome): return outcome
        }
        return nil
    }

    // MARK: Pieces

    private mutating func take(_ piece: ValuePiece) async throws -> BigValueWrite.Outcome? {
        let key = write.key
        if !hasWritten, onConflict != .replace {
            let exists = try await link.attempt { connection, _ in
                try await link.ask("EXISTS", key, over: connection).integer == 1
            }
            if exists { return .existing }
        }
        hasWritten = true
        let renewal = CommandEncoder.encode("PEXPIRE", write.temporaryKey, Self.lifetime)
        let replies = try await link.attempt { connection, isAgain -> [Reply] in
            if isAgain, try await isTaken(piece, over: connection) { return [] }
            // A target that is full lets keys live on: however long it is, what it has stays.
            if isAgain { _ = try await link.ask("PEXPIRE", write.temporaryKey, Self.lifetime, over: connection) }
            return try await link.transact(
                [renewal, piece.bytes, renewal], count: piece.commands + 2, over: connection)
        }
        // Without this the rest would stand alone: a string with zeros in front.
        if replies.first?.integer == 0, piece.before > 0, piece.lastsUntil > clock.now { throw Self.isGone }
        for reply in replies {
            // A group that was made when the piece was sent first.
            if let error = reply.error, error.code != "BUSYGROUP" {
                throw BigValueLink.KeyRefused(reason: String("\(error)".prefix(200)))
            }
            if reply.elements?.isEmpty == true { lacksPending = true }
        }
        lastWrite = .now
        return nil
    }

    private static var isGone: BigValueLink.KeyRefused {
        BigValueLink.KeyRefused(
            reason: "the target lost what it had acknowledged of it: the temporary key expired, was evicted or deleted")
    }

    /// Whether the target took a piece whose replies did not come. What may be repeated without harm is.
    private func isTaken(_ piece: ValuePiece, over connection: Connection) async throws -> Bool {
        guard let length = try await length(of: piece.kind, over: connection) else { return false }
        if length == piece.before { return false }
        if length == piece.behind { return true }
        throw BigValueLink.KeyRefused(
            reason:
                "the target lost part of what it had acknowledged of it (\(length) of \(piece.before) elements are left)"
        )
    }

    /// Elements of the temporary key, where a repetition would add some; else `nil`.
    private func length(of kind: ValueKind, over connection: Connection) async throws -> Int? {
        guard kind == .list || kind == .stream else { return nil }
        return try await count(kind, over: connection)
    }

    private func count(_ kind: ValueKind, over connection: Connection) async throws -> Int {
        let command =
            switch kind {
            case .string, .module: "STRLEN"
            case .list: "LLEN"
            case .set: "SCARD"
            case .sortedSet: "ZCARD"
            case .hash: "HLEN"
            case .stream: "XLEN"
            }
        return Int(try await link.ask(command, write.temporaryKey, over: connection).integer ?? 0)
    }

    private mutating func renew() async throws {
        guard hasWritten, ContinuousClock.now - lastWrite > Self.renewal else { return }
        let key = write.temporaryKey
        _ = try await link.attempt { connection, _ in
            try await link.ask("PEXPIRE", key, Self.lifetime, over: connection)
        }
        lastWrite = .now
    }

    // MARK: The end

    private mutating func finish(_ ending: BigValueWrite.Ending) async throws -> BigValueWrite.Outcome {
        let loss = ending.loss ?? (lacksPending ? .deletedPending : nil)
        if let loss, onLossy != .convert { return .lossy(loss) }
        if let expiry = ending.expiry, expiry <= clock.now { return .expired }
        let length = try await link.attempt { connection, _ in try await count(ending.kind, over: connection) }
        if length == 0, ending.lastsUntil <= clock.now { return .expired }
        if length == 0, ending.count > 0 { throw Self.isGone }
        guard length == ending.count || ending.mayShrink && length < ending.count else {
            throw BigValueLink.KeyRefused(
                reason: "the target holds \(length) of its \(ending.count) elements, though it acknowledged all of them"
            )
        }
        let outcome = try await rename(ending)
        return outcome == .copied(losing: nil) ? .copied(losing: loss) : outcome
    }

    /// Gives the temporary key its expiry and its name, at once.
    private mutating func rename(_ ending: BigValueWrite.Ending) async throws -> BigValueWrite.Outcome {
        let mine = write.temporaryKey
        let key = write.key
        let expiry = ending.expiry
        let start = lastWrite
        // Whether a connection was lost behind the commands, so that nobody knows.
        var mayBeDone = false
        var commands = ByteBuffer()
        if let expiry {
            CommandEncoder.write(["PEXPIREAT", mine, expiry], to: &commands)
        } else {
            CommandEncoder.write(["PERSIST", mine], to: &commands)
        }
        CommandEncoder.write([onConflict == .replace ? "RENAME" : "RENAMENX", mine, key], to: &commands)
        // Where the key exists the temporary one is still there, and must not stay if we do not come to remove it.
        CommandEncoder.write(["PEXPIRE", mine, Self.lifetime], to: &commands)
        return try await link.attempt { [commands] connection, _ in
            if mayBeDone, try await link.ask("EXISTS", mine, over: connection).integer == 0 {
                try link.expectAtHome()
                // Gone, so it has its name: only the reply was lost. Unless it had the time to expire.
                guard ContinuousClock.now - start < .milliseconds(Self.lifetime - 30_000) else { throw Self.isGone }
                return .copied(losing: nil)
            }
            let replies: [Reply]
            do {
                replies = try await link.transact([commands], count: 3, over: connection)
            } catch let error as BigValueLink.RefusedForNow {
                throw error
            } catch let error as BigValueLink.KeyRefused {
                throw error
            } catch {
                mayBeDone = true
                throw error
            }
            if let error = replies.lazy.compactMap(\.error).first {
                if let expiry, expiry <= clock.now { return .expired }
                if ending.lastsUntil <= clock.now { return .expired }
                throw BigValueLink.KeyRefused(reason: String("\(error)".prefix(200)))
            }
            return replies.count > 1 && replies[1].integer == 0 ? .existing : .copied(losing: nil)
        }
    }

    /// Removes the temporary key, if that can be done now; else it expires.
    private func remove(unless outcome: BigValueWrite.Outcome?) async {
        if case .copied? = outcome { return }
        let key = write.temporaryKey
        _ = try? await link.attempt { connection, isAgain in
            if !isAgain { _ = try await link.ask("UNLINK", key, over: connection) }
        }
    }
}
