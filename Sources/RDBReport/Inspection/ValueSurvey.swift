internal import RDBParser

/// What is asked of a value that is looked into: how many elements it has, and whether it holds what a target might not.
struct ValueSurvey: LargeRecordVisitor {
    /// Field expiries before this time, in milliseconds since 1970, do not count: the fields are gone.
    let now: Int64

    private(set) var elements: UInt64 = 0
    private(set) var module: ModuleType?
    /// Whether a field expires that has not yet.
    private(set) var hasFieldExpiries = false
    /// Whether there is something about idempotent producers that a stream does not have from the start.
    private(set) var hasProducers = false
    private(set) var isEnded = false
    /// The record, where it is one that comes in elements: its value is not in it.
    private(set) var head: Head?

    private var kind = ValueKind.string

    struct Head {
        let key: [UInt8]
        let type: UInt8
        let expiry: Int64?
    }

    init(now: Int64) { self.now = now }

    /// Elements, where the type has any.
    var elementCount: UInt64? { kind == .string || kind == .module ? nil : elements }

    mutating func begin(_ kind: ValueKind, count: UInt64?) { self.kind = kind }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        guard isLast, kind != .stream else { return }
        switch part {
        case .element, .member, .field: elements &+= 1
        case .string, .value, .moduleString: break
        }
    }

    mutating func score(_ score: Double) {}

    mutating func expiry(_ milliseconds: Int64) { if milliseconds >= now { hasFieldExpiries = true } }

    mutating func stream(_ event: borrowing StreamEvent) {
        switch copy event {
        case .metadata(let metadata): elements = metadata.length
        case .idempotence(let duration, let maximum): if (duration, maximum) != (100, 100) { hasProducers = true }
        case .producer: hasProducers = true
        case .idempotenceCounters(let added, let duplicates): if added | duplicates != 0 { hasProducers = true }
        default: break
        }
    }

    mutating func module(_ event: ModuleEvent) { if case .type(let type) = event { module = type } }

    mutating func end() { isEnded = true }

    mutating func beginRecord(_ record: borrowing RDBRecord) {
        head = Head(key: Array(copying: record.key), type: record.type, expiry: record.expiry)
    }

    // What may follow the value in the same bytes is read again.
    mutating func header(_ version: RDBVersion) {}
    mutating func auxiliary(name: RawSpan, value: RawSpan) {}
    mutating func database(_ index: UInt64) {}
    mutating func sizes(keys: UInt64, expiries: UInt64) {}
    mutating func function(_ code: RawSpan) {}
    mutating func record(_ record: borrowing RDBRecord) {}
}

extension ValueSurvey {
    /// How many elements a value has; `nil` where the type has none, or the value is damaged.
    ///
    /// Where the count stands in front of the value, the value is not looked into.
    static func elements(type: UInt8, value: RawSpan, version: RDBVersion) -> UInt64? {
        switch ValueLayout.of(type: type, version: version) {
        case .elements(.pair), .elements(.scored), .elements(.textScored), .elements(.pairThenExpiry):
            return count(value, at: 0)
        case .elements(.string) where type == 1 || type == 2: return count(value, at: 0)
        case .elements(.expiryThenPair): return count(value, at: 0)
        case .expiringFields: return count(value, at: 8)
        case nil, .module: return nil
        case .string where type == 0: return nil
        default:
            var limits = ValueDecoder.Limits()
            limits.maximumComparedElements = 0
            var survey = ValueSurvey(now: 0)
            let isWhole: ()? = try? ValueDecoder.decode(
                type: type, value: value, version: version, limits: limits, into: &survey)
            return isWhole == nil ? nil : survey.elementCount
        }
    }

    private static func count(_ value: RawSpan, at position: Int) -> UInt64? {
        var cursor = ByteCursor(value)
        return cursor.skip(position) ? try? cursor.nextLength(of: "element count") : nil
    }
}
