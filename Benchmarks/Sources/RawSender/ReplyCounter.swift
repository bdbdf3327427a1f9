import Glibc

/// Counts replies without parsing them: a block that is `+OK\r\n` over and over is compared as a whole; only where it
/// is not, lines are looked at one by one. Good for commands whose every reply is a single line, such as RESTORE.
struct ReplyCounter {
    private(set) var replies = 0
    private(set) var errors = 0
    /// The first error line, without its line end.
    private(set) var firstError: String?

    private static let reply: [UInt8] = Array("+OK\r\n".utf8)
    /// Replies back to back, long enough for one read at any phase.
    private let pattern: [UInt8]
    /// Bytes of the reply that the last block ended in.
    private var phase = 0
    /// The unfinished line, once a reply has been anything but `+OK`; `nil` while all were.
    private var line: [UInt8]?

    /// - Parameter capacity: The longest block that will be passed to ``count(_:)``.
    init(capacity: Int) {
        let repetitions = capacity / Self.reply.count + 2
        var pattern: [UInt8] = []
        pattern.reserveCapacity(repetitions * Self.reply.count)
        for _ in 0..<repetitions { pattern += Self.reply }
        self.pattern = pattern
    }

    mutating func count(_ block: UnsafeRawBufferPointer) {
        if line == nil {
            let isAllOK = pattern.withUnsafeBytes {
                memcmp(block.baseAddress!, $0.baseAddress! + phase, block.count) == 0
            }
            if isAllOK {
                replies += (phase + block.count) / Self.reply.count
                phase = (phase + block.count) % Self.reply.count
                return
            }
            line = Array(Self.reply[..<phase])
        }
        countLines(block)
    }

    private mutating func countLines(_ block: UnsafeRawBufferPointer) {
        var current = line ?? []
        for byte in block {
            guard byte == UInt8(ascii: "\n") else {
                current.append(byte)
                continue
            }
            replies += 1
            if current.first == UInt8(ascii: "-") {
                errors += 1
                if firstError == nil { firstError = String(decoding: current.dropFirst().dropLast(), as: UTF8.self) }
            }
            current.removeAll(keepingCapacity: true)
        }
        line = current
    }
}
