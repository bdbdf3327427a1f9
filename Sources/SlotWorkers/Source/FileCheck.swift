internal import NIOCore
internal import RDBParser

/// What a file holds, read once before anything is written: a damaged file, or one with databases that the target cannot
/// hold, is refused while the target is still as it was.
struct FileCheck {
    /// Keys by database.
    private(set) var keys: [Int: Int] = [:]
    /// Whether a checksum proved the bytes.
    private(set) var isProven = false

    private struct Counter: LargeRecordVisitor {
        var keys: [Int: Int] = [:]
        private var current = 0
        private var count = 0

        init() {}

        mutating func header(_ version: RDBVersion) {}
        mutating func auxiliary(name: RawSpan, value: RawSpan) {}
        mutating func sizes(keys: UInt64, expiries: UInt64) {}
        mutating func function(_ code: RawSpan) {}

        mutating func database(_ index: UInt64) {
            settle()
            current = Int(clamping: index)
        }

        mutating func record(_ record: borrowing RDBRecord) { count += 1 }

        // Values that come in elements are checked by that alone.
        mutating func beginRecord(_ record: borrowing RDBRecord) { count += 1 }
        mutating func begin(_ kind: ValueKind, count: UInt64?) {}
        mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {}
        mutating func score(_ score: Double) {}
        mutating func expiry(_ milliseconds: Int64) {}
        mutating func stream(_ event: borrowing StreamEvent) {}
        mutating func module(_ event: ModuleEvent) {}
        mutating func end() {}

        mutating func settle() {
            if count > 0 { keys[current, default: 0] += count }
            count = 0
        }
    }

    /// Reads a whole file.
    ///
    /// - Parameters:
    ///   - bigValueBytes: Records above it are checked in elements.
    ///   - isEnding: Asked between chunks; the check then stops early.
    /// - Throws: `RunError` that says what is wrong with it, and where.
    init(path: String, bigValueBytes: Int, isEnding: () -> Bool, progress: (Double) -> Void) throws(RunError) {
        let input = try FileInput(path: path)
        var feed = RecordFeed(visitor: Counter(), wholeUpTo: bigValueBytes)
        var buffer = ByteBuffer()
        while !feed.isFinished, !isEnding() {
            try input.read(1 << 20, into: &buffer)
            do throws(RDBError) {
                if buffer.readableBytes == 0 { try feed.finish(&buffer) } else { try feed.feed(&buffer) }
            } catch {
                throw RunError(.input, "\(path): \(error)")
            }
            if let size = input.size, size > 0 { progress(Double(input.position) / Double(size)) }
        }
        if feed.isFinished { try input.expectEnd(after: buffer) }
        feed.visitor.settle()
        keys = feed.visitor.keys
        isProven = feed.isProven
    }
}
