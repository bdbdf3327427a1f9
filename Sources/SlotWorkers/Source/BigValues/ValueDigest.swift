internal import RDBParser

/// A digest of a value's elements, by which two readings of the same key are compared.
///
/// Two 64-bit multiply-and-fold hashes run over the same bytes with different random multipliers, drawn once for a process.
/// What has no order (sets, sorted sets, hashes) is summed element by element, so that pages may come in any order; lists
/// and streams are one chain. It tells change, by accident missed once in some 2^100 times; it is no guard against somebody
/// who knows the multipliers.
///
/// Left out is what changes without a write: when a consumer was last seen, and when a pending entry was delivered (which
/// not every server says to the millisecond; a new delivery shows in its count or its owner). Fields that expire within an
/// hour of the first reading are summed apart, by the second in which they do: those that are gone since count on no side.
struct ValueDigest: ValueVisitor {
    /// The multipliers of a process: odd, random.
    struct Seed: Sendable {
        fileprivate let first: UInt64
        fileprivate let second: UInt64

        init() {
            first = .random(in: .min ... .max) | 1
            second = .random(in: .min ... .max) | 1
        }

        static let ofProcess = Seed()
    }

    private struct Lanes: Equatable {
        var first: UInt64
        var second: UInt64

        static let zero = Lanes(first: 0, second: 0)

        static func += (left: inout Lanes, right: Lanes) {
            left.first &+= right.first
            left.second &+= right.second
        }
    }

    /// What is remembered of fields that expire soon.
    private static let soon: Int64 = 3_600_000
    private static let bucketWidth: Int64 = 1000

    private let seed: Seed
    private let start: Int64
    /// The element that is being read, or the whole chain.
    private var element: Lanes
    private var sum = Lanes.zero
    private var passing: [Int64: Lanes] = [:]
    private var isOrdered = true
    private var hasElement = false
    private var isInString = false
    private var elementExpiry: Int64?
    /// Elements that were read; bytes of a string.
    private(set) var count: UInt64 = 0

    /// - Parameter start: The source's time when the first of the readings to compare began, in milliseconds.
    init(seed: Seed = .ofProcess, start: Int64) {
        self.seed = seed
        self.start = start
        element = Lanes(first: seed.second, second: seed.first)
    }

    /// Whether both are of the same value, but for fields that expired before `now`.
    func equals(_ other: ValueDigest, now: Int64) -> Bool {
        guard sum == other.sum else { return false }
        // A field may go a little after its time.
        let last = now.addingReportingOverflow(2 * Self.bucketWidth).partialValue / Self.bucketWidth
        return passing.filter { $0.key > last } == other.passing.filter { $0.key > last }
    }

    // MARK: Visitor

    mutating func begin(_ kind: ValueKind, count: UInt64?) {
        switch kind {
        case .set, .sortedSet, .hash: isOrdered = false
        case .string, .list, .stream, .module: isOrdered = true
        }
        absorb(UInt64(truncatingIfNeeded: kind.hashTag))
    }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        if !isInString {
            switch part {
            case .field where !isOrdered, .member: beginElement()
            case .string: count += length
            case .element: count += 1
            case .field, .value, .moduleString: break
            }
            absorb(length)
        }
        isInString = !isLast
        absorb(piece)
    }

    mutating func score(_ score: Double) { absorb(score.bitPattern) }

    mutating func expiry(_ milliseconds: Int64) {
        elementExpiry = milliseconds
        absorb(UInt64(bitPattern: milliseconds))
    }

    mutating func stream(_ event: borrowing StreamEvent) {
        switch copy event {
        case .entry(let id, let fields, let isDeleted):
            // Deleted entries are seen in some readings only.
            guard !isDeleted else { return }
            count += 1
            absorb(1)
            absorb(id)
            absorb(fields)
        case .metadata(let metadata):
            absorb(2)
            absorb(metadata.length)
            absorb(metadata.lastID)
            absorb(metadata.history?.firstID ?? metadata.lastID)
            absorb(metadata.history?.greatestDeletedID ?? metadata.lastID)
            absorb(metadata.history?.entriesAdded ?? 0)
        case .group(let name, let lastID, let entriesRead):
            absorb(3)
            absorb(name: name)
            absorb(lastID)
            absorb(UInt64(bitPattern: entriesRead ?? -1))
        case .pending(let id, _, let deliveries):
            absorb(4)
            absorb(id)
            absorb(deliveries)
        case .consumer(let name, _, _):
            absorb(5)
            absorb(name: name)
        case .owned(let id):
            absorb(6)
            absorb(id)
        case .idempotence(let duration, let maximum):
            absorb(7)
            absorb(duration)
            absorb(maximum)
        case .producer(let name):
            absorb(8)
            absorb(name: name)
        case .producerID(let id, let entry):
            absorb(9)
            absorb(name: id)
            absorb(entry)
        case .idempotenceCounters(let added, let duplicates):
            absorb(10)
            absorb(added)
            absorb(duplicates)
        }
    }

    mutating func module(_ event: ModuleEvent) {}

    mutating func end() {
        if isOrdered { sum = element } else { endElement() }
    }

    // MARK: Elements

    private mutating func beginElement() {
        endElement()
        hasElement = true
        count += 1
        element = Lanes(first: seed.second, second: seed.first)
    }

    private mutating func endElement() {
        guard hasElement else { return }
        // A sum of what was only multiplied could be met by other elements.
        absorb(0x9E37_79B9_7F4A_7C15)
        if let elementExpiry, elementExpiry - Self.soon < start {
            passing[elementExpiry / Self.bucketWidth, default: .zero] += element
        } else {
            sum += element
        }
        hasElement = false
        elementExpiry = nil
    }

    // MARK: Hashing

    @inline(__always)
    private mutating func absorb(_ word: UInt64) {
        element.first = Self.fold((element.first ^ word).multipliedFullWidth(by: seed.first))
        element.second = Self.fold((element.second &+ word).multipliedFullWidth(by: seed.second))
    }

    @inline(__always)
    private static func fold(_ product: (high: UInt64, low: UInt64)) -> UInt64 {
        // Added, so that a state of 0 does not stay one.
        (product.high ^ product.low) &+ 0xA076_1D64_78BD_642F
    }

    private mutating func absorb(_ id: StreamID) {
        absorb(id.milliseconds)
        absorb(id.sequence)
    }

    private mutating func absorb(name: RawSpan) {
        absorb(UInt64(name.byteCount))
        absorb(name)
    }

    private mutating func absorb(_ bytes: RawSpan) {
        var position = 0
        while position + 8 <= bytes.byteCount {
            // SAFETY: the condition proved that eight bytes lie at `position`; every bit pattern is an integer.
            absorb(unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self))
            position += 8
        }
        var rest: UInt64 = 0
        while position < bytes.byteCount {
            rest = rest << 8 | UInt64(bytes[position])
            position += 1
        }
        absorb(rest)
    }
}

extension ValueKind {
    fileprivate var hashTag: Int {
        switch self {
        case .string: 1
        case .list: 2
        case .set: 3
        case .sortedSet: 4
        case .hash: 5
        case .stream: 6
        case .module: 7
        }
    }
}
