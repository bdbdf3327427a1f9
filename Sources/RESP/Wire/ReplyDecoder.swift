package import NIOCore

/// Turns received bytes into replies, in any chunking.
///
/// Incremental: elements of an array that have arrived are kept and not read again. No allocation follows from a
/// declared length; nesting, bulk sizes, line lengths and the number of elements are bounded. After an error the
/// decoder is of no further use: the stream has lost its frame.
package struct ReplyDecoder: Sendable {
    /// What a reply may be at most.
    package struct Limits: Sendable {
        /// Bytes of one bulk string. 1 ... 2 GiB; default 512 MiB and 64 KiB (a server's own limit, and a DUMP's footer).
        package var maximumBulkBytes = 512 << 20 + 64 << 10
        /// Levels of nesting. 1 ... 32; default 32.
        package var maximumDepth = 32
        /// Elements in one reply, over all levels. Default 16,777,216.
        package var maximumElements = 1 << 24

        package init() {}
    }

    /// Longest line: a simple string, an error, a number, a length.
    static let maximumLineBytes = 64 << 10

    private let limits: Limits
    private var frames: [Frame] = []
    private var elementsOfReply = 0
    /// Bytes consumed since the decoder was made.
    package private(set) var offset: UInt64 = 0

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// The next whole reply, or `nil` when more bytes are needed. Whatever was understood is consumed from `buffer`
    /// also when `nil` is returned: pass the rest again, with more behind it.
    package mutating func next(from buffer: inout ByteBuffer) throws(ReplyDecodingError) -> Reply? {
        while true {
            let before = buffer.readerIndex
            guard let token = try token(from: &buffer) else { return nil }
            offset += UInt64(buffer.readerIndex - before)
            switch token {
            case .opening(let kind, let count):
                guard frames.count < limits.maximumDepth else { throw error(.tooDeep, "array") }
                frames.append(Frame(kind: kind, remaining: count))
            case .value(let value):
                elementsOfReply += 1
                guard elementsOfReply <= limits.maximumElements else { throw error(.tooLarge, "number of elements") }
                if frames.isEmpty {
                    elementsOfReply = 0
                    return value
                }
                frames[frames.count - 1].append(value)
            }
            if let reply = closeFullFrames() {
                elementsOfReply = 0
                return reply
            }
        }
    }

    /// Whether a reply has begun and is not whole yet.
    package var isInsideReply: Bool { !frames.isEmpty }

    /// Folds each frame that is full into the one around it; the outermost one is the reply.
    private mutating func closeFullFrames() -> Reply? {
        while let last = frames.last, last.remaining == 0 {
            frames.removeLast()
            // An attribute says something about the value behind it, which then stands in its place.
            guard let value = last.value else { continue }
            guard !frames.isEmpty else { return value }
            frames[frames.count - 1].append(value)
        }
        return nil
    }
}

// MARK: - Tokens

extension ReplyDecoder {
    /// An aggregate whose elements are being read.
    private struct Frame: Sendable {
        enum Kind { case array, map, push, attribute }

        let kind: Kind
        /// Values still to come: for maps and attributes keys and values each count.
        var remaining: Int
        private var elements: [Reply] = []

        init(kind: Kind, remaining: Int) {
            self.kind = kind
            self.remaining = remaining
        }

        mutating func append(_ value: Reply) {
            elements.append(value)
            remaining -= 1
        }

        var value: Reply? {
            switch kind {
            case .array: .array(elements)
            case .push: .push(elements)
            case .map:
                .array(stride(from: 0, to: elements.count, by: 2).map { .array([elements[$0], elements[$0 + 1]]) })
            case .attribute: nil
            }
        }
    }

    private enum Token {
        case value(Reply)
        case opening(Frame.Kind, Int)
    }

    private func error(_ code: ReplyDecodingError.Code, _ element: String) -> ReplyDecodingError {
        ReplyDecodingError(code: code, offset: offset, element: element)
    }

