package import RDBParser

/// What reads the elements of an RDB stream, as far as they lie in a chunk.
package protocol StreamReader: ~Copyable {
    /// Reads what is whole.
    ///
    /// - Returns: Bytes consumed, 0...chunk.byteCount; the rest comes again, with more behind it.
    mutating func read(_ chunk: RawSpan, by parser: inout RDBStreamParser) throws(RDBError) -> Int
}

/// Joins the chunks of an RDB stream: each is read where it lies, and only an element that a chunk does not hold whole is
/// put together in memory.
package struct StreamFeed<Reader: StreamReader & ~Copyable>: ~Copyable {
    package var reader: Reader
    private var parser = RDBStreamParser()
    /// The start of an element whose end is still to come.
    private var rest: [UInt8] = []
    /// Not looked at again before so many bytes of it are there: each look reads it from its start.
    private var awaited = 0
    /// Bytes that were fed behind the end of the RDB data.
    package private(set) var bytesBehindEnd = 0

    /// An element that must be put together from chunks may have so many bytes.
    private static var largestElement: Int { 1 << 30 }

    package init(_ reader: consuming Reader) { self.reader = reader }

    /// Whether the end of the RDB data was read.
    package var isFinished: Bool { parser.isFinished }

    /// Takes the next chunk.
    ///
    /// - Throws: `RDBError`; what came before the bad element has been read.
    package mutating func feed(_ chunk: RawSpan) throws(RDBError) {
        var position = 0
        while !rest.isEmpty, position < chunk.byteCount, !isFinished {
            let before = rest.count
            let count = min(max(awaited - before, 512), chunk.byteCount - position)
            append(chunk.extracting(position..<position + count))
            guard rest.count <= Self.largestElement else {
                throw RDBError(
                    .tooLarge, offset: parser.offset, element: "element of the RDB stream", detail: UInt64(rest.count))
            }
            if rest.count < awaited { return }
            let consumed = try look()
            if consumed >= before, !isFinished {
                position += consumed - before
                rest.removeAll(keepingCapacity: rest.capacity <= 1 << 20)
                awaited = 0
            } else {
                position += count
                rest.removeFirst(consumed)
                awaited = consumed > 0 ? parser.bytesNeeded : max(parser.bytesNeeded, rest.count * 2)
            }
        }
        if !isFinished, position < chunk.byteCount {
            position += try reader.read(chunk.extracting(position...), by: &parser)
            if !isFinished {
                append(chunk.extracting(position...))
                awaited = parser.bytesNeeded
                return
            }
        }
        if isFinished {
            bytesBehindEnd += rest.count + chunk.byteCount - position
            rest = []
        }
    }

    /// Says that nothing more comes.
    ///
    /// - Throws: `truncated`, with the offset of what is missing or incomplete, or what the rest of the bytes give.
    package mutating func finish() throws(RDBError) {
        if !rest.isEmpty, !isFinished {
            bytesBehindEnd = rest.count - (try look())
            rest = []
        }
        try parser.finish()
    }

    private mutating func look() throws(RDBError) -> Int {
        // Out of the structure while it is read, so that reader and parser may change beside it.
        var bytes: [UInt8] = []
        swap(&bytes, &rest)
        defer { swap(&bytes, &rest) }
        // SAFETY: the bytes of integers are all initialized.
        return try unsafe reader.read(bytes.span.bytes, by: &parser)
    }

    private mutating func append(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { buffer in
            // SAFETY: the buffer is only read within the closure.
            unsafe rest.append(contentsOf: buffer)
        }
    }
}
