import NIOCore
import Testing

@testable import SlotWorkers

/// What may be asked for when, by a clock that the tests turn.
struct RateBudgetTests {
    /// Something that happens at a moment, in milliseconds, and what is to come of it.
    struct Step: Sendable, CustomStringConvertible {
        var at: Int64
        var keys = 0
        var bytes = 0
        /// Came unasked.
        var isSpent = false
        /// In milliseconds; 0: it may be asked for.
        var wait: Int64 = 0

        var description: String { "\(isSpent ? "spend" : "take") \(keys) keys, \(bytes) bytes at \(at): wait \(wait)" }
    }

    struct Table: Sendable, CustomStringConvertible {
        var description: String
        var keysPerSecond: Int?
        var bytesPerSecond: Int?
        var steps: [Step]
    }

    static let tables = [
        Table(
            description: "a burst of a tenth of a second, then the rate", keysPerSecond: 1000,
            steps: [
                Step(at: 0, keys: 100), Step(at: 0, keys: 50, wait: 50), Step(at: 49, keys: 50, wait: 5),
                Step(at: 50, keys: 50), Step(at: 50, keys: 10, wait: 10), Step(at: 60, keys: 10),
            ]),
        Table(
            description: "a long rest allows no more than a burst", keysPerSecond: 1000,
            steps: [Step(at: 3_600_000, keys: 100), Step(at: 3_600_000, keys: 10, wait: 10)]),
        Table(
            description: "the slowest limit gives a key at a time, and is asked again soon", keysPerSecond: 1,
            steps: [
                Step(at: 0, keys: 1), Step(at: 0, keys: 1, wait: 200), Step(at: 900, keys: 1, wait: 100),
                Step(at: 1000, keys: 1), Step(at: 1001, keys: 1, wait: 200),
            ]),
        Table(
            description: "more than a burst waits for a full bucket, and is waited for afterwards", keysPerSecond: 1000,
            steps: [
                Step(at: 0, keys: 300), Step(at: 100, keys: 1, wait: 101), Step(at: 201, keys: 1),
                Step(at: 201, keys: 300, wait: 100), Step(at: 301, keys: 300),
            ]),
        Table(
            description: "bytes that came are waited for before the next question", bytesPerSecond: 1_000_000,
            steps: [
                Step(at: 0, bytes: 1000), Step(at: 10, bytes: 250_000, isSpent: true), Step(at: 10, wait: 150),
                Step(at: 159, wait: 5), Step(at: 161), Step(at: 161, bytes: 10_000, wait: 9),
            ]),
        Table(
            description: "what was expected and did not come is given back, up to a burst", bytesPerSecond: 1_000_000,
            steps: [
                Step(at: 0, bytes: 100_000), Step(at: 0, bytes: 50_000, wait: 50),
                Step(at: 0, bytes: -90_000, isSpent: true), Step(at: 0, bytes: 50_000),
                Step(at: 0, bytes: -900_000, isSpent: true), Step(at: 0, bytes: 100_000),
                Step(at: 0, bytes: 20_000, wait: 20),
            ]),
        Table(
            description: "of two limits the slower one counts, and a refusal takes from neither", keysPerSecond: 1000,
            bytesPerSecond: 1_000_000,
            steps: [
                Step(at: 0, keys: 100, bytes: 1000), Step(at: 0, keys: 20, bytes: 99_000, wait: 20),
                Step(at: 0, keys: 0, bytes: 99_000), Step(at: 30, keys: 1, bytes: 80_000, wait: 50),
                Step(at: 30, keys: 30, bytes: 30_000),
            ]),
        Table(description: "without limits nothing waits", steps: [Step(at: 0, keys: .max / 2, bytes: .max / 2)]),
    ]

    @Test(arguments: tables)
    func `what may be asked for when`(table: Table) {
        let start = NIODeadline.uptimeNanoseconds(5_000_000_000)
        var budget = RateBudget(
            keysPerSecond: table.keysPerSecond, bytesPerSecond: table.bytesPerSecond, at: start)
        for step in table.steps {
            let now = start + .milliseconds(step.at)
            if step.isSpent {
                budget.spend(keys: step.keys, bytes: step.bytes, at: now)
            } else {
                let wait = budget.take(keys: step.keys, bytes: step.bytes, at: now) ?? .zero
                #expect(abs(wait.nanoseconds - step.wait * 1_000_000) < 1000, "\(step)")
            }
        }
    }

