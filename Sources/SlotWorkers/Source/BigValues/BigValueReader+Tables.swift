internal import NIOCore
internal import RDBParser
internal import RESP

/// A page, and where the next one begins.
private struct TablePage {
    let answer: Answer
    /// Replies of the answer that belong to the page before it.
    let skipped: Int
    /// Strings in it.
    let count: Int
    let cursor: [UInt8]
    var isLast: Bool { cursor == Array("0".utf8) }

    init(_ answer: Answer, skipping skipped: Int) throws(BigValueError) {
        self.answer = answer
        self.skipped = skipped
        (cursor, count) = try answer.read { replies throws(BigValueError) in
            for _ in 0..<skipped { try replies.skip() }
            guard try replies.array() == 2 else { throw .malformed }
            let cursor = replies.contents(try replies.bulk()).array
            return (cursor, try replies.array())
        }
    }
}

/// Sets, sorted sets and hashes: what a cursor goes over.
extension BigValueReader {
    func readTable<V: ValueVisitor & ~Copyable>(
        _ key: [UInt8], _ kind: ValueKind, _ digest: inout ValueDigest, _ visitor: inout V,
        _ betweenPages: (inout V) async throws -> Void
    ) async throws {
        let command = kind == .set ? "SSCAN" : kind == .hash ? "HSCAN" : "ZSCAN"
        let stringsPerElement = kind == .set ? 1 : 2
        let hasExpiries = kind == .hash && abilities.tellsFieldExpiries
        var size = PageSize(limits)
        var page = try TablePage(try await ask([[command, key, "0", "COUNT", size.count]]), skipping: 0)
        while true {
            guard page.count.isMultiple(of: stringsPerElement) else { throw BigValueError.malformed }
            size.learn(elements: page.count / stringsPerElement, bytes: page.answer.bytes.readableBytes)
            // With the question for the next page goes the one for the expiries of this page's fields. That they are of
            // another moment than the fields is seen by the second reading, as any other change is.
            var questions: [[any CommandArgument]] = []
            if hasExpiries, page.count > 0 { questions.append(try page.expiryQuestion(key)) }
            let skipped = questions.count
            if !page.isLast { questions.append([command, key, page.cursor, "COUNT", size.count]) }
            let next = questions.isEmpty ? nil : send(questions)
            var following: TablePage?
            if hasExpiries {
                // These are needed before the page can be passed on; what follows is asked for meanwhile in the next round.
                var answer: Answer?
                if let next { answer = Answer(bytes: try await next.get()) }
                try page.passFields(expiries: skipped > 0 ? answer : nil, into: &digest)
                try page.passFields(expiries: skipped > 0 ? answer : nil, into: &visitor)
                if !page.isLast, let answer { following = try TablePage(answer, skipping: skipped) }
            } else {
                try page.pass(kind, into: &digest)
                try page.pass(kind, into: &visitor)
                if let next { following = try TablePage(Answer(bytes: try await next.get()), skipping: 0) }
            }
            guard let following else { return }
            try await betweenPages(&visitor)
            page = following
        }
    }
}

extension TablePage {
    /// Goes to the first string.
    @_lifetime(replies: copy replies)
    private func enter(_ replies: inout ReplyCursor) throws(BigValueError) {
        for _ in 0..<skipped { try replies.skip() }
        _ = try replies.array()
        _ = try replies.bulk()
        _ = try replies.array()
    }

    fileprivate func expiryQuestion(_ key: [UInt8]) throws(BigValueError) -> [any CommandArgument] {
        var replies = ReplyCursor(answer.bytes.readableBytesSpan)
        try enter(&replies)
        var question: [any CommandArgument] = ["HPEXPIRETIME", key, "FIELDS", count / 2]
        question.reserveCapacity(4 + count / 2)
        for _ in 0..<count / 2 {
            question.append(replies.contents(try replies.bulk()).array)
            _ = try replies.bulk()
        }
        return question
    }

    /// Passes on fields that have not expired.
    ///
    /// - Parameter expiries: The answer that begins with them.
    fileprivate func passFields<V: ValueVisitor & ~Copyable>(
        expiries: Answer?, into visitor: inout V
    ) throws(BigValueError) {
        guard let expiries else { return }
        var replies = ReplyCursor(answer.bytes.readableBytesSpan)
        try enter(&replies)
        var times = ReplyCursor(expiries.bytes.readableBytesSpan)
        // Without the key there is no array.
        guard case .array(let told) = try times.step(), told == count / 2 else { throw .changed }
        for _ in 0..<count / 2 {
            let field = replies.contents(try replies.bulk())
            let value = replies.contents(try replies.bulk())
            let expiry = try times.integer()
            if expiry == -2 { continue }
            field.pass(.field, into: &visitor)
            value.pass(.value, into: &visitor)
            if expiry >= 0 { visitor.expiry(expiry) }
        }
    }

    /// Passes on members, members with scores, or fields with values.
    fileprivate func pass<V: ValueVisitor & ~Copyable>(_ kind: ValueKind, into visitor: inout V) throws(BigValueError) {
        var replies = ReplyCursor(answer.bytes.readableBytesSpan)
        try enter(&replies)
        switch kind {
        case .set:
            for _ in 0..<count { replies.contents(try replies.bulk()).pass(.member, into: &visitor) }
        case .sortedSet:
            for _ in 0..<count / 2 {
                let member = replies.contents(try replies.bulk())
                guard let score = ScoreText.parse(replies.contents(try replies.bulk())) else { throw .malformed }
                member.pass(.member, into: &visitor)
                visitor.score(score)
            }
        default:
            for _ in 0..<count / 2 {
                replies.contents(try replies.bulk()).pass(.field, into: &visitor)
                replies.contents(try replies.bulk()).pass(.value, into: &visitor)
            }
        }
    }
}
