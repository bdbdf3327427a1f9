internal import RDBParser

/// Turns the elements of a value into its digest, in bounded memory: what has an order is hashed as it comes, what has
/// none is summed.
struct ValueHashing: ValueVisitor, ~Copyable {
    /// Of a list, a stream's entries, a group, a module's value, or a string.
    var outer: SeededHash
    /// Of an element within them.
    var inner: SeededHash
    let fieldHorizon: Int64

    /// The value so far; whole behind `end`.
    private(set) var result = ValueDigest(kind: .string, value: .zero, elements: 0, bytes: 0)
    /// Whether `outer` already holds what a string's value is to be added to.
    var isWithinRecord = false
    /// Of what stands before a value that is no string, so that `outer` is free for the value.
    private(set) var header = Digest128.zero

    private var sum = Digest128.zero
    /// Whether the next piece continues a string.
    private var isContinuing = false
    /// A field with its value, whose expiry may follow.
    private var field: Digest128?
    var stream = StreamHashing()

    init(seed: RunSeed, fieldHorizon: Int64) throws(VerifierError) {
        let outer = try SeededHash(seed: seed)
        let inner = try SeededHash(seed: seed)
        self.outer = outer
        self.inner = inner
        self.fieldHorizon = fieldHorizon
    }

    // MARK: - Records

    /// Begins the digest of a whole key: its value follows.
    mutating func beginRecord(database: Int, key: RawSpan, expiry: Int64?) {
        isWithinRecord = true
        outer.begin(.record)
        outer.append(UInt64(truncatingIfNeeded: database))
        outer.append(prefixed: key)
        outer.append(UInt8(expiry == nil ? 0 : 1))
        outer.append(expiry ?? 0)
    }

    /// Joins what stands before the value, the value, and the parts of it that are compared.
    mutating func compound(_ scope: ComparisonScope) -> Digest128 {
        outer.begin(.compound)
        outer.append(header)
        outer.append(result.value)
        if scope.fieldExpiries == .compared { outer.append(result.fieldExpiries) }
        if scope.idempotence == .compared { outer.append(result.idempotence) }
        if scope.streamHistory == .compared { outer.append(result.streamHistory ?? .zero) }
        return outer.finish()
    }

    /// What `begin`, `bytes` and `end` do for a string of one piece.
    mutating func wholeString(_ bytes: RawSpan) {
        begin(.string, count: nil)
        self.bytes(bytes, of: .string, length: UInt64(bytes.byteCount), isLast: true)
        end()
    }

    // MARK: - ValueVisitor

    mutating func begin(_ kind: ValueKind, count: UInt64?) {
        if isWithinRecord {
            outer.append(kind.code)
            if kind != .string { header = outer.finish() }
        }
        result = ValueDigest(kind: kind, value: .zero, elements: 0, bytes: 0)
        sum = .zero
        isContinuing = false
        switch kind {
        case .string: if !isWithinRecord { outer.begin(.string) }
        case .list: outer.begin(.list)
        case .module: outer.begin(.module)
        case .stream:
            outer.begin(.entries)
            stream = StreamHashing()
        case .set, .sortedSet: break
        case .hash: field = nil
        }
    }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        let isFirst = !isContinuing
        isContinuing = !isLast
        if isFirst { result.bytes &+= length }
        switch result.kind {
        case .string, .list:
            if isFirst { outer.append(length) }
            outer.append(piece)
            if isLast { result.elements &+= 1 }
        case .set:
            if isFirst { inner.begin(.member) }
            inner.append(piece)
            if isLast { addElement(inner.finish()) }
        case .sortedSet:
            if isFirst {
                inner.begin(.scoredMember)
                inner.append(length)
            }
            inner.append(piece)
        case .hash:
            if isFirst {
                if part == .field {
                    addField()
                    inner.begin(.field)
                }
                inner.append(length)
            }
            inner.append(piece)
            if isLast, part == .value { field = inner.finish() }
        case .stream:
            guard stream.isInLiveEntry else { return }
            if isFirst { outer.append(length) }
            outer.append(piece)
        case .module:
            if isFirst {
                outer.append(UInt8(5))
                outer.append(length)
            }
            outer.append(piece)
        }
    }

    mutating func score(_ score: Double) {
        inner.append(score.bitPattern)
        addElement(inner.finish())
    }

    mutating func expiry(_ milliseconds: Int64) {
        guard let element = field else { return }
        guard milliseconds > fieldHorizon else {
            result.expiringFields &+= 1
            field = nil
            return
        }
        inner.begin(.fieldExpiry)
        inner.append(element)
        inner.append(milliseconds)
        result.fieldExpiries &+= inner.finish()
    }

    mutating func stream(_ event: borrowing StreamEvent) { hash(event) }

    mutating func module(_ event: ModuleEvent) {
        switch event {
        case .type(let type):
            result.module = type
            outer.append(type.id)
        case .signed(let number):
            outer.append(UInt8(1))
            outer.append(number)
        case .unsigned(let number):
            outer.append(UInt8(2))
            outer.append(number)
        case .float(let number):
            outer.append(UInt8(3))
            outer.append(number.bitPattern)
        case .double(let number):
            outer.append(UInt8(4))
            outer.append(number.bitPattern)
        }
        result.elements &+= 1
    }

    mutating func end() {
        switch result.kind {
        case .string, .module:
            result.value = outer.finish()
        case .list:
            outer.append(result.elements)
            result.value = outer.finish()
        case .set, .sortedSet, .hash:
            addField()
            outer.begin(.collection)
            outer.append(result.kind.code)
            outer.append(result.elements)
            outer.append(sum)
            result.value = outer.finish()
        case .stream:
            finishStream()
        }
    }

    // MARK: - Parts

    private mutating func addElement(_ digest: Digest128) {
        sum &+= digest
        result.elements &+= 1
    }

    private mutating func addField() {
        guard let digest = field.take() else { return }
        addElement(digest)
    }

    mutating func countEntry() { result.elements &+= 1 }
    mutating func count(bytes: Int) { result.bytes &+= UInt64(bytes) }

    mutating func setStream(value: Digest128, history: Digest128?, idempotence: Digest128) {
        result.value = value
        result.streamHistory = history
        result.idempotence = idempotence
    }
}

extension ValueKind {
    /// What stands for the kind in digests.
    var code: UInt8 {
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
