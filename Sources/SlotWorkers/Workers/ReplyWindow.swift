internal import DequeModule

/// What was sent on one connection and is not answered yet, in order. Replies in, consequences out; no I/O.
///
/// From the first reply that asks for a repetition on, the window keeps what follows: a later command that touches the
/// same slot is repeated too, so that an older state never lands after a newer one.
struct ReplyWindow {
    /// A consequence of a reply.
    enum Action {
        /// All of a batch is answered; `copied` keys of it are now as at the source.
        case finished(Batch, copied: Int)
        /// Keys that the target had, which the command was told to leave.
        case existing([[UInt8]])
        case failed([[UInt8]], reason: String)
        /// The worker must come to rest and repeat: ``takeRepetitions()``.
        case recover(Refusal)
        case stop(reason: String)
        /// The database that was asked for is selected.
        case selected
        /// It is not, and nothing may be sent.
        case notSelected(reason: String)
    }

    /// A command that must be sent again.
    struct Repetition: Equatable, Sendable {
        let command: EncodedCommand
        let database: Int
        /// Its keys were counted already: it is repeated for the order alone.
        let counted: Bool
    }

    private struct Sent {
        let batch: Batch
        var answered = 0
        /// Keys that were counted otherwise than as copied, or will be.
        var otherwise = 0
        /// Index of each command that is to be repeated; empty on a batch without trouble.
        var refused: Set<Int> = []
        var isAnswered: Bool { answered == batch.commands }
    }

    private var window: Deque<Sent> = []
    /// Index in `window` of the first batch with an unanswered command.
    private var current = 0
    private var isRecovering = false

    /// Whether nothing is awaited.
    var isQuiet: Bool { current == window.count }
    var unansweredBatches: Int { window.count - current }

    mutating func sent(_ batch: Batch) {
        window.append(Sent(batch: batch))
    }

    mutating func received(_ reply: WriteReply) -> [Action] {
        switch reply {
        case .succeeded(let count): succeeded(count)
        case .absent:
            one { command, sent in
                guard command.name == "SET" else { return nil }
                sent.otherwise += command.keys.count
                return .existing(command.keys)
            }
        case .refused(let line):
            one { command, sent in
                let keys = command.keys
                if keys.isEmpty { return .notSelected(reason: line) }
                switch Refusal(line) {
                case .keyExists:
                    sent.otherwise += keys.count
                    return .existing(keys)
                case .key where keys.count > 1:
                    // Which of them is refused shows when each goes alone.
                    sent.otherwise += keys.count
                    sent.refused.insert(sent.answered)
                    return .recover(Refusal(line))
                case .key(let reason):
                    sent.otherwise += keys.count
                    return .failed(keys, reason: reason)
                case .fatal(let reason):
                    sent.otherwise += keys.count
                    sent.refused.insert(sent.answered)
                    return .stop(reason: reason)
                case let refusal:
                    sent.otherwise += keys.count
                    sent.refused.insert(sent.answered)
                    return .recover(refusal)
                }
            }
        }
    }

    private mutating func succeeded(_ count: Int) -> [Action] {
        var actions: [Action] = []
        var left = count
        while left > 0, current < window.count {
            let taken = min(left, window[current].batch.commands - window[current].answered)
            window[current].answered += taken
            left -= taken
            finishCurrent(&actions)
        }
        if left > 0 { actions.append(.stop(reason: "the target answered more than it was asked")) }
        return actions
    }

    private mutating func one(_ consequence: (EncodedCommand, inout Sent) -> Action?) -> [Action] {
        guard current < window.count else { return [.stop(reason: "the target answered more than it was asked")] }
        let command = window[current].batch.command(at: window[current].answered)
        var actions: [Action] = []
        if let action = consequence(command, &window[current]) {
            if case .recover = action { isRecovering = true }
            if case .stop = action { isRecovering = true }
            actions.append(action)
        }
        window[current].answered += 1
        finishCurrent(&actions)
        return actions
    }

    private mutating func finishCurrent(_ actions: inout [Action]) {
        while current < window.count, window[current].isAnswered {
            if isRecovering, window[current].batch.keys > 0 {
                current += 1
            } else if isRecovering {
                window.remove(at: current)
                actions.append(.selected)
            } else {
                let sent = window.removeFirst()
                let isSelect = sent.batch.keys == 0
                actions.append(isSelect ? .selected : .finished(sent.batch, copied: sent.batch.keys - sent.otherwise))
            }
        }
    }

    /// Empties the window: what must be sent again, in order, and the batches that it lay in.
    ///
    /// That is everything that was refused for now, everything unanswered (the connection is gone, or nothing is awaited),
    /// and what succeeded in between for a slot of which something earlier did not.
    ///
    /// - Parameter slot: The slot of a key, or one number for all keys on a standalone target.
    mutating func takeRepetitions(
        slot: ([UInt8]) -> UInt16
    ) -> (repetitions: [Repetition], finished: [(batch: Batch, copied: Int)]) {
        var repetitions: [Repetition] = []
        var finished: [(batch: Batch, copied: Int)] = []
        var touched: Set<UInt16> = []
        for sent in window {
            var uncounted = 0
            for index in 0..<sent.batch.commands {
                let isOpen = index >= sent.answered
                let isRefused = sent.refused.contains(index)
                guard isOpen || isRefused || !touched.isEmpty else { continue }
                let command = sent.batch.command(at: index)
                let keys = command.keys
                guard !keys.isEmpty else { continue }
                if isOpen { uncounted += keys.count }
                let slots = Set(keys.map(slot))
                guard isOpen || isRefused || !touched.isDisjoint(with: slots) else { continue }
                touched.formUnion(slots)
                for part in command.perKey {
                    repetitions.append(
                        Repetition(command: part, database: sent.batch.database, counted: !isOpen && !isRefused))
                }
            }
            if sent.batch.keys > 0 { finished.append((sent.batch, sent.batch.keys - sent.otherwise - uncounted)) }
        }
        window.removeAll()
        current = 0
        isRecovering = false
        return (repetitions, finished)
    }
}
