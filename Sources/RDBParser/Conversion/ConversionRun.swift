extension Conversion {
    /// What became of one value.
    public enum Outcome: Hashable, Sendable {
        /// Type byte and value stay what they are, in a payload of the target's version (or, where the action is `asIs`,
        /// of the source's); nothing was appended.
        case unchanged
        /// The value in the layout of this type was appended, for a payload of the target's version.
        case converted(type: UInt8, losing: Loss?)
        /// Every field of the hash has expired: on the target the key must not be. Nothing was appended.
        case expired
        case impossible(Reason)
    }

    /// Makes of a value what the target takes.
    ///
    /// Fields that have expired are left out of what is converted.
    /// - Parameters:
    ///   - type: The type byte.
    ///   - value: All bytes behind the type byte (and in front of a payload's footer).
    ///   - source: The version that gives the type byte its meaning.
    ///   - target: The server that is to take it.
    ///   - now: The source's clock, in milliseconds since 1970.
    ///   - limits: How much memory the decoding of the value may take.
    ///   - output: Takes the converted value, behind what it holds; as it was after an error.
    /// - Throws: `RDBError` when the value is damaged, or has no elements though none has expired: servers refuse that.
    public static func convert(
        type: UInt8, value: RawSpan, from source: RDBVersion, to target: TargetFormat, now: Int64,
        limits: ValueDecoder.Limits = .init(), into output: inout [UInt8]
    ) throws(RDBError) -> Outcome {
        let module = type == 7 ? try moduleType(of: value) : nil
        switch action(for: type, from: source, to: target, module: module) {
        case .impossible(let reason):
            return .impossible(reason)
        case .asIs, .restamp:
            guard ValueShape.hasFieldExpiries(type: type) else { return .unchanged }
            let survey = try survey(type, value, source, now: now, limits)
            return survey.expiredFields > 0 && survey.expiredFields == survey.fields ? .expired : .unchanged
        case .reencode(let newType), .lossy(let newType, _):
            let start = output.count
            do throws(RDBError) {
                return switch ValueLayout.of(type: type, version: source) {
                case .stream(let generation):
                    try rewrite(value, from: generation, to: newType, into: &output)
                default:
                    try reencode(type, value, source, to: newType, now: now, limits, into: &output)
                }
            } catch {
                output.removeSubrange(start...)
                throw error
            }
        }
    }

    private static func moduleType(of value: RawSpan) throws(RDBError) -> ModuleType {
        var cursor = ByteCursor(value)
        guard let id = try cursor.nextLength(of: "module ID") else {
            throw RDBError(.truncated, offset: UInt64(value.byteCount), element: "module ID")
        }
        return ModuleType(id: id)
    }

    private static func survey(
        _ type: UInt8, _ value: RawSpan, _ source: RDBVersion, now: Int64, _ limits: ValueDecoder.Limits
    ) throws(RDBError) -> ExpirySurvey {
        var survey = ExpirySurvey(now: now)
        try ValueDecoder.decode(type: type, value: value, version: source, limits: limits, into: &survey)
        return survey
    }

    private static func rewrite(
        _ value: RawSpan, from source: ValueLayout.StreamGeneration, to type: UInt8, into output: inout [UInt8]
    ) throws(RDBError) -> Outcome {
        let target: ValueLayout.StreamGeneration =
            switch type {
            case 15: .first
            case 19: .second
            default: .third
            }
        var rewriter = StreamRewriter(value, from: source, to: target)
        try rewriter.rewrite(into: &output)
        return .converted(type: type, losing: rewriter.lostIdempotence ? .idempotence : nil)
    }

    private static func reencode(
        _ type: UInt8, _ value: RawSpan, _ source: RDBVersion, to newType: UInt8, now: Int64,
        _ limits: ValueDecoder.Limits, into output: inout [UInt8]
    ) throws(RDBError) -> Outcome {
        var form = PlainWriter.Form(rawValue: newType) ?? .list
        var earliestExpiry: Int64 = 0
        if form == .redisExpiringHash || form == .valkeyExpiringHash {
            // Without expiries it is a plain hash: a server would otherwise keep it as one that has some.
            let earliest = try survey(type, value, source, now: now, limits).earliestExpiry
            earliestExpiry = earliest ?? 0
            if earliest == nil { form = .hash }
        }
        let start = output.count
        var writer = PlainWriter(form, now: now, earliestExpiry: earliestExpiry, behind: output)
        output = []
        let result: Result<Void, RDBError>
        do throws(RDBError) {
            try ValueDecoder.decode(type: type, value: value, version: source, limits: limits, into: &writer)
            result = .success(())
        } catch { result = .failure(error) }
        output = writer.output
        try result.get()
        if writer.count == 0 {
            output.removeSubrange(start...)
            guard writer.expiredFields > 0 else {
                throw RDBError(.malformed, offset: 0, element: "collection without elements")
            }
            return .expired
        }
        return .converted(type: form.rawValue, losing: writer.lostExpiries > 0 ? .fieldExpiries : nil)
    }
}

extension ValueShape {
    /// Whether a type byte is one of a hash whose fields may expire.
    static func hasFieldExpiries(type: UInt8) -> Bool { (22...25).contains(type) }
}
