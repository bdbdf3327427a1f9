package import NIOCore

/// What may stand as one argument of a command: its bytes go to the server as they are.
package protocol CommandArgument: Sendable {
    /// Bytes that ``write(to:)`` appends.
    var byteCount: Int { get }
    func write(to buffer: inout ByteBuffer)
}

extension String: CommandArgument {
    package var byteCount: Int { utf8.count }
    package func write(to buffer: inout ByteBuffer) { buffer.writeString(self) }
}

extension [UInt8]: CommandArgument {
    package var byteCount: Int { count }
    package func write(to buffer: inout ByteBuffer) { buffer.writeBytes(self) }
}

extension ByteBuffer: CommandArgument {
    package var byteCount: Int { readableBytes }
    package func write(to buffer: inout ByteBuffer) { buffer.writeImmutableBuffer(self) }
}

extension Int: CommandArgument {
    package var byteCount: Int { String(self).utf8.count }
    package func write(to buffer: inout ByteBuffer) { buffer.writeString(String(self)) }
}

extension Int64: CommandArgument {
    package var byteCount: Int { String(self).utf8.count }
    package func write(to buffer: inout ByteBuffer) { buffer.writeString(String(self)) }
}

/// Commands as RESP arrays of bulk strings, for control-level use.
package enum CommandEncoder {
    /// Appends one command.
    ///
    /// - Parameter count: How many arguments the caller will append behind these, as bulk strings.
    package static func write(
        _ arguments: [any CommandArgument], followedBy count: Int = 0, to buffer: inout ByteBuffer
    ) {
        buffer.writeString("*\(arguments.count + count)\r\n")
        for argument in arguments { writeBulk(argument, to: &buffer) }
    }

    /// Appends one argument.
    package static func writeBulk(_ argument: some CommandArgument, to buffer: inout ByteBuffer) {
        buffer.writeString("$\(argument.byteCount)\r\n")
        argument.write(to: &buffer)
        buffer.writeString("\r\n")
    }

    /// One command in a buffer of its own.
    package static func encode(_ arguments: any CommandArgument...) -> ByteBuffer {
        var buffer = ByteBuffer()
        write(arguments, to: &buffer)
        return buffer
    }
}
