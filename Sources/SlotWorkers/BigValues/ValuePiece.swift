internal import NIOCore
internal import RDBParser
internal import RESP

/// Element commands for one temporary key: the target takes all of them, or none (`MULTI`).
struct ValuePiece: Sendable {
    /// Encoded commands.
    private(set) var bytes = ByteBuffer()
    private(set) var commands = 0
    let kind: ValueKind
    /// Elements that the key holds in front of the piece, and behind it.
    let before: Int
    private(set) var behind: Int
    /// When the last of the elements in front of it expires, in absolute milliseconds; `.max` where one does not.
    let lastsUntil: Int64

    /// A piece is sent once it has so many bytes or elements: a target works on it at one stretch, for a millisecond or two.
    private static let size = 256 << 10
    private static let mostElements = 4096

    /// - Parameter count: Elements of all pieces before it.
    init(of kind: ValueKind, behind count: Int, lastingUntil lastsUntil: Int64 = .max) {
        self.lastsUntil = lastsUntil
        self.kind = kind
        before = count
        behind = count
    }

    var isFull: Bool {
        bytes.readableBytes >= Self.size || kind != .string && behind - before >= Self.mostElements
    }
    var isEmpty: Bool { commands == 0 }
    var byteCount: Int { bytes.readableBytes }

    /// Adds a command.
    ///
    /// - Parameters:
    ///   - words: Its name and first arguments.
    ///   - arguments: The others, `count` of them, as bulk strings.
    ///   - elements: How many it adds to the key.
    mutating func append(
        _ words: [any CommandArgument], arguments: ByteBuffer = ByteBuffer(), count: Int = 0, elements: Int = 0
    ) {
        commands += 1
        behind += elements
        CommandEncoder.write(words, followedBy: count, to: &bytes)
        bytes.writeImmutableBuffer(arguments)
    }

    /// Adds the commands of another piece, which add no elements.
    mutating func append(contentsOf other: ValuePiece) {
        commands += other.commands
        bytes.writeImmutableBuffer(other.bytes)
    }

    /// Adds `SETRANGE key offset text`.
    mutating func append(_ text: RawSpan, at offset: Int, of key: [UInt8]) {
        commands += 1
        behind += text.byteCount
        bytes.encode(reserving: key.count + text.byteCount + 128) { writer in
            writer.text("*4\r\n$8\r\nSETRANGE\r\n")
            // SAFETY: every byte of an array of bytes is initialised.
            unsafe writer.bulk(key.span.bytes)
            writer.bulk(decimal: Int64(offset))
            writer.bulk(text)
        }
    }
}
