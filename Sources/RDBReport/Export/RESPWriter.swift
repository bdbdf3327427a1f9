package import RDBParser

/// Writes each key as commands that a server takes: `SELECT` where the database changes, and
/// `RESTORE key expiry payload REPLACE ABSTTL`; libraries as `FUNCTION LOAD REPLACE code`.
package struct RESPWriter: ExportWriter, LargeRecordVisitor, ~Copyable {
    /// What becomes of a value of which the target cannot hold everything.
    package enum LossChoice: Sendable {
        /// It is not written, and counted in `unsupported`.
        case error
        /// It is written without what the target cannot hold, and counted in `lossy` too.
        case convert
        /// It is not written, and counted in `filtered`.
        case skip
    }

    package private(set) var tally = ExportTally()
    private var output = ByteOutput()
    /// `nil`: as the file has them.
    private let target: TargetFormat?
    private let onLossy: LossChoice
    /// By which field expiries are judged, in milliseconds since 1970.
    private let now: Int64
    private let wholeUpTo: Int
    private var version = RDBVersion(family: .redis, number: 0)
    private var database: UInt64 = 0
    private var selected: UInt64 = 0
    /// For each type byte the version that an unchanged value is stamped with; 0 for what must be looked at.
    private var stamps = [UInt16](repeating: 0, count: 256)
    private var converted: [UInt8] = []

    /// - Parameters:
    ///   - target: The format that is written; `nil` for the one that the file has.
    ///   - wholeUpTo: Most bytes of a record, 1...; default 512 MiB. Larger ones fail, as no server takes them in one command.
    package init(target: TargetFormat?, onLossy: LossChoice = .error, now: Int64, wholeUpTo: Int = 512 << 20) {
        self.target = target
        self.onLossy = onLossy
        self.now = now
        self.wholeUpTo = wholeUpTo
    }

    package var pendingBytes: Int { output.count }

    package mutating func drain<Failure: Error>(_ take: (RawSpan) throws(Failure) -> Void) throws(Failure) {
        try take(output.bytes)
        output.removeAll()
    }

    package mutating func read(_ chunk: RawSpan, by parser: inout RDBStreamParser) throws(RDBError) -> Int {
        var limits = ValueDecoder.Limits()
        limits.maximumComparedElements = 0
        return try parser.feed(chunk, wholeUpTo: wholeUpTo, limits: limits, into: &self)
    }

    package mutating func header(_ version: RDBVersion) {
        self.version = version
        for type in 0...255 { stamps[type] = stamp(UInt8(type)) }
    }

    private func stamp(_ type: UInt8) -> UInt16 {
        guard let target else { return UInt16(clamping: version.number) }
        // A hash whose fields have all expired must not become a key, and a module must be there.
        if (22...25).contains(type) || type == 6 || type == 7 { return 0 }
        return Self.stamp(Conversion.action(for: type, from: version, to: target), version, target)
    }

    private static func stamp(_ action: Conversion.Action, _ version: RDBVersion, _ target: TargetFormat) -> UInt16 {
        switch action {
        case .asIs: UInt16(clamping: version.number)
        case .restamp: UInt16(clamping: target.version.number)
        case .reencode, .lossy, .impossible: 0
        }
    }

    package mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    package mutating func database(_ index: UInt64) { database = index }
    package mutating func sizes(keys: UInt64, expiries: UInt64) {}

    package mutating func function(_ code: RawSpan) {
        tally.functions.read += 1
        if let target, case .impossible = Conversion.action(for: 245, from: version, to: target) { return }
        tally.functions.written += 1
        output.append("*4\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n$7\r\nREPLACE\r\n")
        append(bulk: code)
    }

    // MARK: - Records

    package mutating func record(_ record: borrowing RDBRecord) {
        tally.read &+= 1
        tally.bytes &+= record.key.byteCount &+ record.value.byteCount
        let stamp = stamps[Int(record.type)]
        if stamp > 0 {
            write(record.key, record.type, record.value, stamp, record.expiry)
        } else if let target {
            convert(record, to: target)
        }
    }

    private mutating func convert(_ record: borrowing RDBRecord, to target: TargetFormat) {
        converted.removeAll(keepingCapacity: converted.capacity <= 4 << 20)
        do throws(RDBError) {
            let outcome = try Conversion.convert(
                type: record.type, value: record.value, from: version, to: target, now: now, into: &converted)
            switch outcome {
            case .unchanged:
                let action = Conversion.action(for: record.type, from: version, to: target)
                let known = Self.stamp(action, version, target)
                let stamp = known > 0 ? known : UInt16(clamping: target.version.number)
                write(record.key, record.type, record.value, stamp, record.expiry)
            case .expired:
                tally.expired += 1
            case .impossible(let reason):
                tally.unsupported += 1
                tally.explain("\(reason)", record.key)
            case .converted(let type, let loss):
                if let loss, !mayLose(loss, of: record.key) { return }
                let bytes = converted
                // SAFETY: the bytes of integers are all initialized.
                unsafe write(
                    record.key, type, bytes.span.bytes, UInt16(clamping: target.version.number), record.expiry)
            }
        } catch {
            tally.failed += 1
            tally.explain("the value is damaged: \(error.element)", record.key)
        }
    }

    private mutating func mayLose(_ loss: Conversion.Loss, of key: RawSpan) -> Bool {
        switch onLossy {
        case .error:
            tally.unsupported += 1
            tally.explain("the target cannot hold \(loss) (--on-lossy error)", key)
        case .convert:
            tally.lossy += 1
            tally.explain("written without \(loss), which the target cannot hold (--on-lossy convert)", key)
        case .skip:
            tally.filtered += 1
            tally.explain("the target cannot hold \(loss) (--on-lossy skip)", key)
        }
        return onLossy == .convert
    }

    package mutating func beginRecord(_ record: borrowing RDBRecord) {
        tally.read += 1
        tally.bytes += record.key.byteCount
        tally.failed += 1
        tally.explain("the value is too large for one command: more than \(wholeUpTo) bytes", record.key)
    }

    // Of a value that is too large nothing is written.
    package mutating func begin(_ kind: ValueKind, count: UInt64?) {}
    package mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {}
    package mutating func score(_ score: Double) {}
    package mutating func expiry(_ milliseconds: Int64) {}
    package mutating func stream(_ event: borrowing StreamEvent) {}
    package mutating func module(_ event: ModuleEvent) {}
    package mutating func end() {}

    // MARK: - Commands

    private mutating func write(
        _ key: RawSpan, _ type: UInt8, _ value: RawSpan, _ version: UInt16, _ expiry: Int64?
    ) {
        if database != selected { select() }
        tally.written &+= 1
        output.append(expiry == nil ? "*5\r\n$7\r\nRESTORE\r\n" : "*6\r\n$7\r\nRESTORE\r\n")
        append(bulk: key)
        if let expiry {
            append(length: ByteOutput.digits(in: expiry.magnitude) + (expiry < 0 ? 1 : 0))
            output.append(decimal: expiry)
            output.append("\r\n")
        } else {
            output.append("$1\r\n0\r\n")
        }
        append(length: value.byteCount + 11)
        let payload = output.count
        output.append(byte: type)
        output.append(value)
        output.append(littleEndian: version)
        output.append(littleEndian: output.checksum(from: payload))
        output.append(expiry == nil ? "\r\n$7\r\nREPLACE\r\n" : "\r\n$7\r\nREPLACE\r\n$6\r\nABSTTL\r\n")
    }

    private mutating func select() {
        selected = database
        output.append("*2\r\n$6\r\nSELECT\r\n")
        append(length: ByteOutput.digits(in: database))
        output.append(decimal: database)
        output.append("\r\n")
    }

    private mutating func append(length: Int) {
        output.append(byte: UInt8(ascii: "$"))
        output.append(decimal: UInt64(length))
        output.append("\r\n")
    }

    private mutating func append(bulk bytes: RawSpan) {
        append(length: bytes.byteCount)
        output.append(bytes)
        output.append("\r\n")
    }
}
