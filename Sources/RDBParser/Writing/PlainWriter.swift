/// Writes the elements of a list, set, sorted set or hash in a plain encoding.
struct PlainWriter: ValueVisitor {
    /// What is written: the type byte's layout.
    enum Form: UInt8 {
        case list = 1
        case set = 2
        case hash = 4
        case sortedSet = 5
        /// Valkey 9's hash with field expiries.
        case valkeyExpiringHash = 22
        /// Redis 7.4's hash with field expiries.
        case redisExpiringHash = 24
    }

    let form: Form
    /// Fields that expired before it are left out: milliseconds since 1970.
    let now: Int64
    /// The earliest expiry, which `redisExpiringHash` writes in front.
    let earliestExpiry: Int64

    /// What was written, behind what was there before.
    private(set) var output: [UInt8]
    private(set) var count: UInt64 = 0
    /// Fields that were left out.
    private(set) var expiredFields: UInt64 = 0
    /// Fields whose expiry has no place in the form.
    private(set) var lostExpiries: UInt64 = 0

    private var countStart = 0
    private var fieldStart: Int?
    private var fieldExpiry: Int64?
    private var isInString = false

    init(_ form: Form, now: Int64, earliestExpiry: Int64, behind output: [UInt8]) {
        self.form = form
        self.now = now
        self.earliestExpiry = earliestExpiry
        self.output = output
    }

    mutating func begin(_ kind: ValueKind, count: UInt64?) {
        if form == .redisExpiringHash { RDBWriter.appendLittleEndian(earliestExpiry, to: &output) }
        // The length of five bytes, known at the end.
        countStart = output.count
        output.append(contentsOf: [0x80, 0, 0, 0, 0])
    }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        if !isInString {
            if part == .field {
                finishField()
                fieldStart = output.count
                // The length of nine bytes, known behind the value.
                if form == .redisExpiringHash { output.append(contentsOf: [0x81, 0, 0, 0, 0, 0, 0, 0, 0]) }
            }
            RDBWriter.appendLength(length, to: &output)
        }
        isInString = !isLast
        RDBWriter.append(piece, to: &output)
        if isLast, part == .element || part == .member { count += 1 }
    }

    mutating func score(_ score: Double) { RDBWriter.appendLittleEndian(score.bitPattern, to: &output) }

    mutating func expiry(_ milliseconds: Int64) { fieldExpiry = milliseconds }

    mutating func stream(_ event: borrowing StreamEvent) {}

    mutating func module(_ event: ModuleEvent) {}

    mutating func end() {
        finishField()
        for index in 0..<4 {
            output[countStart + 1 + index] = UInt8(truncatingIfNeeded: count >> UInt64(24 - 8 * index))
        }
    }

    private mutating func finishField() {
        guard let start = fieldStart else { return }
        let expiry = fieldExpiry
        fieldStart = nil
        fieldExpiry = nil
        if let expiry, expiry < now {
            output.removeSubrange(start...)
            expiredFields += 1
            return
        }
        count += 1
        switch form {
        case .valkeyExpiringHash:
            RDBWriter.appendLittleEndian(expiry ?? -1, to: &output)
        case .redisExpiringHash:
            let relative = expiry.map { UInt64($0 - earliestExpiry) + 1 } ?? 0
            for index in 0..<8 {
                output[start + 1 + index] = UInt8(truncatingIfNeeded: relative >> UInt64(56 - 8 * index))
            }
        default:
            if expiry != nil { lostExpiries += 1 }
        }
    }
}

/// Looks for the expiries of a hash's fields.
struct ExpirySurvey: ValueVisitor {
    /// Milliseconds since 1970.
    let now: Int64
    private(set) var fields: UInt64 = 0
    private(set) var expiredFields: UInt64 = 0
    /// The earliest of those that are not over.
    private(set) var earliestExpiry: Int64?

    init(now: Int64) { self.now = now }

    mutating func begin(_ kind: ValueKind, count: UInt64?) {}
    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        if part == .field, isLast { fields += 1 }
    }
    mutating func score(_ score: Double) {}
    mutating func expiry(_ milliseconds: Int64) {
        if milliseconds < now {
            expiredFields += 1
        } else {
            earliestExpiry = min(earliestExpiry ?? .max, milliseconds)
        }
    }
    mutating func stream(_ event: borrowing StreamEvent) {}
    mutating func module(_ event: ModuleEvent) {}
    mutating func end() {}
}
