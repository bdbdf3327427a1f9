internal import NIOCore

/// The replies to one question, whole.
struct Answer {
    var bytes: ByteBuffer

    /// Reads the replies, from the first one on.
    func read<Result>(
        _ body: (inout ReplyCursor) throws(BigValueError) -> Result
    ) throws(BigValueError) -> Result {
        var cursor = ReplyCursor(bytes.readableBytesSpan)
        return try body(&cursor)
    }
}

/// What is expected next in a whole answer.
extension ReplyCursor {
    /// The next step, whatever it is: an error reply is thrown.
    @_lifetime(self: copy self)
    mutating func step() throws(BigValueError) -> Step {
        let step: Step?
        do throws(Malformed) { step = try next() } catch { throw .malformed }
        switch step {
        case .error(let reason)?: throw BigValueError(reply: reason)
        case let step?: return step
        case nil: throw .malformed
        }
    }

    @_lifetime(self: copy self)
    mutating func array() throws(BigValueError) -> Int {
        guard case .array(let count) = try step() else { throw .malformed }
        return count
    }

    /// The range of a bulk string.
    @_lifetime(self: copy self)
    mutating func bulk() throws(BigValueError) -> Range<Int> {
        guard case .bulk(let range) = try step() else { throw .malformed }
        return range
    }

    @_lifetime(self: copy self)
    mutating func integer() throws(BigValueError) -> Int64 {
        guard case .integer(let number) = try step() else { throw .malformed }
        return number
    }

    /// A bulk string, or a simple one.
    @_lifetime(self: copy self)
    mutating func text() throws(BigValueError) -> String {
        let start = position
        switch try step() {
        case .bulk(let range): return String(decoding: contents(range).array, as: UTF8.self)
        case .simple: return String(decoding: contents(start + 1..<position - 2).array, as: UTF8.self)
        default: throw .malformed
        }
    }

    /// The answer to `TIME`, in milliseconds.
    @_lifetime(self: copy self)
    mutating func time() throws(BigValueError) -> Int64 {
        guard try array() == 2, let seconds = Int64(try text()), let microseconds = Int64(try text()),
            (0..<1 << 40).contains(seconds), (0..<1_000_000).contains(microseconds)
        else { throw .malformed }
        return seconds * 1000 + microseconds / 1000
    }

    /// Passes over `MULTI` and what was queued, to the first reply inside `EXEC`.
    @_lifetime(self: copy self)
    mutating func transaction(of commands: Int) throws(BigValueError) {
        for _ in 0...commands { _ = try step() }
        guard try array() == commands else { throw .malformed }
    }

    /// Passes over one whole value, whatever it is; errors in it too.
    @_lifetime(self: copy self)
    mutating func skip() throws(BigValueError) {
        var left = 1
        while left > 0 {
            left -= 1
            do throws(Malformed) {
                guard let step = try next() else { throw Malformed(byte: 0) }
                if case .array(let count) = step { left += count }
            } catch {
                throw .malformed
            }
        }
    }
}
