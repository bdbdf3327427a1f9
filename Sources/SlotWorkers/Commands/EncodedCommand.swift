internal import NIOCore

/// A command read back from the bytes that were sent: for messages, and to send it again.
struct EncodedCommand: Equatable, Sendable {
    /// All arguments, the name first.
    let arguments: [[UInt8]]

    init(arguments: [[UInt8]]) { self.arguments = arguments }

    /// - Parameter bytes: One command as ``Batch`` encodes it; it is our own, so it is well formed.
    init(_ bytes: ByteBuffer) {
        var bytes = bytes
        let count = Self.header(&bytes)
        arguments = (0..<count).map { _ in
            let size = Self.header(&bytes)
            defer { bytes.moveReaderIndex(forwardBy: min(2, bytes.readableBytes)) }
            return bytes.readBytes(length: size) ?? []
        }
    }

    /// The number of a `*3\r\n` or `$3\r\n`.
    private static func header(_ bytes: inout ByteBuffer) -> Int {
        bytes.moveReaderIndex(forwardBy: min(1, bytes.readableBytes))
        var number = 0
        while let byte: UInt8 = bytes.readInteger(), byte != UInt8(ascii: "\r") {
            number = number * 10 + Int(byte) - 48
        }
        bytes.moveReaderIndex(forwardBy: min(1, bytes.readableBytes))
        return number
    }

    var name: String { String(decoding: arguments.first ?? [], as: UTF8.self) }

    /// The keys that the command writes.
    var keys: [[UInt8]] {
        switch name {
        case "MSET": stride(from: 1, to: arguments.count, by: 2).map { arguments[$0] }
        case "SELECT", "ASKING": []
        case "UNLINK": Array(arguments.dropFirst())
        default: Array(arguments.dropFirst().prefix(1))
        }
    }

    /// The same as commands of one key each: an `MSET` becomes `SET`s, so that each key has its own reply.
    var perKey: [EncodedCommand] {
        guard name == "MSET" else { return [self] }
        return stride(from: 1, to: arguments.count - 1, by: 2).map {
            EncodedCommand(arguments: [Array("SET".utf8), arguments[$0], arguments[$0 + 1]])
        }
    }
}

extension Batch {
    func command(at index: Int) -> EncodedCommand {
        let range = range(ofCommand: index)
        return EncodedCommand(bytes.getSlice(at: range.lowerBound, length: range.count) ?? ByteBuffer())
    }
}
