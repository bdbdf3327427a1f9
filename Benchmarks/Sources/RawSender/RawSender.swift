import Glibc

/// Pumps a file of RESP commands into a server as fast as the server takes them, and reads the replies at the same
/// time. It knows nothing of what it sends, so what it reaches is the ceiling of the target.
@main
struct RawSender {
    /// Most bytes handed to the kernel in one call.
    private static let writeSize = 1 << 20
    /// Bytes in flight that the kernel may hold unsent. Small enough to stay in the processor's cache on its way to the
    /// target: larger ones made the target slower, by up to a third on large values.
    private static let sendBuffer: Int32 = 128 << 10
    /// Bytes of replies that are worth waking up for.
    private static let readSize = 64 << 10
    /// The shortest reply there is: `+OK\r\n`.
    private static let shortestReply = 5

    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count == 4,
            let port = UInt16(arguments[1]),
            let commands = Int(arguments[3]), commands > 0
        else {
            complain("usage: raw-sender PORT FILE COMMANDS")
            exit(64)
        }
        do throws(Failure) {
            try run(port: port, path: arguments[2], commands: commands)
        } catch {
            complain("raw-sender: \(error)")
            exit(1)
        }
    }

    private static func run(port: UInt16, path: String, commands: Int) throws(Failure) {
        let file = try CommandFile(path: path)
        let connection = try Connection(port: port, sendBuffer: sendBuffer)
        var counter = ReplyCounter(capacity: 4 * readSize)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 * readSize, alignment: 64)
        defer { buffer.deallocate() }

        let started = now(CLOCK_MONOTONIC)
        let startedCPU = now(CLOCK_PROCESS_CPUTIME_ID)
        var sent = 0
        var lowWater = 0
        while counter.replies < commands {
            // Never above what is still to come, or the last replies would wait for ever.
            let wanted = min(readSize, (commands - counter.replies) * shortestReply)
            if wanted != lowWater {
                try connection.setReceiveLowWater(wanted)
                lowWater = wanted
            }
            let ready = try connection.wait(forRoom: sent < file.bytes.count)
            if ready.hasReplies {
                let received = try connection.receive(into: buffer)
                counter.count(UnsafeRawBufferPointer(rebasing: buffer[..<received]))
            }
            if ready.hasRoom {
                let end = min(sent + writeSize, file.bytes.count)
                sent += try connection.send(UnsafeRawBufferPointer(rebasing: file.bytes[sent..<end]))
            }
        }
        let seconds = now(CLOCK_MONOTONIC) - started
        let cpuSeconds = now(CLOCK_PROCESS_CPUTIME_ID) - startedCPU
        print(
            """
            {"commands": \(counter.replies), "errors": \(counter.errors), "bytes": \(sent), \
            "seconds": \(seconds), "cpu_seconds": \(cpuSeconds)}
            """)
        if let firstError = counter.firstError { throw Failure("\(counter.errors) errors, the first: \(firstError)") }
    }

    private static func complain(_ message: String) {
        let line = message + "\n"
        _ = write(STDERR_FILENO, line, line.utf8.count)
    }

    /// Seconds on one of the system's clocks.
    private static func now(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
