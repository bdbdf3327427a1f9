package import RDBParser

/// Writes each key as a JSON object in a line of its own: `db`, `key_b64`, `type`, `rdb_type`, `expire_ms`, `value`.
///
/// Bytes are base64. A value that is not held whole is written while its elements come.
package struct JSONLinesWriter: ExportWriter, LargeRecordVisitor, ~Copyable {
    package internal(set) var tally = ExportTally()
    var output = ByteOutput()
    var value = ValueState()
    private let wholeUpTo: Int
    private var version = RDBVersion(family: .redis, number: 0)
    private var database: UInt64 = 0
    /// Room for strings that do not lie in the file as they are.
    private var scratch: [UInt8] = []
    /// What stands between the key and its value.
    private var type: UInt8 = 0
    private var expiry: Int64?

    /// - Parameter wholeUpTo: Most bytes of a record that is waited for, 1...; default 1 MiB. The lines do not depend on it.
    package init(wholeUpTo: Int = 1 << 20) { self.wholeUpTo = wholeUpTo }

    package var pendingBytes: Int { output.count }

    package mutating func drain<Failure: Error>(_ take: (RawSpan) throws(Failure) -> Void) throws(Failure) {
        try take(output.bytes)
        output.removeAll()
    }

    package mutating func read(_ chunk: RawSpan, by parser: inout RDBStreamParser) throws(RDBError) -> Int {
        try parser.feed(chunk, wholeUpTo: wholeUpTo, into: &self)
    }

    // MARK: - Records

    package mutating func header(_ version: RDBVersion) { self.version = version }
    package mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    package mutating func database(_ index: UInt64) { database = index }
    package mutating func sizes(keys: UInt64, expiries: UInt64) {}
    package mutating func function(_ code: RawSpan) { tally.functions.read += 1 }

    @inline(__always)
    package mutating func record(_ record: borrowing RDBRecord) {
        tally.bytes &+= record.value.byteCount
        let start = output.count
        begin(record)
        if record.type == 0, case .raw(let text) = RDBString.read(record.value) {
            writeHead(type: "string")
            writeString(text)
            return finishLine()
        }
        writeOther(record, from: start)
    }

    private mutating func writeOther(_ record: borrowing RDBRecord, from start: Int) {
        do throws(RDBError) {
            if record.type == 0 {
                // Out of the structure while it is written from.
                var text: [UInt8] = []
                swap(&text, &scratch)
                defer { swap(&text, &scratch) }
                text.removeAll(keepingCapacity: text.capacity <= 1 << 20)
                try RDBString.decode(record.value, into: &text)
                writeHead(type: "string")
                // SAFETY: the bytes of integers are all initialized.
                unsafe writeString(text.span.bytes)
                finishLine()
            } else {
                try ValueDecoder.decode(type: record.type, value: record.value, version: version, into: &self)
            }
        } catch {
            output.truncate(to: start)
            tally.failed += 1
            tally.explain("the value is damaged: \(error.element)", record.key)
        }
    }

    package mutating func beginRecord(_ record: borrowing RDBRecord) { begin(record) }

    private mutating func begin(_ record: borrowing RDBRecord) {
        tally.read &+= 1
        tally.bytes &+= record.key.byteCount
        type = record.type
        expiry = record.expiry
        output.append(#"{"db":"#)
        output.append(decimal: database)
        output.append(#","key_b64":""#)
        output.append(base64: record.key)
        output.append(byte: UInt8(ascii: "\""))
    }

    /// What stands between the key and the value.
    mutating func writeHead(type name: StaticString) {
        output.append(#","type":""#)
        output.append(name)
        writeNumbers()
    }

    mutating func writeHead(module: ModuleType) {
        output.append(#","type":""#)
        output.append(text: module.name)
        writeNumbers()
    }

    private mutating func writeNumbers() {
        output.append(#"","rdb_type":"#)
        output.append(decimal: UInt64(type))
        output.append(#","expire_ms":"#)
        if let expiry { output.append(decimal: expiry) } else { output.append("null") }
        output.append(#","value":"#)
    }

    mutating func writeString(_ bytes: RawSpan) {
        output.append(byte: UInt8(ascii: "\""))
        output.append(base64: bytes)
        output.append(byte: UInt8(ascii: "\""))
    }

    mutating func finishLine() {
        output.append("}\n")
        tally.written &+= 1
    }
}
