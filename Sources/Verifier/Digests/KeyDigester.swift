package import RDBParser
internal import RESP
internal import SlotWorkers

/// Makes the digests of keys: one for each reader, not shared between threads.
///
/// - For the sums: `record(…)`, or piece by piece `beginRecord`, the visitor's methods, `finishRecord`.
/// - For single keys: `value(…)`, or piece by piece `beginValue`, the visitor's methods, `finishValue`.
///
/// Once the decoder has thrown within a value, begin the next one as if nothing had been.
package final class KeyDigester: ValueVisitor {
    package let scope: ComparisonScope
    private var hashing: ValueHashing
    private let placement: SipHash
    private var recordExpiry: Int64?

    /// - Parameters:
    ///   - seed: The same on both sides of a run.
    ///   - scope: The same on both sides of a run.
    /// - Throws: `unavailable`.
    package init(seed: RunSeed, scope: ComparisonScope) throws(VerifierError) {
        self.scope = scope
        hashing = try ValueHashing(seed: seed, fieldHorizon: scope.fieldHorizon)
        hashing.outer.begin(.placement)
        let key = hashing.outer.finish()
        placement = SipHash(key: UInt64(truncatingIfNeeded: key.bits >> 64), UInt64(truncatingIfNeeded: key.bits))
    }

    // MARK: - Keys

    /// Slot, bucket and place in a sample.
    package func place(database: Int, key: RawSpan) -> KeyPlace {
        KeyPlace(slot: HashSlot(key: key), hash: placement.hash(prefix: UInt64(truncatingIfNeeded: database), key))
    }

    /// The same.
    func place(of name: KeyName) -> KeyPlace {
        let bytes = name.key.span
        // SAFETY: every byte of an array of bytes is initialised.
        return place(database: name.database, key: unsafe bytes.bytes)
    }

    /// What stands for (database, key) where names are not kept or not shown: `key_hash` of a report.
    package func identity(database: Int, key: RawSpan) -> Digest128 {
        hashing.outer.begin(.identity)
        hashing.outer.append(UInt64(truncatingIfNeeded: database))
        hashing.outer.append(key)
        return hashing.outer.finish()
    }

    /// A short stand-in for a string, such as a value that a report must not show.
    package func fingerprint(_ bytes: RawSpan) -> Digest128 {
        hashing.outer.begin(.string)
        hashing.outer.append(bytes)
        return hashing.outer.finish()
    }

    // MARK: - Sums

    /// The digest of a key whose value is whole.
    ///
    /// - Parameters:
    ///   - type: The type byte.
    ///   - value: As a record has it, or a DUMP payload between type byte and footer.
    ///   - version: Of the stream or payload.
    ///   - expiry: In milliseconds since 1970; `nil` for never.
    /// - Throws: What `ValueDecoder.decode` refuses: the key is to be counted as unsupported.
    package func record(
        database: Int, key: RawSpan, expiry: Int64?, type: UInt8, value: RawSpan, version: RDBVersion
    ) throws(RDBError) -> RecordDigest {
        beginRecord(database: database, key: key, expiry: expiry)
        try decode(type: type, value: value, version: version)
        return finishRecord()
    }

    /// Begins the digest of a key whose value comes in elements.
    package func beginRecord(database: Int, key: RawSpan, expiry: Int64?) {
        recordExpiry = expiry
        hashing.beginRecord(database: database, key: key, expiry: expiry)
    }

    /// Ends the digest that `beginRecord` began, behind the visitor's `end`.
    package func finishRecord() -> RecordDigest {
        let value = hashing.result
        let isConverted =
            (scope.fieldExpiries == .convertible && value.fieldExpiries != .zero)
            || (scope.idempotence == .convertible && value.idempotence != .zero)
        var inclusion = RecordDigest.Inclusion.included
        if recordExpiry.map({ $0 <= scope.horizon }) ?? false || value.isExpiring { inclusion = .expiring }
        if let module = value.module, inclusion == .included, !scope.moduleTypes.contains(module.name) {
            inclusion = .unsupported
        }
        return RecordDigest(
            digest: value.kind == .string ? value.value : hashing.compound(scope), kind: value.kind,
            inclusion: inclusion,
            isConverted: isConverted, bytes: value.bytes, elements: value.elements)
    }

    // MARK: - Single values

    /// The digests of a value that is whole.
    ///
    /// - Throws: What `ValueDecoder.decode` refuses.
    package func value(type: UInt8, value: RawSpan, version: RDBVersion) throws(RDBError) -> ValueDigest {
        beginValue()
        try decode(type: type, value: value, version: version)
        return finishValue()
    }

    /// Begins the digests of a value that comes in elements.
    package func beginValue() { hashing.isWithinRecord = false }

    /// Ends the digests that `beginValue` began, behind the visitor's `end`.
    package func finishValue() -> ValueDigest { hashing.result }

    private func decode(type: UInt8, value: RawSpan, version: RDBVersion) throws(RDBError) {
        if type == 0, case .raw(let bytes) = RDBString.read(value) {
            // By far the most frequent: without a way through the decoder's generic code.
            return hashing.wholeString(bytes)
        }
        try ValueDecoder.decode(type: type, value: value, version: version, into: &hashing)
    }

    // MARK: - ValueVisitor

    package func begin(_ kind: ValueKind, count: UInt64?) { hashing.begin(kind, count: count) }
    package func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        hashing.bytes(piece, of: part, length: length, isLast: isLast)
    }
    package func score(_ score: Double) { hashing.score(score) }
    package func expiry(_ milliseconds: Int64) { hashing.expiry(milliseconds) }
    package func stream(_ event: borrowing StreamEvent) { hashing.stream(event) }
    package func module(_ event: ModuleEvent) { hashing.module(event) }
    package func end() { hashing.end() }
}
