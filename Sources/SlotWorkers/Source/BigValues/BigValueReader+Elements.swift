internal import NIOCore
internal import RDBParser
internal import RESP

/// Strings and lists.
extension BigValueReader {
    /// - Returns: `false` when the key is gone.
    func readString<V: ValueVisitor & ~Copyable>(
        _ key: [UInt8], _ digest: inout ValueDigest, _ visitor: inout V,
        _ betweenPages: (inout V) async throws -> Void
    ) async throws -> Bool {
        let pageBytes = max(limits.bytes / Self.pieceBytes, 1) * Self.pieceBytes
        var answer = try await ask([
            ["MULTI"], ["EXISTS", key], ["STRLEN", key], ["GETRANGE", key, 0, pageBytes - 1], ["EXEC"],
        ])
        var (length, contents) = try answer.read { cursor throws(BigValueError) in
            try cursor.transaction(of: 3)
            let isThere = try cursor.integer() == 1
            let length = try cursor.integer()
            return (isThere ? length : nil, try cursor.bulk())
        }
        guard let length else { return false }
        var position = 0
        while true {
            let page = answer
            let size = contents.count
            guard size == min(pageBytes, Int(length) - position) else { throw BigValueError.changed }
            position += size
            let isLast = position == Int(length)
            let next = isLast ? nil : send([["GETRANGE", key, position, position + pageBytes - 1]])
            page.pass(contents, .string, length: UInt64(length), isLast: isLast, into: &digest)
            page.pass(contents, .string, length: UInt64(length), isLast: isLast, into: &visitor)
            guard let next else { return true }
            try await betweenPages(&visitor)
            answer = Answer(bytes: try await next.get())
            contents = try answer.read { cursor throws(BigValueError) in try cursor.bulk() }
        }
    }

    func readList<V: ValueVisitor & ~Copyable>(
        _ key: [UInt8], _ digest: inout ValueDigest, _ visitor: inout V,
        _ betweenPages: (inout V) async throws -> Void
    ) async throws {
        var size = PageSize(limits)
        var position = 0
        var asked = size.count
        var answer = try await ask([["LRANGE", key, 0, asked - 1]])
        while true {
            let page = answer
            let count = try page.read { cursor throws(BigValueError) in try cursor.array() }
            size.learn(elements: count, bytes: page.bytes.readableBytes)
            position += count
            let isLast = count < asked
            asked = size.count
            let next = isLast ? nil : send([["LRANGE", key, position, position + asked - 1]])
            try page.passList(into: &digest)
            try page.passList(into: &visitor)
            guard let next else { return }
            try await betweenPages(&visitor)
            answer = Answer(bytes: try await next.get())
        }
    }
}

extension Answer {
    /// Passes on bytes of the answer as a string, or as a part of one: in pieces.
    ///
    /// - Parameters:
    ///   - length: Of the whole string.
    ///   - isLast: Whether it ends with these bytes.
    func pass<V: ValueVisitor & ~Copyable>(
        _ range: Range<Int>, _ part: ValuePart, length: UInt64, isLast: Bool, into visitor: inout V
    ) {
        bytes.readableBytesSpan.extracting(range).pass(part, length: length, isLast: isLast, into: &visitor)
    }

    fileprivate func passList<V: ValueVisitor & ~Copyable>(into visitor: inout V) throws(BigValueError) {
        var cursor = ReplyCursor(bytes.readableBytesSpan)
        for _ in 0..<(try cursor.array()) {
            let element = cursor.contents(try cursor.bulk())
            element.pass(.element, into: &visitor)
        }
    }
}

extension RawSpan {
    /// Passes these bytes on as a whole string.
    func pass<V: ValueVisitor & ~Copyable>(_ part: ValuePart, into visitor: inout V) {
        pass(part, length: UInt64(byteCount), isLast: true, into: &visitor)
    }

    func pass<V: ValueVisitor & ~Copyable>(
        _ part: ValuePart, length: UInt64, isLast: Bool, into visitor: inout V
    ) {
        var start = 0
        repeat {
            let end = Swift.min(start + BigValueReader.pieceBytes, byteCount)
            visitor.bytes(extracting(start..<end), of: part, length: length, isLast: isLast && end == byteCount)
            start = end
        } while start < byteCount
    }
}
