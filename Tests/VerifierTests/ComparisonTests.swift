import Testing

@testable import RDBParser
@testable import Verifier

struct ComparisonTests {
    static let now: Int64 = 1_000_000

    private func present(_ value: Value, _ expiry: Int64? = nil, _ scope: ComparisonScope = scope(13, 13)) throws
        -> KeyReading
    {
        KeyReading(.present(try digest(value, scope), expiry: expiry))
    }

    @Test func `each way to differ has its outcome`() throws {
        let comparison = KeyComparison(scope: scope(13, 13))
        let a = try present(.string(text("a")), 5_000_000)
        func outcome(_ source: KeyReading, _ target: KeyReading) -> KeyOutcome {
            comparison.outcome(source: source, target: target, at: Self.now)
        }
        #expect(outcome(a, a) == .match)
        #expect(outcome(.absent, .absent) == .match)
        #expect(outcome(a, .absent) == .missing)
        #expect(outcome(.absent, a) == .extra)
        #expect(try outcome(a, present(.list([text("a")]), 5_000_000)) == .type)
        #expect(try outcome(a, present(.string(text("b")), 5_000_000)) == .value)
        #expect(try outcome(a, present(.string(text("a")))) == .ttl)
        #expect(try outcome(present(.string(text("a"))), a) == .ttl)
        #expect(try outcome(a, present(.string(text("a")), 5_000_000 + 3_600_000)) == .ttl)
        #expect(try outcome(a, present(.string(text("a")), 5_001_000)) == .match)
        #expect(try outcome(a, present(.string(text("a")), 5_001_001)) == .ttl)
        #expect(outcome(a, KeyReading(.unreadable)) == .unsupported)
        let extreme = try present(.string(text("a")), .min)
        #expect(try outcome(present(.string(text("a")), .max), extreme) == .ttl)
    }

    @Test func `a key that expires until then is neither right nor wrong`() throws {
        var scope = scope(13, 13)
        let dying = try present(.string(text("a")), Self.now + 1_000)
        let living = try present(.string(text("a")), Self.now + 1_001)
        let comparison = KeyComparison(scope: scope)
        #expect(comparison.outcome(source: dying, target: .absent, at: Self.now) == .expired)
        #expect(comparison.outcome(source: .absent, target: dying, at: Self.now) == .expired)
        #expect(comparison.outcome(source: living, target: .absent, at: Self.now) == .missing)
        let other = try present(.string(text("b")), Self.now + 500)
        #expect(comparison.outcome(source: dying, target: other, at: Self.now) == .expired)
        #expect(comparison.outcome(source: dying, target: try present(.string(text("a"))), at: Self.now) == .ttl)
        scope.horizon = Self.now + 9_000
        let later = KeyComparison(scope: scope)
        #expect(later.outcome(source: living, target: .absent, at: Self.now) == .expired)
        let field = Value.hash([HashField(field: [1], value: [2], expiry: Self.now + 9_000)])
        #expect(later.outcome(source: try present(field, nil, scope), target: .absent, at: Self.now) == .expired)
    }

