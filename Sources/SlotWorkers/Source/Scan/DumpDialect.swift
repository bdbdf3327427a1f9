internal import NIOCore
internal import RESP

/// How one source is asked for keys: value and expiry of a key always inside one transaction, so that they belong together.
struct DumpDialect: Sendable {
    /// Whether the source tells absolute expiries (`PEXPIRETIME`, since 7.0). Before, `PTTL` is added to its `TIME`.
    let tellsExpiryTime: Bool
    /// What to ask beside it, for the target's eviction policy.
    let eviction: WritePlan.Eviction

    /// Replies to one key inside `EXEC`.
    var repliesPerKey: Int { eviction == .none ? 2 : 3 }

    /// The transaction for some keys of a page.
    func write(_ request: DumpRequest, to buffer: inout ByteBuffer) {
        buffer.writeString("*1\r\n$5\r\nMULTI\r\n")
        if !tellsExpiryTime { buffer.writeString("*1\r\n$4\r\nTIME\r\n") }
        for index in request.keys {
            request.page.withKey(index) { key in
                switch eviction {
                case .none: break
                case .idle: command("*3\r\n$6\r\nOBJECT\r\n$8\r\nIDLETIME\r\n", key, &buffer)
                case .frequency: command("*3\r\n$6\r\nOBJECT\r\n$4\r\nFREQ\r\n", key, &buffer)
                }
                command("*2\r\n$4\r\nDUMP\r\n", key, &buffer)
                command(tellsExpiryTime ? "*2\r\n$11\r\nPEXPIRETIME\r\n" : "*2\r\n$4\r\nPTTL\r\n", key, &buffer)
            }
        }
        buffer.writeString("*1\r\n$4\r\nEXEC\r\n")
    }

    @inline(__always)
    private func command(_ name: StaticString, _ key: RawSpan, _ buffer: inout ByteBuffer) {
        // SAFETY: the writer stays inside the closure and reports exactly the bytes that it initialised.
        unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: key.byteCount + 80) { memory in
            var writer = unsafe CommandWriter(filling: memory)
            writer.text(name)
            writer.bulk(key)
            return writer.count
        }
    }

    /// The expiry that the replies of a key mean, as absolute milliseconds.
    ///
    /// - Parameters:
    ///   - reply: Of `PEXPIRETIME` or `PTTL`.
    ///   - time: The source's clock inside the transaction.
    /// - Returns: `nil` for a key without expiry. A key whose time is up (`PTTL` 0) has one in the past: 1.
    func expiry(_ reply: Int64, time: Int64) -> Int64? {
        if reply == -1 { return nil }
        if tellsExpiryTime { return max(reply, 1) }
        return reply <= 0 ? 1 : Int64(clamping: UInt64(max(time, 0)) + UInt64(reply))
    }
}
