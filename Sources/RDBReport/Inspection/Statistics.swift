package import RDBParser

/// What is in a file, counted while it is read. No memory for a key, except for the few that are named.
package struct Statistics: RDBVisitor, Sendable {
    /// An auxiliary field; those of one name are told once, with the last value.
    package struct Auxiliary: Hashable, Sendable {
        package let name: [UInt8]
        /// At most 1,024 bytes of it.
        package internal(set) var value: [UInt8]
        package internal(set) var count: Int
    }

    /// The file's version; `nil` before its first bytes were read.
    package private(set) var version: RDBVersion?
    /// In the order of the file; at most 100 names.
    package private(set) var auxiliary: [Auxiliary] = []
    /// In the order of the file; at most 1,000.
    package private(set) var functions: [FunctionLibrary] = []
    package private(set) var functionCount = 0
    /// All keys.
    package private(set) var total = KeyCounts()
    package private(set) var expiries: ExpiryHistogram
    package private(set) var sizes = SizeHistogram()
    package private(set) var biggest = BiggestKeys()
    package private(set) var slots = SlotLoad()
    /// Keys of the shape that temporary keys of Backfill have: left behind by a run that was killed.
    package private(set) var temporary = Examples()
    /// What a target would not take, where one was named.
    package var check: TargetCheck?

    private var types = [KeyCounts](repeating: KeyCounts(), count: 256)
    private var databases: [UInt64: KeyCounts] = [:]
    private var current: UInt64 = 0
    private var currentCounts = KeyCounts()
    private let isTemporary: @Sendable (RawSpan) -> Bool

    /// - Parameters:
    ///   - now: The time by which expiries are judged, in milliseconds since 1970.
    ///   - check: What to find out about a target.
    ///   - isTemporary: Whether a key has the shape of our own temporary ones.
    package init(now: Int64, check: TargetCheck? = nil, isTemporary: @escaping @Sendable (RawSpan) -> Bool) {
        expiries = ExpiryHistogram(now: now)
        self.check = check
        self.isTemporary = isTemporary
    }

    /// Keys by type byte, for those that there are; ascending.
    package var byType: [(type: UInt8, counts: KeyCounts)] {
        types.indices.filter { types[$0].keys > 0 }.map { (UInt8($0), types[$0]) }
    }

    /// Keys by database, for those that hold any; ascending.
    package var byDatabase: [(database: UInt64, counts: KeyCounts)] {
        var all = databases
        if currentCounts.keys > 0 { all[current, default: KeyCounts()].add(currentCounts) }
        return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    package mutating func header(_ version: RDBVersion) {
        self.version = version
        check?.begin(version)
    }

    package mutating func auxiliary(name: RawSpan, value: RawSpan) {
        let name = Array(copying: name.extracting(first: 1024))
        let value = Array(copying: value.extracting(first: 1024))
        if let index = auxiliary.firstIndex(where: { $0.name == name }) {
            auxiliary[index].value = value
            auxiliary[index].count += 1
        } else if auxiliary.count < 100 {
            auxiliary.append(Auxiliary(name: name, value: value, count: 1))
        }
    }

    package mutating func database(_ index: UInt64) {
        guard index != current else { return }
        if currentCounts.keys > 0 { databases[current, default: KeyCounts()].add(currentCounts) }
        currentCounts = KeyCounts()
        current = index
    }

    package mutating func sizes(keys: UInt64, expiries: UInt64) {}

    package mutating func function(_ code: RawSpan) {
        functionCount += 1
        if functions.count < 1000 { functions.append(FunctionLibrary(code: code)) }
        check?.checkFunction()
    }

    @inline(__always)
    package mutating func record(_ record: borrowing RDBRecord) {
        let size = record.key.byteCount &+ record.value.byteCount
        count(record.key, record.type, bytes: size, expiry: record.expiry)
        if biggest.takes(bytes: size) { insert(record, bytes: size) }
        check?.check(record)
    }

    /// Counts a record whose value was not held whole.
    mutating func record(_ head: ValueSurvey.Head, valueBytes: Int, _ survey: ValueSurvey) {
        let size = head.key.count + valueBytes
        // SAFETY: the bytes of integers are all initialized.
        unsafe count(head.key.span.bytes, head.type, bytes: size, expiry: head.expiry)
        if biggest.takes(bytes: size) {
            biggest.insert(
                .init(
                    key: head.key, database: current, type: head.type, bytes: size, elements: survey.elementCount))
        }
        check?.check(head, survey)
    }

    @inline(__always)
    private mutating func count(_ key: RawSpan, _ type: UInt8, bytes size: Int, expiry: Int64?) {
        let expires = expiry != nil
        total.add(bytes: size, expires: expires)
        currentCounts.add(bytes: size, expires: expires)
        types[Int(type)].add(bytes: size, expires: expires)
        expiries.add(expiry)
        sizes.add(bytes: size, expires: expires)
        slots.add(key, bytes: size)
        if isTemporary(key) { temporary.add(key) }
    }

    private mutating func insert(_ record: borrowing RDBRecord, bytes size: Int) {
        guard let version else { return }
        biggest.insert(
            .init(
                key: Array(copying: record.key), database: current, type: record.type, bytes: size,
                elements: ValueSurvey.elements(type: record.type, value: record.value, version: version)))
    }
}
