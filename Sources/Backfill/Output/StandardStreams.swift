#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Standard output and standard error, unbuffered, with failures that are seen.
enum StandardStreams {
    /// A reader that goes away makes a write fail, instead of ending the process.
    static func ignoreBrokenPipes() {
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// Writes the result of a command; says on standard error if that fails.
    ///
    /// - Returns: Whether all of it was written.
    static func writeOutput(_ text: String) -> Bool {
        guard let reason = write(text, to: STDOUT_FILENO) else { return true }
        writeError("backfill: the result could not be written to standard output: \(reason)\n")
        return false
    }

    /// Writes what a person should see. If that fails there is nobody to tell.
    static func writeError(_ text: String) {
        _ = write(text, to: STDERR_FILENO)
    }

    /// - Returns: Why not, if not.
    private static func write(_ text: String, to descriptor: CInt) -> String? {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                bytes = bytes.dropFirst(written)
            } else if errno == EAGAIN {
                var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&request, 1, 1000)
            } else if errno != EINTR {
                return String(cString: strerror(errno))
            }
        }
        return nil
    }

    /// Whether a person looks at standard error: a terminal that can move its cursor.
    static var isErrorTerminal: Bool {
        guard isatty(STDERR_FILENO) == 1 else { return false }
        return getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
    }

    /// Columns of the terminal; 80 where there is none.
    static var width: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    static func exit(_ code: Int32) -> Never {
        Glibc.exit(code)
    }
}
