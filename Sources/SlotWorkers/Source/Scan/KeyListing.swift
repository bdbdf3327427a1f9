internal import DequeModule
internal import NIOCore
internal import RESP

/// Names all keys of one server: which question comes next, and what an answer means. Pure: it sends nothing itself.
///
/// A standalone server is asked by SCAN, database by database. A cluster node is asked slot by slot, as keys can only be
/// dumped together with others of their slot: first how many keys each slot has, then for their names
/// (`CLUSTER GETKEYSINSLOT`, which answers whole slots); slots with very many keys by SCAN.
struct KeyListing {
    /// A question, in the order of the answers.
    enum Question: Equatable {
        case select(Int)
        case scan(cursor: [UInt8])
        case count(HashSlot)
        case names(HashSlot, limit: Int)
    }

    enum Failure: Error, Equatable {
        case refused(String)
        case malformed(UInt8)
    }

    /// Keys that SCAN is asked to look at in one call. It blocks the server for some 50 µs.
    private static let scanCount = 500
    /// Slots with more keys than this are read by SCAN.
    private static let mostNamesAtOnce = 10_000
    /// Questions about slots that are on their way at once.
    private static let mostQuestions = 64

    private let slots: SlotSet?
    /// Of all databases, in their order.
    private var questions: Deque<Question>
    /// What answers showed to be worth asking, before the next database.
    private var planned: Deque<Question> = []
    private var asked: Deque<Question> = []
    /// Slots that the SCAN under way reads, and those that were found large after it had begun.
    private var largeSlots = SlotSet()
    private var laterSlots = SlotSet()
    private var isScanning = false
    private var database = 0
    /// On a new connection, the database comes first.
    private var mustSelect = false

    /// - Parameters:
    ///   - databases: Those that hold keys, in the order in which they are to be read.
    ///   - slots: On a cluster, the slots to read; `nil` for a standalone server.
    init(databases: [Int], slots: SlotSet?) {
        self.slots = slots
        questions = []
        for database in databases {
            questions.append(.select(database))
            if let slots {
                questions.append(contentsOf: slots.slots.map(Question.count))
            } else {
                questions.append(.scan(cursor: Array("0".utf8)))
            }
        }
    }

    /// Whether no answer is awaited.
    var isIdle: Bool { asked.isEmpty }

    var isDone: Bool { questions.isEmpty && planned.isEmpty && asked.isEmpty }

    /// The next question, if one may be asked now.
    mutating func next() -> Question? {
        if mustSelect {
            mustSelect = false
            asked.append(.select(database))
            return asked.last
        }
        var question = questions.first
        if case .select = question, !planned.isEmpty { question = planned.first }
        question = question ?? planned.first
        switch question {
        case nil: return nil
        case .select, .scan:
            // What comes behind them depends on them.
            guard asked.isEmpty else { return nil }
        case .count, .names:
            guard asked.count < Self.mostQuestions else { return nil }
            switch asked.last {
            case .select, .scan: return nil
            default: break
            }
        }
        if case .scan = question { isScanning = true }
        if question == questions.first { questions.removeFirst() } else { planned.removeFirst() }
        if let question { asked.append(question) }
        return question
    }

    /// What was asked and not answered is to be asked again, on a new connection.
    mutating func restart() {
        for question in asked.reversed() { questions.prepend(question) }
        asked = []
        mustSelect = true
    }

    /// Writes a question as a command.
    static func write(_ question: Question, to buffer: inout ByteBuffer) {
        switch question {
        case .select(let database): CommandEncoder.write(["SELECT", database], to: &buffer)
        case .scan(let cursor): CommandEncoder.write(["SCAN", cursor, "COUNT", scanCount], to: &buffer)
        case .count(let slot): CommandEncoder.write(["CLUSTER", "COUNTKEYSINSLOT", Int(slot.rawValue)], to: &buffer)
        case .names(let slot, let limit):
            CommandEncoder.write(["CLUSTER", "GETKEYSINSLOT", Int(slot.rawValue), limit], to: &buffer)
        }
    }

