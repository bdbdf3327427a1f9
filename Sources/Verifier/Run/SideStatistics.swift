internal import RDBParser
internal import SlotWorkers

/// What the first reading of a side counts beside the sums. One for each reader; added up at the end.
struct SideStatistics: Hashable, Sendable, Codable {
    /// Keys of the sums, by kind.
    private var kinds = [UInt64](repeating: 0, count: 8)
    /// Keys of the sums, and all keys whose value was seen, by kind and size.
    private var compared = [UInt64](repeating: 0, count: 8 * SizeClass.allCases.count)
    private var seen = [UInt64](repeating: 0, count: 8 * SizeClass.allCases.count)
    private var lifetimes = [UInt64](repeating: 0, count: Lifetime.allCases.count)
    /// Bytes of all strings of the keys of the sums.
    private(set) var bytes: UInt64 = 0
    private(set) var expiring: UInt64 = 0
    private(set) var unsupported: UInt64 = 0
    private(set) var converted: UInt64 = 0
    /// Some of the unsupported ones.
    private(set) var unsupportedKeys: [KeyName] = []
    var largest = LargestKeys()

    mutating func countSeen(_ kind: ValueKind, bytes: UInt64) { seen[Self.index(kind, SizeClass(bytes: bytes))] += 1 }

    /// Counts a key of the sums.
    ///
    /// - Parameter lifetime: Milliseconds that it has left; `nil` for ever.
    mutating func count(_ record: RecordDigest, lifetime: Int64?) {
        kinds[Int(record.kind.code)] += 1
        compared[Self.index(record.kind, SizeClass(bytes: record.bytes))] += 1
        lifetimes[Lifetime(lifetime).rawValue] += 1
        bytes += record.bytes
        if record.isConverted { converted += 1 }
    }

    mutating func countExpiring() { expiring += 1 }

    mutating func countUnsupported(_ key: RawSpan, database: Int) {
        unsupported += 1
        guard unsupportedKeys.count < VerificationReport.maximumExamples else { return }
        unsupportedKeys.append(KeyName(database: database, key: [UInt8](copying: key)))
    }

    mutating func add(_ other: SideStatistics) {
        Self.add(&kinds, other.kinds)
        Self.add(&compared, other.compared)
        Self.add(&seen, other.seen)
        Self.add(&lifetimes, other.lifetimes)
        bytes += other.bytes
        expiring += other.expiring
        unsupported += other.unsupported
        converted += other.converted
        unsupportedKeys += other.unsupportedKeys
        for entry in other.largest.entries {
            largest.insert(bytes: entry.bytes, database: entry.database, key: entry.key)
        }
    }

    private static func add(_ sums: inout [UInt64], _ others: [UInt64]) {
        for (index, number) in others.enumerated() { sums[index] += number }
    }

    private static func index(_ kind: ValueKind, _ size: SizeClass) -> Int {
        Int(kind.code) * SizeClass.allCases.count + size.rawValue
    }

    // MARK: Results

    /// Whether there is a number for each class, as there is unless it was decoded from something else.
    var isWhole: Bool {
        let empty = SideStatistics()
        return kinds.count == empty.kinds.count && compared.count == empty.compared.count
            && seen.count == empty.seen.count && lifetimes.count == empty.lifetimes.count
    }

    /// Keys of the sums of a kind.
    func count(_ kind: ValueKind) -> UInt64 { kinds[Int(kind.code)] }

    /// Keys of the sums in a stratum.
    func compared(_ stratum: Stratum) -> UInt64 { compared[Self.index(stratum.kind, stratum.size)] }

    /// All keys of a stratum whose value was seen.
    func seen(_ stratum: Stratum) -> UInt64 { seen[Self.index(stratum.kind, stratum.size)] }

    func count(_ lifetime: Lifetime) -> UInt64 { lifetimes[lifetime.rawValue] }

    func count(_ size: SizeClass) -> UInt64 {
        ValueKind.all.reduce(0) { $0 + compared(Stratum(kind: $1, size: size)) }
    }
}

/// Classes of the time that keys have left.
enum Lifetime: Int, CaseIterable {
    case minute, hour, day, week, month, longer, forever

    init(_ milliseconds: Int64?) {
        switch milliseconds {
        case nil: self = .forever
        case let left? where left <= 60_000: self = .minute
        case let left? where left <= 3_600_000: self = .hour
        case let left? where left <= 86_400_000: self = .day
        case let left? where left <= 604_800_000: self = .week
        case let left? where left <= 2_592_000_000: self = .month
        default: self = .longer
        }
    }

    var name: String {
        switch self {
        case .minute: "up to 1 minute"
        case .hour: "up to 1 hour"
        case .day: "up to 1 day"
        case .week: "up to 7 days"
        case .month: "up to 30 days"
        case .longer: "over 30 days"
        case .forever: "no TTL"
        }
    }
}

extension ValueKind {
    static let all: [ValueKind] = [.string, .list, .set, .sortedSet, .hash, .stream, .module]

    /// What a type byte stands for, near enough for counting; `nil` for one that no released server writes.
    init?(type: UInt8) {
        switch KeyType(rdbType: type) {
        case .string: self = .string
        case .list: self = .list
        case .set: self = .set
        case .zset: self = .sortedSet
        case .hash: self = .hash
        case .stream: self = .stream
        case .module: self = .module
        case nil: return nil
        }
    }
}

extension Array where Element == UInt8 {
    /// A copy of borrowed bytes.
    init(copying bytes: RawSpan) {
        // SAFETY: the buffer is only read within the closure.
        self = unsafe bytes.withUnsafeBytes { buffer in unsafe Array(buffer) }
    }
}
