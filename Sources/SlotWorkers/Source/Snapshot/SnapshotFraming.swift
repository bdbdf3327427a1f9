internal import NIOCore

/// How a primary answers PSYNC, up to the first byte of its RDB stream and behind the last: bytes in, events out.
///
/// Disk-based transfers announce their length (`$1234\r\n`), diskless ones a marker of 40 bytes that ends them
/// (`$EOF:…\r\n`). Where the RDB data ends, its own end opcode says; framing only proves it. While the primary
/// prepares, it sends single line feeds to show that it lives.
struct SnapshotFraming {
    enum Event: Equatable {
        case fullResynchronization(replicationID: String, offset: Int64)
        /// RDB bytes follow; `length` where the primary knows it.
        case payload(length: UInt64?)
        case refused(String)
    }

    private enum State: Equatable {
        case answer
        case size
        case payload(length: UInt64)
        case payloadUntil(marker: [UInt8])
    }

    private var state = State.answer
    /// Longest line that is waited for.
    private static let longestLine = 4096
    private static let markerLength = 40

    /// The next event; `nil` when more bytes are needed.
    mutating func next(_ bytes: inout ByteBuffer) -> Event? {
        while bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) == UInt8(ascii: "\n") {
            bytes.moveReaderIndex(forwardBy: 1)
        }
        guard state == .answer || state == .size else { return nil }
        guard let end = bytes.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) else {
            if bytes.readableBytes > Self.longestLine { return .refused("a line that does not end") }
            return nil
        }
        var line = bytes.readString(length: end - bytes.readerIndex) ?? ""
        bytes.moveReaderIndex(forwardBy: 1)
        if line.hasSuffix("\r") { line.removeLast() }
        return state == .answer ? answer(line) : size(line)
    }

    private mutating func answer(_ line: String) -> Event {
        let words = line.split(separator: " ")
        guard words.count == 3, words[0] == "+FULLRESYNC", let offset = Int64(words[2]) else { return .refused(line) }
        state = .size
        return .fullResynchronization(replicationID: String(words[1]), offset: offset)
    }

    private mutating func size(_ line: String) -> Event {
        if line.hasPrefix("$EOF:") {
            let marker = Array(line.dropFirst(5).utf8)
            guard marker.count == Self.markerLength else { return .refused(line) }
            state = .payloadUntil(marker: marker)
            return .payload(length: nil)
        }
        guard line.hasPrefix("$"), let length = UInt64(line.dropFirst()) else { return .refused(line) }
        state = .payload(length: length)
        return .payload(length: length)
    }

    /// Whether what follows the RDB data agrees with what was announced; `nil` when more bytes are needed.
    ///
    /// - Parameters:
    ///   - rest: What came behind the RDB data.
    ///   - offset: Length of the RDB data.
    func isProven(_ rest: ByteBuffer, rdbLength offset: UInt64) -> Bool? {
        switch state {
        case .answer, .size: false
        case .payload(let length): length == offset
        case .payloadUntil(let marker):
            rest.readableBytes < marker.count ? nil : rest.readableBytesView.prefix(marker.count).elementsEqual(marker)
        }
    }
}
