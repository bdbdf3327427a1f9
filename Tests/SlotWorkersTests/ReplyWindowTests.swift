import NIOCore
import Testing

@testable import SlotWorkers

/// A batch of the commands that lines such as `SET a 1` spell.
private func batch(_ lines: String..., database: Int = 0) -> Batch {
    var batch = Batch(database: database, epoch: 1, destination: 0, recycling: ByteBuffer())
    for line in lines {
        let command = EncodedCommand(arguments: line.split(separator: " ").map { Array($0.utf8) })
        batch.append(keys: command.keys.count, arguments: command.arguments)
    }
    return batch
}

private func text(_ keys: [[UInt8]]) -> String {
    keys.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
}

/// Consequences as words, so that a test reads like the protocol.
private func words(_ actions: [ReplyWindow.Action]) -> [String] {
    actions.map { action in
        switch action {
        case .finished(let batch, let copied): "finished \(copied) of \(batch.keys)"
        case .existing(let keys): "existing \(text(keys))"
        case .failed(let keys, let reason): "failed \(text(keys)): \(reason)"
        case .recover(let refusal): "recover: \(refusal.reason)"
        case .stop(let reason): "stop: \(reason)"
        case .selected: "selected"
        case .notSelected(let reason): "not selected: \(reason)"
        }
    }
}

private func words(_ repetitions: [ReplyWindow.Repetition]) -> [String] {
    repetitions.map { "\(text($0.command.arguments))\($0.counted ? " (counted)" : "")" }
}

/// The slot of a key is its first byte.
private func firstByte(_ key: [UInt8]) -> UInt16 { UInt16(key.first ?? 0) }

private let oom = WriteReply.refused("OOM command not allowed")

struct ReplyWindowTests {
    private var window = ReplyWindow()

    @Test mutating func `a batch is finished when all its commands are answered`() {
        window.sent(batch("SET a 1", "MSET b 1 c 1"))
        window.sent(batch("SET d 1"))
        #expect(!window.isQuiet && window.unansweredBatches == 2)
        #expect(words(window.received(.succeeded(1))) == [])
        #expect(words(window.received(.succeeded(2))) == ["finished 3 of 3", "finished 1 of 1"])
        #expect(window.isQuiet && window.unansweredBatches == 0)
    }

    @Test mutating func `a key that exists and one that is refused are not copied`() {
        window.sent(batch("SET a 1 NX", "SET b 1 NX", "RESTORE c 0 p", "SET d 1", "SET e 1"))
        #expect(words(window.received(.absent)) == ["existing a"])
        #expect(words(window.received(.succeeded(1))) == [])
        #expect(words(window.received(.refused("BUSYKEY Target key name already exists."))) == ["existing c"])
        #expect(words(window.received(.refused("ERR no"))) == ["failed d: ERR no"])
        #expect(words(window.received(.succeeded(1))) == ["finished 2 of 5"])
    }

