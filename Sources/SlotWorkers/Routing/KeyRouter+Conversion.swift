internal import RDBParser

/// Values that the target does not take as they lie.
extension KeyRouter {
    /// Makes of a value what the target takes, and writes it.
    mutating func convert(
        key: RawSpan, type: UInt8, value: RawSpan, expiry: Int64?, eviction: EvictionHint?
    ) {
        guard let version else { return refuse(key, "a value of no known version") }
        // Streams are rewritten without being decoded; everything else is decoded on the way.
        if KeyType(rdbType: type) == .stream, !isSound(key: key, type: type, value: value) { return }
        converted.removeAll(keepingCapacity: true)
        let outcome: Conversion.Outcome
        do {
            outcome = try Conversion.convert(
                type: type, value: value, from: version, to: plan.format, now: now, into: &converted)
        } catch {
            return refuseDamaged(key, error)
        }
        switch outcome {
        case .unchanged:
            let action = Conversion.action(for: type, from: version, to: plan.format)
            let stamp =
                StampTable.version(of: action, version, plan.format) ?? UInt16(clamping: plan.format.version.number)
            write(key: key, type: type, value: value, stamp: stamp, expiry: expiry, eviction: eviction)
        case .expired:
            tally.expired += 1
        case .impossible(let reason):
            refuse(key, "\(reason)")
        case .converted(let newType, let loss):
            if let loss, !tally.settle(loss, of: key.array, plan.onLossy) { return }
            // Out of the router while it is written from.
            var bytes: [UInt8] = []
            swap(&bytes, &converted)
            // SAFETY: every byte of an array of bytes is initialised.
            unsafe write(
                key: key, type: newType, value: bytes.span.bytes, stamp: UInt16(clamping: plan.format.version.number),
                expiry: expiry, eviction: eviction)
            swap(&bytes, &converted)
        }
    }

    /// Whether a value holds together: a target that is given a damaged one under a right checksum may end itself when
    /// it reads it. A key whose value does not is counted.
    mutating func isSound(key: RawSpan, type: UInt8, value: RawSpan) -> Bool {
        guard let version else { return true }
        do {
            try ValueDecoder.check(type: type, value: value, version: version)
            return true
        } catch {
            refuseDamaged(key, error)
            return false
        }
    }

    private mutating func refuseDamaged(_ key: RawSpan, _ error: RDBError) {
        failed(key, "the value is \(error.code == .tooLarge ? "too large" : "damaged"): \(error.element)")
    }
}
