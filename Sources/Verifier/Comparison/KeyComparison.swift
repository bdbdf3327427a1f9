internal import RDBParser

/// Compares two readings of a key.
package struct KeyComparison: Hashable, Sendable {
    package let scope: ComparisonScope
    /// Expiries that lie no further apart, in milliseconds, are the same; 0 ...; default 1,000.
    package var expiryTolerance: Int64

    package init(scope: ComparisonScope, expiryTolerance: Int64 = 1_000) {
        self.scope = scope
        self.expiryTolerance = max(expiryTolerance, 0)
    }

    /// What the two readings say, as if nothing changed between them: never `changing` or `inconclusive`.
    ///
    /// - Parameter time: Of the readings, in milliseconds since 1970: what expires until then, give or take the
    ///   tolerance, may be gone from one side already.
    package func outcome(source: KeyReading, target: KeyReading, at time: Int64) -> KeyOutcome {
        switch (source.content, target.content) {
        case (.unreadable, _), (_, .unreadable): .unsupported
        case (.absent, .absent): .match
        case (.present(let value, let expiry), .absent): isGone(value, expiry, time) ? .expired : .missing
        case (.absent, .present(let value, let expiry)): isGone(value, expiry, time) ? .expired : .extra
        case (.present(let value, let expiry), .present(let other, let otherExpiry)):
            isGone(value, expiry, time) && isGone(other, otherExpiry, time)
                ? .expired : outcome(value, expiry, other, otherExpiry)
        }
    }

    private func isGone(_ value: ValueDigest, _ expiry: Int64?, _ time: Int64) -> Bool {
        if value.isExpiring { return true }
        guard let expiry else { return false }
        return expiry <= scope.horizon || expiry <= time.addingReportingOverflow(expiryTolerance).partialValue
    }

    private func outcome(
        _ source: ValueDigest, _ sourceExpiry: Int64?, _ target: ValueDigest, _ targetExpiry: Int64?
    ) -> KeyOutcome {
        guard source.kind == target.kind, source.module == target.module else { return .type }
        if let module = source.module, !scope.moduleTypes.contains(module.name) { return .unsupported }
        guard source.value == target.value else { return .value }
        if scope.streamHistory == .compared, source.streamHistory != target.streamHistory { return .value }
        if source.idempotence != target.idempotence, !isDropped(scope.idempotence, target.idempotence) {
            return .value
        }
        guard isSame(sourceExpiry, targetExpiry) else { return .ttl }
        if source.fieldExpiries != target.fieldExpiries, !isDropped(scope.fieldExpiries, target.fieldExpiries) {
            return .ttl
        }
        let isWhole = source.fieldExpiries == target.fieldExpiries && source.idempotence == target.idempotence
        return isWhole ? .match : .converted
    }

    /// Whether a part that differs does so since a conversion left it out.
    private func isDropped(_ part: ComparisonScope.Part, _ target: Digest128) -> Bool {
        part == .ignored || (part == .convertible && target == .zero)
    }

    /// Whether two expiries are the same within the tolerance.
    package func isSame(_ first: Int64?, _ second: Int64?) -> Bool {
        switch (first, second) {
        case (nil, nil): true
        case (let first?, let second?):
            (max(first, second).subtractingReportingOverflow(min(first, second))) <= (expiryTolerance, false)
        default: false
        }
    }
}

private func <= (distance: (partialValue: Int64, overflow: Bool), limit: (Int64, Bool)) -> Bool {
    !distance.overflow && distance.partialValue <= limit.0
}
