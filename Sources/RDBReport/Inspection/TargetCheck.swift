package import RDBParser

/// What a target would not take as it is, of the keys of a file.
package struct TargetCheck: Sendable {
    /// Something that keys have in common.
    package struct Finding: Hashable, Sendable {
        package enum Kind: String, Sendable {
            /// The target cannot hold the key at all.
            case impossible
            /// The target can hold the key without what the reason names.
            case lossy
            /// Every field of the hash has expired, so that the key would not be there.
            case expired
            /// The value contradicts its format.
            case damaged
        }

        package let kind: Kind
        package let type: TypeName
        /// What is in the way, or lost.
        package let reason: String
    }

    package let target: TargetFormat
    /// By which field expiries are judged, in milliseconds since 1970.
    package let now: Int64
    /// What was found, with the keys.
    package private(set) var findings: [Finding: Examples] = [:]
    /// Function libraries that the target cannot hold.
    package private(set) var impossibleFunctions = 0

    private var version = RDBVersion(family: .redis, number: 0)
    /// For each type byte, whether values must be looked at one by one.
    private var mustLook = [Bool](repeating: false, count: 256)
    private var converted: [UInt8] = []

    package init(_ target: TargetFormat, now: Int64) {
        self.target = target
        self.now = now
    }

    /// Whether every key and every function library goes over exactly, but for hashes of which nothing is left.
    package var isExact: Bool {
        impossibleFunctions == 0 && findings.keys.allSatisfy { $0.kind == .expired }
    }

    mutating func begin(_ version: RDBVersion) {
        self.version = version
        for type in 0...255 {
            mustLook[type] =
                switch Conversion.action(for: UInt8(type), from: version, to: target) {
                case .asIs, .restamp, .reencode: (22...25).contains(type)
                case .lossy, .impossible: true
                }
        }
    }

    mutating func checkFunction() {
        if case .impossible = Conversion.action(for: 245, from: version, to: target) { impossibleFunctions += 1 }
    }

    @inline(__always)
    mutating func check(_ record: borrowing RDBRecord) {
        if mustLook[Int(record.type)] { look(record) }
    }

    private mutating func look(_ record: borrowing RDBRecord) {
        converted.removeAll(keepingCapacity: true)
        do throws(RDBError) {
            let outcome = try Conversion.convert(
                type: record.type, value: record.value, from: version, to: target, now: now, into: &converted)
            switch outcome {
            case .unchanged, .converted(_, nil): break
            case .converted(_, let loss?): note(.lossy, record.type, "\(loss)", record.key)
            case .expired: note(.expired, record.type, "Every field has expired.", record.key)
            case .impossible(let reason): note(.impossible, record.type, "\(reason)", record.key)
            }
        } catch {
            note(.damaged, record.type, "The value is damaged: \(error.element).", record.key)
        }
    }

    /// Checks a record whose value is not held whole.
    mutating func check(_ head: ValueSurvey.Head, _ survey: ValueSurvey) {
        let action = Conversion.action(for: head.type, from: version, to: target, module: survey.module)
        // SAFETY (both): the bytes of integers are all initialized.
        switch action {
        case .asIs, .restamp, .reencode: break
        case .lossy(_, let loss):
            guard loss == .fieldExpiries ? survey.hasFieldExpiries : survey.hasProducers else { return }
            unsafe note(.lossy, head.type, "\(loss)", head.key.span.bytes)
        case .impossible(let reason):
            unsafe note(.impossible, head.type, "\(reason)", head.key.span.bytes)
        }
    }

    private mutating func note(_ kind: Finding.Kind, _ type: UInt8, _ reason: String, _ key: RawSpan) {
        findings[Finding(kind: kind, type: TypeName(type, version), reason: reason), default: Examples()].add(key)
    }
}
