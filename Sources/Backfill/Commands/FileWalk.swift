import Dispatch
import NIOConcurrencyHelpers
import NIOCore
import RDBParser
import RDBReport
import SlotWorkers
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Reads an RDB file, or standard input, from its start to its end, and shows how far it is.
struct FileWalk: Sendable {
    /// It was asked to stop before the end.
    struct Interrupted: Error, CustomStringConvertible {
        let description = "Stopped before the end of the file."
    }

    /// `nil` for standard input.
    let path: String?
    private let progress: OutputOptions.ProgressStyle
    private let isStopping = NIOLockedValueBox(false)
    private static let chunk = 1 << 20

    init(_ file: String, _ progress: OutputOptions.ProgressStyle) {
        path = file == "-" ? nil : file
        self.progress = progress
    }

    /// The time, in milliseconds since 1970.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Asks the reading to end; may be called from anywhere.
    func stop() { isStopping.withLockedValue { $0 = true } }

    /// Reads all of it.
    ///
    /// - Parameters:
    ///   - input: The file, opened.
    ///   - keys: How many keys the reader has read.
    ///   - settle: Called behind each chunk, and once more at the end or when the reading fails.
    /// - Throws: `RunError` that says what is wrong with the file, and where; `Interrupted`; what `settle` throws.
    func read<Reader: StreamReader & ~Copyable>(
        _ input: FileInput, _ feed: inout StreamFeed<Reader>, keys: (borrowing Reader) -> Int,
        settle: (inout Reader) throws -> Void = { (_: inout Reader) in }
    ) throws {
        var display = FileProgress(progress)
        defer { display?.end() }
        var buffer = ByteBuffer()
        while !feed.isFinished {
            if isStopping.withLockedValue({ $0 }) { throw Interrupted() }
            guard input.isReady() else { continue }
            try input.read(Self.chunk, into: &buffer)
            let result = Result { () throws(RDBError) in
                if buffer.readableBytes == 0 { try feed.finish() } else { try feed.feed(buffer.readableBytesSpan) }
            }
            try settle(&feed.reader)
            do { try result.get() } catch { throw RunError(.input, "\(input.name): \(error)") }
            display?.show(input, keys: keys(feed.reader))
        }
        buffer.moveReaderIndex(to: buffer.writerIndex - min(feed.bytesBehindEnd, buffer.readableBytes))
        try input.expectEnd(after: buffer)
    }

    /// Tells what ended a command before it had a result.
    static func fail(
        _ error: any Error, _ command: String, _ format: OutputOptions.Format, stoppedBy signal: UnixSignal?
    ) -> ProgramExit {
        let exit = exitCode(of: error, stoppedBy: signal)
        StandardStreams.writeError("backfill: \(error)\n")
        if format == .json {
            let report = FailureReport(command: command, exitCode: exit.rawValue, error: "\(error)")
            _ = StandardStreams.writeOutput(JSONText.encode(report) + "\n")
        }
        return exit
    }

    static func exitCode(of error: any Error, stoppedBy signal: UnixSignal?) -> ProgramExit {
        if error is Interrupted { return signal?.exit ?? .interrupted }
        return (error as? RunError)?.code == .usage ? .usage : .differences
    }
}

/// Work that waits for files and pipes, on a thread that nobody else waits for.
enum FileThread {
    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
        }
    }
}
