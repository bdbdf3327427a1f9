internal import NIOCore

/// Commands for one primary, encoded one behind another, with the place where each begins.
///
/// The bytes are the only truth about a command: its key for a message, and what is sent again when a reply says so,
/// are read back from them (``EncodedCommand``).
///
/// A reader fills it, hands it to a worker and forgets it; the worker keeps it until all replies are in. A value, so that
/// filling it costs no check of who else might be writing.
struct Batch: Sendable {
    /// The layout of the target by which `destination` was chosen.
    let epoch: Int
    /// Index into ``RoutingTable/destinations`` of that layout.
    let destination: Int
    let database: Int
    private(set) var bytes: ByteBuffer
    /// Offset in `bytes` of each command.
    private(set) var starts: [UInt32] = []
    /// Keys in all commands; an `MSET` holds several.
    private(set) var keys = 0

    private var group = Group()

    /// An `MSET` that is still open. Its header was written for 64 keys and is corrected when it is closed.
    private struct Group: Sendable {
        var keys = 0
        var slot: UInt16?
    }

    /// Most keys of one `MSET`: beyond that a target gains nothing more.
    static let largestGroup = 64
    /// Longest key and value together that go into an `MSET`. Longer ones gain nothing by it and would hold the target up.
    static let largestGroupedKey = 1024
    /// `*129\r\n`, the header of an `MSET` of 64 keys.
    private static let groupHeader: StaticString = "*129\r\n$4\r\nMSET\r\n"

    /// - Parameter bytes: Empty memory, possibly used before.
    init(database: Int, epoch: Int, destination: Int, recycling bytes: consuming ByteBuffer) {
        self.database = database
        self.epoch = epoch
        self.destination = destination
        self.bytes = bytes
    }

    /// A batch that is not begun.
    init() { self.init(database: 0, epoch: 0, destination: 0, recycling: ByteBuffer()) }

    var isEmpty: Bool { starts.isEmpty }
    var commands: Int { starts.count }
    var byteCount: Int { bytes.readableBytes }

    /// The bytes of command `index`.
    func range(ofCommand index: Int) -> Range<Int> {
        Int(starts[index])..<(index + 1 < starts.count ? Int(starts[index + 1]) : bytes.writerIndex)
    }

    /// Starts a command of at most `size` bytes and lets `encode` write it.
    @inline(__always)
    private mutating func append(keys count: Int, reserving size: Int, _ encode: (inout CommandWriter) -> Void) {
        starts.append(UInt32(bytes.writerIndex))
        keys += count
        bytes.encode(reserving: size, encode)
    }

    /// `SET key value [NX] [PXAT expiry]`: a string, exactly.
    ///
    /// - Parameter expiry: Absolute milliseconds; `nil` for none.
    mutating func set(_ key: RawSpan, to value: RawSpan, expiry: Int64?, onlyIfAbsent: Bool) {
        append(keys: 1, reserving: key.byteCount + value.byteCount + 128) { writer in
            writer.header("*", 3 + (onlyIfAbsent ? 1 : 0) + (expiry == nil ? 0 : 2))
            writer.text("$3\r\nSET\r\n")
            writer.bulk(key)
            writer.bulk(value)
            if onlyIfAbsent { writer.text("$2\r\nNX\r\n") }
            if let expiry {
                writer.text("$4\r\nPXAT\r\n")
                writer.bulk(decimal: expiry)
            }
        }
    }

    /// Adds a string without expiry to the open `MSET`, or begins one.
    ///
    /// - Parameter slot: On a cluster, the key's slot: an `MSET` holds keys of one only. `nil` elsewhere.
    mutating func group(_ key: RawSpan, _ value: RawSpan, slot: UInt16?) {
        if group.keys == Self.largestGroup || (group.keys > 0 && group.slot != slot) { closeGroup() }
        if group.keys == 0 {
            group.slot = slot
            append(keys: 0, reserving: Self.groupHeader.utf8CodeUnitCount) { $0.text(Self.groupHeader) }
        }
        keys += 1
        group.keys += 1
        bytes.encode(reserving: key.byteCount + value.byteCount + 64) { writer in
            writer.bulk(key)
            writer.bulk(value)
        }
    }

    /// Gives the open `MSET` its true header.
    mutating func closeGroup() {
        defer { group = Group() }
        guard group.keys > 0, group.keys < Self.largestGroup, let start = starts.last.map(Int.init) else { return }
        let count = String(group.keys * 2 + 1)
        let header = "*\(count)\r\n"
        let surplus = 6 - header.utf8.count
        if surplus > 0 {
            let body = start + 6..<bytes.writerIndex
            // SAFETY: both ranges lie in the readable bytes, as `surplus` is at most the header's six bytes.
            unsafe bytes.withUnsafeMutableReadableBytes { memory in
                guard let start = memory.baseAddress else { return }
                unsafe (start + body.lowerBound - surplus).copyMemory(
                    from: start + body.lowerBound, byteCount: body.count)
            }
            bytes.moveWriterIndex(to: body.upperBound - surplus)
        }
        bytes.setString(header, at: start)
    }

    /// `RESTORE key expiry payload [REPLACE] [ABSTTL] [IDLETIME s | FREQ f]`, with the payload made from its parts.
    ///
    /// - Parameters:
    ///   - value: The raw value as it lies in an RDB file, behind its type byte.
    ///   - version: The RDB version to stamp on the payload: one that the target accepts.
    ///   - expiry: Absolute milliseconds; `nil` for none.
    mutating func restore(
        _ key: RawSpan, type: UInt8, value: RawSpan, version: UInt16, expiry: Int64?, replace: Bool,
        eviction: EvictionHint?
    ) {
        append(keys: 1, reserving: key.byteCount + value.byteCount + 192) { writer in
            writer.header("*", 4 + (replace ? 1 : 0) + (expiry == nil ? 0 : 1) + (eviction == nil ? 0 : 2))
            writer.text("$7\r\nRESTORE\r\n")
            writer.bulk(key)
            if let expiry { writer.bulk(decimal: expiry) } else { writer.text("$1\r\n0\r\n") }
            writer.header("$", value.byteCount + 11)
            let payload = writer.count
            writer.integer(littleEndian: type)
            writer.bytes(value)
            writer.integer(littleEndian: version)
            writer.integer(littleEndian: writer.checksum(from: payload))
            writer.text("\r\n")
            if replace { writer.text("$7\r\nREPLACE\r\n") }
            if expiry != nil { writer.text("$6\r\nABSTTL\r\n") }
            switch eviction {
            case nil: break
            case .idle(let seconds):
                writer.text("$8\r\nIDLETIME\r\n")
                writer.bulk(decimal: Int64(clamping: seconds))
            case .frequency(let frequency):
                writer.text("$4\r\nFREQ\r\n")
                writer.bulk(decimal: Int64(frequency))
            }
        }
    }

    /// A command of one key that was encoded before, or any other: used where speed does not matter.
    mutating func append(keys count: Int, arguments: [[UInt8]]) {
        append(keys: count, reserving: arguments.reduce(32) { $0 + $1.count + 32 }) { writer in
            writer.header("*", arguments.count)
            // SAFETY: every byte of an array of bytes is initialised.
            for argument in arguments { unsafe writer.bulk(argument.span.bytes) }
        }
    }
}

/// What an eviction policy knew of a key at the source.
enum EvictionHint: Equatable, Sendable {
    /// Seconds since the key was last used (LRU policies).
    case idle(UInt64)
    /// The logarithmic counter of uses, 0...255 (LFU policies).
    case frequency(UInt8)
}
