package import RDBParser

/// Reads a file for its statistics. Values are passed over as bytes; only one that is too large to be held whole is
/// decoded, since that is how its end is found.
package struct Inspection: StreamReader, Sendable {
    package private(set) var statistics: Statistics

    /// Most bytes of a record that is waited for.
    private let wholeUpTo: Int
    private let limits: ValueDecoder.Limits
    private var large: Large?

    /// A value that is being read in pieces.
    private struct Large {
        var survey: ValueSurvey
        /// Where its bytes begin in the stream; known with the record's head.
        var start: UInt64 = 0
    }

    /// So much of a large value is decoded at once.
    private static var pieceBytes: Int { 64 << 10 }

    /// - Parameter wholeUpTo: 1...; default 16 MiB. The results do not depend on it.
    package init(_ statistics: Statistics, wholeUpTo: Int = 16 << 20) {
        self.statistics = statistics
        self.wholeUpTo = wholeUpTo
        var limits = ValueDecoder.Limits()
        // Decoders are copied here, which must cost nothing; and what is not shown need not be unique.
        limits.maximumComparedElements = 0
        self.limits = limits
    }

    package mutating func read(_ chunk: RawSpan, by parser: inout RDBStreamParser) throws(RDBError) -> Int {
        var position = 0
        while true {
            if large == nil {
                let before = parser
                let start = position
                position += try parser.feed(chunk.extracting(start...), into: &statistics)
                if parser.isFinished || parser.bytesNeeded <= wholeUpTo { return position }
                // The parser waits for a whole record now: one that does not is brought to the same place.
                var fresh = before
                var nobody = ValueSurvey(now: 0)
                _ = try fresh.feed(chunk.extracting(start..<position), into: &nobody)
                guard try beginLarge(chunk.extracting(position...), fresh) else { return position }
                parser = fresh
            }
            while large != nil {
                let consumed = try readLarge(chunk.extracting(position...), &parser)
                guard consumed > 0 else { return position }
                position += consumed
            }
        }
    }

    /// Whether a record begins here of which there is enough to read its value in pieces.
    private mutating func beginLarge(_ bytes: RawSpan, _ parser: RDBStreamParser) throws(RDBError) -> Bool {
        var probe = parser
        var survey = ValueSurvey(now: statistics.expiries.now)
        _ = try probe.feed(bytes, wholeUpTo: wholeUpTo, limits: limits, into: &survey)
        guard survey.head != nil, let head = RecordHead.byteCount(bytes) else { return false }
        large = Large(survey: ValueSurvey(now: statistics.expiries.now), start: parser.offset + UInt64(head))
        return true
    }

    /// Reads the next piece of a large record, and nothing behind its end.
    private mutating func readLarge(_ bytes: RawSpan, _ parser: inout RDBStreamParser) throws(RDBError) -> Int {
        guard let large else { return 0 }
        var size = max(Self.pieceBytes, parser.bytesNeeded)
        if large.survey.head == nil { size = bytes.byteCount }
        let piece = bytes.extracting(first: size)
        var attempt = try reading(piece, of: large, parser)
        if attempt.large.survey.isEnded {
            // What is the shortest part of the piece that ends the value?
            var (low, high) = (1, attempt.consumed)
            while low < high {
                let middle = (low + high) / 2
                if try reading(piece.extracting(first: middle), of: large, parser).large.survey.isEnded {
                    high = middle
                } else {
                    low = middle + 1
                }
            }
            attempt = try reading(piece.extracting(first: high), of: large, parser)
        }
        parser = attempt.parser
        self.large = attempt.large
        if attempt.large.survey.isEnded, let head = attempt.large.survey.head {
            let size = parser.offset - attempt.large.start
            statistics.record(head, valueBytes: Int(size), attempt.large.survey)
            self.large = nil
        }
        return attempt.consumed
    }

    private func reading(
        _ piece: RawSpan, of large: Large, _ parser: RDBStreamParser
    ) throws(RDBError) -> (parser: RDBStreamParser, large: Large, consumed: Int) {
        var (parser, large) = (parser, large)
        let consumed = try parser.feed(piece, wholeUpTo: wholeUpTo, limits: limits, into: &large.survey)
        return (parser, large, consumed)
    }
}

/// What stands in front of a record's value: its attributes, the type byte and the key.
enum RecordHead {
    /// How many bytes it has; `nil` when they are not all there.
    static func byteCount(_ record: RawSpan) -> Int? {
        var cursor = ByteCursor(record)
        while let byte = cursor.nextByte() {
            let isWhole: Bool? =
                switch byte {
                case 252: cursor.skip(8)
                case 253: cursor.skip(4)
                case 249: cursor.skip(1)
                case 248: (try? cursor.nextLength(of: "idle time")).map { _ in true }
                default: nil
                }
            guard let isWhole else {
                guard byte < 243, (try? cursor.nextString("key")) != nil else { return nil }
                return cursor.position
            }
            guard isWhole else { return nil }
        }
        return nil
    }
}
