package import NIOCore

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Bytes of a file or of standard input, expanded if they are LZ4.
package final class FileInput {
    private let descriptor: CInt
    private let closesAtEnd: Bool
    package let name: String
    /// Size of the file; `nil` for a pipe.
    package let size: UInt64?
    /// Bytes read so far, as they lie in the file.
    package private(set) var position: UInt64 = 0
    private(set) var isAtEnd = false
    private var expander: LZ4Expander?
    private var compressed = ByteBuffer()
    private var isFirst = true

    /// - Parameter path: `nil` for standard input.
    package init(path: String?) throws(RunError) {
        name = path ?? "standard input"
        var status = stat()
        if let path {
            // SAFETY: the string lives through the call.
            descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
            closesAtEnd = true
            guard descriptor >= 0 else { throw Self.error("Cannot open the RDB file '\(path)'") }
        } else {
            descriptor = STDIN_FILENO
            closesAtEnd = false
        }
        // SAFETY: `status` is written by the call and read after it.
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw Self.error("Cannot read '\(path ?? "standard input")'")
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            throw RunError(.input, "'\(path ?? "standard input")' is a directory, not an RDB file.")
        }
        size = status.st_mode & S_IFMT == S_IFREG ? UInt64(status.st_size) : nil
    }

    deinit {
        if closesAtEnd, descriptor >= 0 { _ = close(descriptor) }
    }

    private static func error(_ what: String) -> RunError {
        // SAFETY: `strerror` gives a C string that is copied at once.
        RunError(.input, "\(what): \(unsafe String(cString: strerror(errno))).")
    }

    /// Whether a read would not wait. A pipe is asked, for at most a millisecond; a file always is.
    package func isReady() -> Bool {
        guard size == nil else { return true }
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // SAFETY: one request, as the count says.
        return unsafe poll(&request, 1, 1) != 0
    }

    /// Reads the next bytes, at most `limit`, into `buffer`, which is cleared first.
    package func read(_ limit: Int, into buffer: inout ByteBuffer) throws(RunError) {
        buffer.clear()
        guard expander != nil || isFirst else { return try readRaw(limit, into: &buffer) }
        if isFirst {
            isFirst = false
            while buffer.readableBytes < 4, !isAtEnd { try readRaw(limit, into: &buffer) }
            guard buffer.readableBytesView.starts(with: LZ4Expander.magic) else { return }
            swap(&compressed, &buffer)
            buffer.clear()
            do { expander = try LZ4Expander() } catch { throw RunError(.input, "Cannot expand \(name): \(error).") }
        }
        try expand(limit, into: &buffer)
    }

    /// Makes sure that nothing follows the RDB data.
    ///
    /// - Parameter rest: What was read and is not part of it.
    package func expectEnd(after rest: ByteBuffer) throws(RunError) {
        var more = ByteBuffer()
        if rest.readableBytes == 0 { try read(4096, into: &more) }
        guard rest.readableBytes + more.readableBytes == 0 else {
            throw RunError(
                .input, "\(name) goes on behind the end of its RDB data: it is damaged, or not an RDB file alone.")
        }
    }

    private func expand(_ limit: Int, into buffer: inout ByteBuffer) throws(RunError) {
        guard let expander else { return }
        isAtEnd = false
        while buffer.readableBytes == 0 {
            if compressed.readableBytes == 0 {
                compressed.clear()
                try readRaw(limit, into: &compressed)
                if compressed.readableBytes == 0 {
                    guard expander.isAtFrameEnd else {
                        throw RunError(.input, "\(name) is truncated: its LZ4 frame ends after \(position) bytes.")
                    }
                    return
                }
            }
            do {
                try expander.expand(&compressed, into: &buffer, limit: limit)
            } catch {
                throw RunError(.input, "\(name) is damaged near byte \(position): LZ4 says \(error).")
            }
        }
        isAtEnd = false
    }

    private func readRaw(_ limit: Int, into buffer: inout ByteBuffer) throws(RunError) {
        var count = 0
        repeat {
            // SAFETY: at most as many bytes are read as the closure lends.
            unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: limit) { memory in
                unsafe count = Glibc.read(descriptor, memory.baseAddress, min(limit, memory.count))
                return max(count, 0)
            }
        } while count < 0 && errno == EINTR
        guard count >= 0 else { throw Self.error("Cannot read \(name) at byte \(position)") }
        if count == 0 { isAtEnd = true }
        position += UInt64(count)
    }
}