    @Test(arguments: [1, 7, 100, 12_345, 1_000_000_000])
    func `no stretch of time has more keys than the rate allows, and one burst`(rate: Int) {
        var budget = RateBudget(keysPerSecond: rate, bytesPerSecond: nil, at: .uptimeNanoseconds(0))
        var now = NIODeadline.uptimeNanoseconds(0)
        var taken: [(at: NIODeadline, keys: Int)] = []
        while taken.count < 300 {
            let keys = min(Int.random(in: 1...max(1, rate / 20)), budget.keysAtOnce)
            if let wait = budget.take(keys: keys, bytes: 0, at: now) {
                #expect(wait >= RateBudget.shortestWait && wait <= RateBudget.longestWait)
                now = now + wait
            } else {
                taken.append((now, keys))
                if Int.random(in: 0..<20) == 0 { now = now + .milliseconds(Int64.random(in: 0..<3000)) }
            }
        }
        for first in taken.indices {
            var keys = 0
            for last in first..<taken.count {
                keys += taken[last].keys
                let seconds = Double((taken[last].at - taken[first].at).nanoseconds) / 1e9
                let most = seconds * Double(rate) + max(1, Double(rate) * RateBudget.burstSeconds)
                #expect(Double(keys) <= most * (1 + 1e-6), "\(first) to \(last)")
            }
        }
    }

    @Test func `waits at the same time count once, and only as far as they have lasted`() {
        let start = NIODeadline.uptimeNanoseconds(1)
        var budget = RateBudget(keysPerSecond: 1000, bytesPerSecond: nil, at: start)
        #expect(budget.take(keys: 100, bytes: 0, at: start) == nil)
        #expect(budget.take(keys: 100, bytes: 0, at: start) == .milliseconds(100))
        #expect(budget.waited(at: start) == .zero)
        #expect(budget.waited(at: start + .milliseconds(30)) == .milliseconds(30))
        #expect(budget.take(keys: 80, bytes: 0, at: start + .milliseconds(20)) == .milliseconds(60))
        #expect(budget.waited(at: start + .milliseconds(100)) == .milliseconds(100))
        #expect(budget.take(keys: 100, bytes: 0, at: start + .milliseconds(500)) == nil)
        #expect(budget.take(keys: 50, bytes: 0, at: start + .milliseconds(500)) == .milliseconds(50))
        #expect(budget.waited(at: start + .seconds(9)) == .milliseconds(150))
    }

    @Test func `another limit holds from now on, and what was too much is still waited for`() {
        let start = NIODeadline.uptimeNanoseconds(1)
        var budget = RateBudget(keysPerSecond: nil, bytesPerSecond: nil, at: start)
        #expect(budget.take(keys: 1_000_000, bytes: 0, at: start) == nil)
        budget.change(keysPerSecond: 1000, bytesPerSecond: nil, at: start)
        #expect(budget.keysAtOnce == 50 && budget.bytesAtOnce == .max)
        #expect(budget.take(keys: 100, bytes: 0, at: start) == nil)
        budget.spend(keys: 50, bytes: 0, at: start)
        budget.change(keysPerSecond: 10_000, bytesPerSecond: nil, at: start)
        #expect(budget.take(keys: 50, bytes: 0, at: start) == .milliseconds(10))
        budget.change(keysPerSecond: 10, bytesPerSecond: nil, at: start + .milliseconds(5))
        #expect(budget.take(keys: 1, bytes: 0, at: start + .milliseconds(5)) == .milliseconds(100))
        budget.change(keysPerSecond: nil, bytesPerSecond: nil, at: start + .milliseconds(6))
        #expect(budget.take(keys: 1000, bytes: 0, at: start + .milliseconds(6)) == nil)
    }

    @Test func `how long keys take at least`() {
        let budget = RateBudget(keysPerSecond: 500, bytesPerSecond: nil, at: .now())
        #expect(budget.time(forKeys: 1000) == .seconds(2))
        #expect(RateBudget(keysPerSecond: nil, bytesPerSecond: 1, at: .now()).time(forKeys: 1000) == .zero)
        #expect(RateBudget(keysPerSecond: 1, bytesPerSecond: nil, at: .now()).time(forKeys: .max) > .hours(1))
    }
}