    /// Reads one scalar or one aggregate's header; leaves `buffer` as it is when not all of it is there.
    private func token(from buffer: inout ByteBuffer) throws(ReplyDecodingError) -> Token? {
        guard let type = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return nil }
        guard Self.types.contains(type) else { throw error(.unknownType, "reply") }
        guard let (line, afterLine) = try line(in: buffer) else { return nil }
        switch type {
        case UInt8(ascii: "$"), UInt8(ascii: "!"), UInt8(ascii: "="):
            return try blob(type: type, length: line, at: afterLine, in: &buffer)
        default:
            buffer.moveReaderIndex(to: afterLine)
            return try scalarOrHeader(type: type, line: line)
        }
    }

    private static let types = Array("+-:$*_#,(!=%~>|".utf8)

    /// The bytes between the type byte and the line end, and where the next element begins.
    private func line(in buffer: ByteBuffer) throws(ReplyDecodingError) -> (ByteBuffer, next: Int)? {
        let start = buffer.readerIndex + 1
        let limit = min(buffer.writerIndex - start, Self.maximumLineBytes + 2)
        let view = buffer.viewBytes(at: start, length: limit) ?? ByteBufferView()
        guard let carriageReturn = view.firstIndex(of: UInt8(ascii: "\r")) else {
            guard limit <= Self.maximumLineBytes else { throw error(.lineTooLong, "reply line") }
            return nil
        }
        guard carriageReturn + 1 < buffer.writerIndex else { return nil }
        guard buffer.getInteger(at: carriageReturn + 1, as: UInt8.self) == UInt8(ascii: "\n"),
            let line = buffer.getSlice(at: start, length: carriageReturn - start)
        else { throw error(.missingLineEnd, "reply line") }
        return (line, carriageReturn + 2)
    }

    private func blob(
        type: UInt8, length: ByteBuffer, at start: Int, in buffer: inout ByteBuffer
    ) throws(ReplyDecodingError) -> Token? {
        guard let count = Int(String(buffer: length)), count >= -1 else { throw error(.badNumber, "bulk length") }
        guard count <= limits.maximumBulkBytes else { throw error(.tooLarge, "bulk length") }
        if count == -1 {
            guard type == UInt8(ascii: "$") else { throw error(.badNumber, "bulk length") }
            buffer.moveReaderIndex(to: start)
            return .value(.null)
        }
        guard buffer.writerIndex - start >= count + 2, var bytes = buffer.getSlice(at: start, length: count) else {
            return nil
        }
        guard buffer.getInteger(at: start + count, as: UInt16.self) == 0x0D0A else {
            throw error(.missingLineEnd, "bulk string")
        }
        buffer.moveReaderIndex(to: start + count + 2)
        switch type {
        case UInt8(ascii: "!"): return .value(.error(ServerError(line: String(buffer: bytes))))
        case UInt8(ascii: "="):
            guard count >= 4, bytes.getInteger(at: bytes.readerIndex + 3, as: UInt8.self) == UInt8(ascii: ":") else {
                throw error(.malformed, "verbatim string")
            }
            bytes.moveReaderIndex(forwardBy: 4)
            return .value(.bulk(bytes))
        default: return .value(.bulk(bytes))
        }
    }

    private func scalarOrHeader(type: UInt8, line: ByteBuffer) throws(ReplyDecodingError) -> Token {
        switch type {
        case UInt8(ascii: "+"): return .value(.simple(line))
        case UInt8(ascii: "-"): return .value(.error(ServerError(line: String(buffer: line))))
        case UInt8(ascii: ":"):
            guard let value = Int64(String(buffer: line)) else { throw error(.badNumber, "integer") }
            return .value(.integer(value))
        case UInt8(ascii: "_"):
            guard line.readableBytes == 0 else { throw error(.malformed, "null") }
            return .value(.null)
        case UInt8(ascii: "#"):
            switch String(buffer: line) {
            case "t": return .value(.boolean(true))
            case "f": return .value(.boolean(false))
            default: throw error(.malformed, "boolean")
            }
        case UInt8(ascii: ","):
            guard let value = Double(String(buffer: line)) else { throw error(.malformed, "double") }
            return .value(.double(value))
        case UInt8(ascii: "("):
            let digits = String(buffer: line).drop { $0 == "-" || $0 == "+" }
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                throw error(.badNumber, "big number")
            }
            return .value(.bigNumber(line))
        default: return try header(type: type, line: line)
        }
    }

    private func header(type: UInt8, line: ByteBuffer) throws(ReplyDecodingError) -> Token {
        guard let count = Int(String(buffer: line)), count >= -1 else { throw error(.badNumber, "array length") }
        guard count <= limits.maximumElements else { throw error(.tooLarge, "array length") }
        if count == -1 {
            guard type == UInt8(ascii: "*") else { throw error(.badNumber, "array length") }
            return .value(.null)
        }
        return switch type {
        case UInt8(ascii: "%"): .opening(.map, count * 2)
        case UInt8(ascii: "|"): .opening(.attribute, count * 2)
        case UInt8(ascii: ">"): .opening(.push, count)
        default: .opening(.array, count)
        }
    }
}