    @Test mutating func `an MSET that is refused for good is repeated key by key, to know which`() {
        window.sent(batch("MSET a 1 b 2 c 3", "SET d 1"))
        #expect(
            words(window.received(.refused("NOPERM No permissions to access a key")))[0].hasPrefix("recover: NOPERM"))
        #expect(words(window.received(.succeeded(1))) == [])
        let (repetitions, finished) = window.takeRepetitions(slot: firstByte)
        #expect(words(repetitions) == ["SET a 1", "SET b 2", "SET c 3"])
        #expect(finished.map(\.copied) == [1])
    }

    @Test mutating func `an MSET of one key that is refused for good fails it`() {
        window.sent(batch("MSET a 1", "SET d 1"))
        #expect(words(window.received(.refused("ERR no"))) == ["failed a: ERR no"])
        #expect(words(window.received(.succeeded(1))) == ["finished 1 of 2"])
    }

    @Test mutating func `an MSET that is refused for now is repeated key by key`() {
        window.sent(batch("MSET a 1 b 2", "SET c 1"))
        #expect(words(window.received(oom)) == ["recover: target out of memory"])
        #expect(words(window.received(.succeeded(1))) == [])
        #expect(window.isQuiet)
        let (repetitions, finished) = window.takeRepetitions(slot: firstByte)
        #expect(words(repetitions) == ["SET a 1", "SET b 2"])
        #expect(finished.map(\.copied) == [1])
        #expect(window.isQuiet)
    }

    @Test mutating func `what follows a refusal in its slot is repeated behind it, and not counted again`() {
        window.sent(batch("SET a1 1", "SET a2 1", "SET b1 1", "SET a3 1"))
        window.sent(batch("SET b2 1", "MSET a4 1 a5 1", "SET a1 2"))
        _ = window.received(.succeeded(1))
        #expect(words(window.received(.refused("MOVED 7 127.0.0.1:1"))) == ["recover: the target's layout changed"])
        #expect(words(window.received(.succeeded(5))) == [])
        #expect(window.isQuiet)
        let (repetitions, finished) = window.takeRepetitions(slot: firstByte)
        #expect(
            words(repetitions) == [
                "SET a2 1", "SET a3 1 (counted)", "SET a4 1 (counted)", "SET a5 1 (counted)", "SET a1 2 (counted)",
            ])
        #expect(finished.map(\.copied) == [3, 4])
    }

    @Test mutating func `a server that takes more can have it all again: one slot for all keys`() {
        window.sent(batch("SET a 1", "SET b 1", "SET c 1"))
        _ = window.received(.succeeded(1))
        _ = window.received(oom)
        _ = window.received(.succeeded(1))
        #expect(words(window.takeRepetitions { _ in 0 }.repetitions) == ["SET b 1", "SET c 1 (counted)"])
    }

    @Test mutating func `a connection that is lost leaves everything unanswered to be repeated, in order`() {
        window.sent(batch("SET a 1", "SET b 1", database: 3))
        window.sent(batch("MSET c 1 d 1", "SET e 1 NX"))
        _ = window.received(.succeeded(1))
        #expect(!window.isQuiet)
        let (repetitions, finished) = window.takeRepetitions(slot: firstByte)
        #expect(words(repetitions) == ["SET b 1", "SET c 1", "SET d 1", "SET e 1 NX"])
        #expect(repetitions.map(\.database) == [3, 0, 0, 0])
        #expect(finished.map(\.copied) == [1, 0])
        #expect(finished.map(\.batch.keys) == [2, 3])
    }

    @Test mutating func `a refusal, then a lost connection: both are repeated, in order`() {
        window.sent(batch("SET a1 1", "SET b1 1", "SET a2 1", "SET b2 1"))
        _ = window.received(oom)
        _ = window.received(.succeeded(1))
        #expect(words(window.takeRepetitions(slot: firstByte).repetitions) == ["SET a1 1", "SET a2 1", "SET b2 1"])
    }

    @Test mutating func `what exists or failed behind a refusal keeps its count`() {
        window.sent(batch("SET a1 1", "SET a2 1 NX", "SET a3 1", "SET a4 1"))
        _ = window.received(oom)
        #expect(words(window.received(.absent)) == ["existing a2"])
        #expect(words(window.received(.refused("ERR no"))) == ["failed a3: ERR no"])
        #expect(words(window.received(oom)) == ["recover: target out of memory"])
        let (repetitions, finished) = window.takeRepetitions(slot: firstByte)
        #expect(words(repetitions) == ["SET a1 1", "SET a2 1 NX (counted)", "SET a3 1 (counted)", "SET a4 1"])
        #expect(finished.map(\.copied) == [0])
    }

    @Test mutating func `the window serves again after a recovery`() {
        window.sent(batch("SET a 1"))
        _ = window.received(oom)
        _ = window.takeRepetitions(slot: firstByte)
        window.sent(batch("SET a 2"))
        #expect(words(window.received(.succeeded(1))) == ["finished 1 of 1"])
        #expect(window.takeRepetitions(slot: firstByte).finished.isEmpty)
    }

    @Test mutating func `a refusal that is for ever stops, and its keys stay open`() {
        window.sent(batch("SET a 1", "SET b 1"))
        #expect(
            words(window.received(.refused("NOAUTH Authentication required."))) == [
                "stop: NOAUTH Authentication required."
            ])
        let (repetitions, finished) = window.takeRepetitions(slot: firstByte)
        #expect(words(repetitions) == ["SET a 1", "SET b 1"])
        #expect(finished.map(\.copied) == [0])
    }

    @Test mutating func `an answer to nothing stops`() {
        let stop = ["stop: the target answered more than it was asked"]
        #expect(words(window.received(.succeeded(1))) == stop)
        #expect(words(window.received(.absent)) == stop)
        #expect(words(window.received(oom)) == stop)
        window.sent(batch("SET a 1"))
        #expect(words(window.received(.succeeded(2))) == ["finished 1 of 1"] + stop)
    }

    @Test mutating func `SELECT has no keys, and is never repeated`() {
        window.sent(batch("SELECT 3"))
        #expect(words(window.received(.succeeded(1))) == ["selected"])
        window.sent(batch("SET a 1", database: 3))
        window.sent(batch("SELECT 4"))
        let (repetitions, finished) = window.takeRepetitions(slot: firstByte)
        #expect(words(repetitions) == ["SET a 1"])
        #expect(repetitions.first?.database == 3)
        // It was never spent, so it is not given back.
        #expect(finished.map(\.batch.keys) == [1])
    }

    @Test(arguments: [
        "BUSY Redis is busy running a script.", "ERR DB index is out of range", "NOPERM no select", "LOADING x",
    ])
    func `a refused SELECT is told, whatever the reason`(line: String) {
        var window = ReplyWindow()
        window.sent(batch("SELECT 3"))
        #expect(words(window.received(.refused(line)))[0] == "not selected: \(line)")
    }

    @Test mutating func `SELECT is told also while a recovery is due`() {
        window.sent(batch("SET a 1"))
        window.sent(batch("SELECT 3"))
        _ = window.received(oom)
        #expect(words(window.received(.succeeded(1))) == ["selected"])
        #expect(window.isQuiet)
        #expect(words(window.takeRepetitions(slot: firstByte).repetitions) == ["SET a 1"])
    }
}
