import ArgumentParser
import SlotWorkers

/// How much servers that are read are asked for at most.
struct LimitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Read at most so many keys each second, from all primaries of a side together, 1 to 1000000000. Default: no \
            limit. For servers; a file is read as fast as may be.
            """,
            valueName: "n"))
    var maxKeysPerSecond: Int?

    @Option(
        help: ArgumentHelp(
            """
            Have a side send at most so many bytes each second, all its primaries together, 64KiB to 64GiB. Default: no \
            limit. For servers.
            """,
            valueName: "size"))
    var maxBytesPerSecond: ByteSize?

    /// A limit for one side.
    ///
    /// - Returns: `nil` where none was asked for.
    func limit() throws -> RateLimit? {
        if let keys = maxKeysPerSecond, !(1...1_000_000_000).contains(keys) {
            throw ValidationError("--max-keys-per-second \(keys) is out of range: 1 to 1000000000.")
        }
        if let bytes = maxBytesPerSecond?.bytes, !(64 << 10...64 << 30).contains(bytes) {
            throw ValidationError("--max-bytes-per-second \(bytes) is out of range: 64KiB to 64GiB.")
        }
        if maxKeysPerSecond == nil, maxBytesPerSecond == nil { return nil }
        return RateLimit(keysPerSecond: maxKeysPerSecond, bytesPerSecond: maxBytesPerSecond?.bytes)
    }

    /// Refuses a limit where no server is read.
    func expectServer(_ locations: SourceLocation...) throws {
        for case .server in locations { return }
        guard maxKeysPerSecond != nil || maxBytesPerSecond != nil else { return }
        let flag = maxKeysPerSecond == nil ? "--max-bytes-per-second" : "--max-keys-per-second"
        throw ValidationError("\(flag) is for servers, and only files are read.")
    }
}
