import SlotWorkers

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A file that is written from its start, or standard output.
final class OutputFile {
    private let descriptor: CInt
    private let name: String

    /// Opens a file, and empties it if it is there.
    ///
    /// - Parameters:
    ///   - path: `nil` for standard output.
    ///   - input: The file that is read; it must be another one. `nil` for standard input.
    init(path: String?, input: String?) throws {
        guard let path else {
            descriptor = STDOUT_FILENO
            name = "standard output"
            return
        }
        name = "'\(path)'"
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.error("Cannot write \(name)") }
        var (ours, theirs) = (stat(), stat())
        if let input, fstat(descriptor, &ours) == 0, stat(input, &theirs) == 0, ours.st_dev == theirs.st_dev,
            ours.st_ino == theirs.st_ino
        {
            throw RunError(.usage, "\(name) is the file that is read: writing to it would destroy it.")
        }
        // What is no regular file has no length.
        _ = ftruncate(descriptor, 0)
    }

    deinit {
        if descriptor > STDERR_FILENO { close(descriptor) }
    }

    /// Writes all of it.
    func write(_ span: RawSpan) throws {
        try span.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if written > 0 {
                    rest = rest.dropFirst(written)
                } else if errno == EAGAIN {
                    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&request, 1, 1000)
                } else if errno != EINTR {
                    throw Self.error("Cannot write to \(name)")
                }
            }
        }
    }

    private static func error(_ what: String) -> RunError {
        RunError(.input, "\(what): \(String(cString: strerror(errno))).")
    }
}