    /// Takes the answer to the oldest question.
    ///
    /// - Parameter found: Called for each key that is named.
    /// - Returns: `false` when more bytes are needed.
    @_lifetime(cursor: copy cursor)
    mutating func consume(_ cursor: inout ReplyCursor, found: (RawSpan, _ database: Int) -> Void) throws -> Bool {
        guard let question = asked.first else { return false }
        let start = cursor.position
        guard let step = try cursor.next() else { return false }
        if case .error(let reason) = step {
            // A cluster of one database refuses to be asked for database 0 on some versions.
            guard question == .select(0) else { throw Failure.refused(reason) }
        }
        switch question {
        case .select(let database):
            if database != self.database { (largeSlots, laterSlots) = (SlotSet(), SlotSet()) }
            self.database = database
        case .count(let slot):
            guard case .integer(let count) = step else { throw Failure.malformed(UInt8(ascii: ":")) }
            plan(slot, count: Int(clamping: count))
        case .scan:
            guard let next = try nextCursor(&cursor), try names(&cursor, found) != nil else {
                cursor.rewind(to: start)
                return false
            }
            if next != Array("0".utf8) {
                planned.prepend(.scan(cursor: next))
            } else {
                isScanning = false
                largeSlots = laterSlots
                laterSlots = SlotSet()
                if !largeSlots.isEmpty { planned.append(.scan(cursor: next)) }
            }
        case .names(let slot, let limit):
            cursor.rewind(to: start)
            guard let count = try countOfNames(&cursor, found) else {
                cursor.rewind(to: start)
                return false
            }
            if count >= limit { planLarge(slot) }
        }
        asked.removeFirst()
        return true
    }

    private mutating func plan(_ slot: HashSlot, count: Int) {
        guard count > 0 else { return }
        if count > Self.mostNamesAtOnce {
            planLarge(slot)
        } else {
            // Room for keys that are added meanwhile.
            planned.append(.names(slot, limit: count + 1000))
        }
    }

    private mutating func planLarge(_ slot: HashSlot) {
        if isScanning {
            laterSlots.insert(slot)
            return
        }
        if largeSlots.isEmpty { planned.append(.scan(cursor: Array("0".utf8))) }
        largeSlots.insert(slot)
    }
}

// MARK: - Answers

extension KeyListing {
    @_lifetime(cursor: copy cursor)
    private func nextCursor(_ cursor: inout ReplyCursor) throws -> [UInt8]? {
        guard let step = try cursor.next() else { return nil }
        guard case .bulk(let range) = step else { throw Failure.malformed(UInt8(ascii: "*")) }
        return cursor.contents(range).array
    }

    /// The names behind a SCAN cursor. On a cluster only those of slots that are read this way.
    @_lifetime(cursor: copy cursor)
    private func names(_ cursor: inout ReplyCursor, _ found: (RawSpan, Int) -> Void) throws -> Int? {
        let filter = slots == nil ? nil : largeSlots
        return try countOfNames(&cursor) { key, database in
            if let filter, !filter.contains(HashSlot(key: key)) { return }
            found(key, database)
        }
    }

    /// Reads an array of names, and gives them out once it is whole.
    @_lifetime(cursor: copy cursor)
    private func countOfNames(_ cursor: inout ReplyCursor, _ found: (RawSpan, Int) -> Void) throws -> Int? {
        guard let step = try cursor.next() else { return nil }
        guard case .array(let count) = step else { throw Failure.malformed(UInt8(ascii: "*")) }
        let start = cursor.position
        for _ in 0..<count where try cursor.next() == nil { return nil }
        let end = cursor.position
        cursor.rewind(to: start)
        for _ in 0..<count {
            guard case .bulk(let range) = try cursor.next() else { throw Failure.malformed(UInt8(ascii: "$")) }
            found(cursor.contents(range), database)
        }
        cursor.rewind(to: end)
        return count
    }
}
