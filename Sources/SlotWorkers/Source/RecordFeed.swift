internal import NIOCore
internal import RDBParser

/// Joins the chunks of an RDB stream: what a read brings is parsed where it lies, and only an element that a chunk
/// does not hold whole is put together in a buffer of its own.
struct RecordFeed<Visitor: LargeRecordVisitor> {
    private var parser = RDBStreamParser()
    /// The start of an element whose end is still to come.
    private var rest = ByteBuffer()
    /// `rest` holds nothing whole before it has this many bytes.
    private var needed = 0
    /// A large element is not looked at again before so much of it is there: each look reads it from its start.
    private var patience = 0
    var visitor: Visitor
    /// Records of more bytes than this come in elements.
    private let largestRecord: Int
    /// Only records come in elements: anything else is put together in memory, and more than this is refused.
    private static var largestElement: Int { 2 << 30 }

    init(visitor: Visitor, wholeUpTo largestRecord: Int) {
        self.visitor = visitor
        self.largestRecord = largestRecord
    }

    var isFinished: Bool { parser.isFinished }
    /// Whether a checksum proved what was read.
    var isProven: Bool { parser.isProven }
    /// Bytes of the stream that were read whole.
    var offset: UInt64 { parser.offset }

    /// Takes a chunk. Bytes behind the end of the RDB data stay in it.
    mutating func feed(_ chunk: inout ByteBuffer) throws(RDBError) {
        // Out of the struct while it is read, so that parser and visitor may change beside it.
        var rest = ByteBuffer()
        swap(&rest, &self.rest)
        defer { swap(&rest, &self.rest) }
        while rest.readableBytes > 0, chunk.readableBytes > 0 {
            let before = rest.readableBytes
            let wanted = max(max(needed, patience) - before, 512)
            if var part = chunk.getSlice(at: chunk.readerIndex, length: min(wanted, chunk.readableBytes)) {
                rest.writeBuffer(&part)
            }
            let added = rest.readableBytes - before
            if rest.readableBytes > Self.largestElement {
                throw RDBError(.unsupported, offset: parser.offset, element: "element larger than 2 GiB")
            }
            if rest.readableBytes < max(needed, patience) {
                chunk.moveReaderIndex(forwardBy: added)
                continue
            }
            let consumed = try parser.feed(rest.readableBytesSpan, wholeUpTo: largestRecord, into: &visitor)
            if consumed >= before {
                chunk.moveReaderIndex(forwardBy: consumed - before)
                rest.clear()
                needed = 0
                patience = 0
            } else {
                rest.moveReaderIndex(forwardBy: consumed)
                chunk.moveReaderIndex(forwardBy: added)
                needed = parser.bytesNeeded
                patience = rest.readableBytes + rest.readableBytes / 2
            }
            if parser.isFinished {
                // What lies behind the end belongs to the caller.
                rest.writeBuffer(&chunk)
                swap(&rest, &chunk)
                rest.clear()
                return
            }
        }
        guard chunk.readableBytes > 0 else { return }
        chunk.moveReaderIndex(
            forwardBy: try parser.feed(chunk.readableBytesSpan, wholeUpTo: largestRecord, into: &visitor))
        if parser.isFinished { return }
        needed = parser.bytesNeeded
        patience = 0
        rest.writeBuffer(&chunk)
    }

    /// Whether something waits that may be whole, though it was put off.
    var hasPutOff: Bool { rest.readableBytes >= needed && patience > rest.readableBytes }

    /// Looks at what was put off, when nothing more comes for now.
    mutating func look(_ chunk: inout ByteBuffer) throws(RDBError) {
        guard hasPutOff else { return }
        patience = 0
        chunk.clear()
        swap(&chunk, &rest)
        try feed(&chunk)
    }

    /// Says that nothing more comes.
    mutating func finish(_ chunk: inout ByteBuffer) throws(RDBError) {
        try look(&chunk)
        try parser.finish()
    }
}
