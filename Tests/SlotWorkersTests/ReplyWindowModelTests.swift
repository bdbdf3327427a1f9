import NIOCore
import Testing

@testable import SlotWorkers

/// Random batches, replies and losses against a model that only knows what was sent and what was answered.
struct ReplyWindowModelTests {
    /// What the model expects of a command.
    private enum Fate {
        case copied, existing, failed, again, open
    }

    private struct Command {
        let keys: [[UInt8]]
        let database: Int
        var fate = Fate.open
    }

    private struct Counts: Equatable {
        var copied = 0
        var existing = 0
        var failed = 0

        mutating func take(_ actions: [ReplyWindow.Action]) {
            for action in actions {
                switch action {
                case .finished(_, let copied): self.copied += copied
                case .existing(let keys): existing += keys.count
                case .failed(let keys, _): failed += keys.count
                case .recover, .stop, .selected, .notSelected: break
                }
            }
        }
    }

    private static func slot(_ key: [UInt8]) -> UInt16 { UInt16(key[0]) }

    /// Fills a batch with random commands; keys begin with the byte of their slot and are all different.
    private static func fill(
        _ random: inout SystemRandomNumberGenerator, _ number: inout Int, slots: UInt8
    ) -> (batch: Batch, commands: [Command]) {
        let database = Int.random(in: 0...2, using: &random)
        var batch = Batch(database: database, epoch: 1, destination: 0, recycling: ByteBuffer())
        var commands: [Command] = []
        func key(_ slot: UInt8) -> [UInt8] {
            number += 1
            return [slot] + Array(String(number).utf8)
        }
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let slot = UInt8.random(in: 0..<slots, using: &random)
            let name = ["SET", "SETNX", "RESTORE", "MSET"].randomElement(using: &random) ?? "SET"
            let keys = (0..<(name == "MSET" ? Int.random(in: 1...5, using: &random) : 1)).map { _ in key(slot) }
            let value: [UInt8] = [0x76]
            let arguments: [[UInt8]] =
                switch name {
                case "MSET": [Array("MSET".utf8)] + keys.flatMap { [$0, value] }
                case "SETNX": [Array("SET".utf8), keys[0], value, Array("NX".utf8)]
                case "RESTORE": [Array("RESTORE".utf8), keys[0], Array("0".utf8), value]
                default: [Array("SET".utf8), keys[0], value]
                }
            batch.append(keys: keys.count, arguments: arguments)
            commands.append(Command(keys: keys, database: database))
        }
        return (batch, commands)
    }

    @Test func `every key ends in one count or one repetition, and slots keep their order`() {
        var random = SystemRandomNumberGenerator()
        for round in 0..<3000 {
            var window = ReplyWindow()
            var counts = Counts()
            var commands: [Command] = []
            var number = 0
            // Everything that was ever given up for a repetition, over several recoveries of the same window.
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                commands = []
                counts = Counts()
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let (batch, more) = Self.fill(&random, &number, slots: 3)
                    window.sent(batch)
                    commands += more
                }
                let answered =
                    Bool.random(using: &random) ? commands.count : Int.random(in: 0...commands.count, using: &random)
                var successes = 0
                for index in 0..<answered {
                    let dice = Int.random(in: 0..<12, using: &random)
                    if dice < 8 {
                        commands[index].fate = .copied
                        successes += 1
                        if Bool.random(using: &random) { continue }
                    }
                    if successes > 0 { counts.take(window.received(.succeeded(successes))) }
                    successes = 0
                    switch dice {
                    case 0..<8: break
                    case 8:
                        // Of several keys each goes alone, to know which one is refused.
                        commands[index].fate = commands[index].keys.count > 1 ? .again : .failed
                        counts.take(window.received(.refused("ERR no")))
                    case 9:
                        commands[index].fate = .existing
                        counts.take(window.received(.refused("BUSYKEY there")))
                    default:
                        commands[index].fate = .again
                        counts.take(window.received(.refused(dice == 10 ? "OOM full" : "MOVED 1 a:1")))
                    }
                }
                if successes > 0 { counts.take(window.received(.succeeded(successes))) }
                #expect(window.isQuiet == (answered == commands.count))

                let (repetitions, finished) = window.takeRepetitions(slot: Self.slot)
                counts.copied += finished.reduce(0) { $0 + $1.copied }
                check(commands, counts, repetitions, round: round)
                #expect(window.isQuiet)
            }
        }
    }

    private func check(_ commands: [Command], _ counts: Counts, _ repetitions: [ReplyWindow.Repetition], round: Int) {
        func keys(_ fate: Fate) -> Int { commands.reduce(0) { $1.fate == fate ? $0 + $1.keys.count : $0 } }
        #expect(
            counts == Counts(copied: keys(.copied), existing: keys(.existing), failed: keys(.failed)), "round \(round)")
        // What must be repeated: all that is open or refused for now, and all behind such a one in its slot.
        var touched: Set<UInt16> = []
        var expected: [[UInt8]: Bool] = [:]
        var order: [[UInt8]] = []
        for command in commands {
            let isDue = command.fate == .open || command.fate == .again
            let slot = Self.slot(command.keys[0])
            guard isDue || touched.contains(slot) else { continue }
            touched.insert(slot)
            for key in command.keys {
                expected[key] = !isDue
                order.append(key)
            }
        }
        #expect(repetitions.flatMap(\.command.keys) == order, "round \(round)")
        for repetition in repetitions {
            #expect(repetition.command.name != "MSET")
            #expect(repetition.command.keys.count == 1)
            #expect(repetition.counted == expected[repetition.command.keys[0]], "round \(round)")
        }
    }
}