    @Test func `what a conversion dropped is told apart from damage`() throws {
        let expiring = Value.hash([HashField(field: [1], value: [2], expiry: 4_102_444_800_000)])
        let plain = Value.hash([HashField(field: [1], value: [2])])
        let damaged = Value.hash([HashField(field: [1], value: [3])])
        let older = scope(13, 11)
        let comparison = KeyComparison(scope: older)
        let source = try present(expiring, nil, older)
        func outcome(_ value: Value) throws -> KeyOutcome {
            comparison.outcome(source: source, target: try present(value, nil, older), at: Self.now)
        }
        #expect(try outcome(plain) == .converted)
        #expect(try outcome(damaged) == .value)
        #expect(
            KeyComparison(scope: scope(13, 80)).outcome(
                source: source, target: try present(plain), at: Self.now) == .ttl)
        #expect(
            comparison.outcome(source: try present(plain, nil, older), target: source, at: Self.now) == .ttl)
        let producers = Change("", .idempotence) { $0.idempotence = .init(duration: 9, maximum: 9) }
        #expect(
            comparison.outcome(
                source: try present(producers.after, nil, older), target: try present(producers.before, nil, older),
                at: Self.now) == .converted)
        let history = Change("", .history) { $0.metadata.history?.entriesAdded += 1 }
        for (sourceVersion, expected) in [(9, KeyOutcome.match), (10, .value)] {
            let scope = scope(sourceVersion, 13)
            #expect(
                KeyComparison(scope: scope).outcome(
                    source: try present(history.after, nil, scope), target: try present(history.before, nil, scope),
                    at: Self.now) == expected)
        }
    }

    // MARK: - Rounds

    private func recheck(rounds: Int = 4, confirmations: Int = 2) -> Recheck {
        var policy = Recheck.Policy()
        policy.rounds = rounds
        policy.confirmations = confirmations
        return Recheck(policy: policy, comparison: KeyComparison(scope: scope(13, 13)))
    }

    /// One look: source, target, and the source again.
    private func look(_ source: String?, _ target: String?, again: String? = nil, isMoving: Bool = false) throws
        -> KeyObservation
    {
        let source = try source.map { try present(.string(text($0))) } ?? .absent
        let target = try target.map { try present(.string(text($0))) } ?? .absent
        let later = isMoving ? try again.map { try present(.string(text($0))) } ?? .absent : source
        return KeyObservation(source: source, target: target, stability: .reread(later), time: Self.now)
    }

    @Test func `a difference counts once it was confirmed`() throws {
        var recheck = recheck()
        #expect(try recheck.observed(look("a", "b")) == .lookAgain(after: 500))
        #expect(try recheck.observed(look("a", "b")) == .settled(.value))
    }

    @Test func `a target that lags behind is no mismatch`() throws {
        var recheck = recheck()
        #expect(try recheck.observed(look("a", nil)) == .lookAgain(after: 500))
        #expect(try recheck.observed(look("a", "a")) == .settled(.match))
    }

    @Test func `a key that is written in every round is changing, whatever the target holds`() throws {
        for target in ["a", "b", nil] {
            var recheck = recheck(rounds: 3)
            #expect(try recheck.observed(look("a", target, again: "b", isMoving: true)) == .lookAgain(after: 500))
            #expect(try recheck.observed(look("c", target, again: nil, isMoving: true)) == .lookAgain(after: 1_000))
            #expect(try recheck.observed(look("e", target, again: "f", isMoving: true)) == .settled(.changing))
        }
    }

    @Test func `a source that was still in each look but not between them is changing`() throws {
        var recheck = recheck(rounds: 3)
        #expect(try recheck.observed(look("a", "x")) == .lookAgain(after: 500))
        #expect(try recheck.observed(look("b", "x")) == .lookAgain(after: 1_000))
        #expect(try recheck.observed(look("c", "x")) == .settled(.changing))
    }

    @Test func `when rounds run out over another difference each time it is inconclusive`() throws {
        var recheck = recheck(rounds: 2)
        #expect(try recheck.observed(look("a", nil)) == .lookAgain(after: 500))
        #expect(try recheck.observed(look("a", "b")) == .settled(.inconclusive))
    }

    @Test func `readings that fail are inconclusive, and never a match`() throws {
        var recheck = recheck(rounds: 2)
        #expect(recheck.failed() == .lookAgain(after: 500))
        #expect(recheck.failed() == .settled(.inconclusive))
        var other = self.recheck(rounds: 3)
        #expect(try other.observed(look("a", "b")) == .lookAgain(after: 500))
        #expect(other.failed() == .lookAgain(after: 1_000))
        #expect(try other.observed(look("a", "b")) == .settled(.inconclusive))
    }

    @Test func `a watched stream says what rereading cannot see`() throws {
        var recheck = recheck(rounds: 1)
        let same = try present(.string(text("a")))
        let observation = KeyObservation(
            source: same, target: same, stability: .watched(changed: true), time: Self.now)
        #expect(recheck.observed(observation) == .settled(.changing))
    }

    @Test func `files are settled at the first look, and waits are bounded`() throws {
        var still = Recheck(policy: .still, comparison: KeyComparison(scope: scope(13, 13)))
        var observation = try look("a", nil)
        observation.stability = .fixed
        #expect(still.observed(observation) == .settled(.missing))
        var patient = recheck(rounds: 100, confirmations: 100)
        for _ in 0..<98 { _ = try patient.observed(look("a", "b")) }
        #expect(try patient.observed(look("a", "b")) == .lookAgain(after: 8_000))
    }
}
