/// The input of one run: its first byte chooses the reader, its second the version, its third a target.
///
/// 0: a stream; 1: a stream whose large records come in elements, in small chunks; 2: a DUMP payload without its footer,
/// decoded and converted.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard input.count > 3 else { return 0 }
    let rest = [UInt8](input[3...])
    switch input[0] % 3 {
    case 0: readStream(rest, chunk: rest.count, wholeUpTo: .max)
    case 1: readStream(rest, chunk: 1 + Int(input[1]), wholeUpTo: 16)
    default: readPayload(rest, version: input[1], target: input[2])
    }
    return 0
}

private let versions: [UInt16] = [3, 6, 9, 10, 11, 12, 13, 80]

private var limits: ValueDecoder.Limits {
    var limits = ValueDecoder.Limits()
    limits.maximumPackedBytes = 1 << 20
    return limits
}

private func readStream(_ bytes: [UInt8], chunk: Int, wholeUpTo maximum: Int) {
    var parser = RDBStreamParser()
    var sink = Sink()
    var (start, end) = (0, min(chunk, bytes.count))
    do {
        while true {
            let consumed = try parser.feed(
                bytes.span.bytes.extracting(start..<end), wholeUpTo: maximum, limits: limits, into: &sink)
            start += consumed
            if parser.isFinished || end == bytes.count && consumed == 0 { break }
            end = min(bytes.count, max(end, start) + chunk)
        }
        try parser.finish()
    } catch {}
}

private func readPayload(_ bytes: [UInt8], version: UInt8, target: UInt8) {
    let source = RDBVersion(footer: versions[Int(version) % versions.count])
    let value = bytes.span.bytes.extracting(1...)
    do {
        let decoded = try Value(type: bytes[0], value: value, version: source, limits: limits)
        guard let format = TargetFormat(version: RDBVersion(footer: versions[2 + Int(target) % 6])) else { return }
        var output: [UInt8] = []
        let (type, losing) = decoded.encode(for: format, into: &output)
        let again = try Value(type: type, value: output.span.bytes, version: format.version, limits: limits)
        if case .stream = decoded {} else { precondition(losing != nil || again == decoded) }
        output = []
        let outcome = try Conversion.convert(
            type: bytes[0], value: value, from: source, to: format, now: .min, limits: limits, into: &output)
        if case .converted(let type, let losing) = outcome {
            let again = try Value(type: type, value: output.span.bytes, version: format.version, limits: limits)
            if case .stream = decoded {} else { precondition(losing != nil || again == decoded) }
        }
    } catch {}
}

/// Hears everything and keeps nothing.
private struct Sink: LargeRecordVisitor {
    mutating func header(_ version: RDBVersion) {}
    mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    mutating func database(_ index: UInt64) {}
    mutating func sizes(keys: UInt64, expiries: UInt64) {}
    mutating func function(_ code: RawSpan) {}
    mutating func record(_ record: borrowing RDBRecord) {}
    mutating func beginRecord(_ record: borrowing RDBRecord) {}
    mutating func begin(_ kind: ValueKind, count: UInt64?) {}
    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {}
    mutating func score(_ score: Double) {}
    mutating func expiry(_ milliseconds: Int64) {}
    mutating func stream(_ event: borrowing StreamEvent) {}
    mutating func module(_ event: ModuleEvent) {}
    mutating func end() {}
}
