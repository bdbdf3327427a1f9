internal import RESP
internal import SlotWorkers

/// What a verification compares, and how: one that was stopped goes on only under the same conditions.
///
/// How servers are read, and what a report shows, may change: the first does not change what is found, and the second
/// is decided at the end.
struct VerifyConditions: Hashable, Sendable, Codable {
    /// Hexadecimal.
    var seed: String
    var source: SideIdentity
    var target: SideIdentity
    /// By the options' names, each with what it was given, sorted.
    var filters: [String: [String]]
    /// How many keys a sample is to hold; `nil` where all are compared.
    var sample: UInt64?
    var confidence: Double
    /// In milliseconds.
    var expiryTolerance: Int64
    var ignoresExtra: Bool
    var rounds: Int
    var confirmations: Int

    /// What is not as it was, each in words; empty where a stopped run can go on.
    func differences(from earlier: Self) -> [String] {
        var found: [String] = []
        func compare<T: Equatable>(_ name: String, _ part: KeyPath<Self, T>, _ words: (T) -> String) {
            let (now, before) = (self[keyPath: part], earlier[keyPath: part])
            if now != before { found.append("\(name) was \(words(before)), and is \(words(now))") }
        }
        if let change = source.difference(from: earlier.source) { found.append("the source \(change)") }
        if let change = target.difference(from: earlier.target) { found.append("the target \(change)") }
        compare("the seed", \.seed) { $0 }
        for name in Set(filters.keys).union(earlier.filters.keys).sorted() {
            compare("--\(name)", \.filters[name]) { $0?.joined(separator: " ") ?? "not given" }
        }
        compare("the size of the sample", \.sample) { $0.map { "\($0)" } ?? "that of all keys" }
        compare("--confidence", \.confidence) { "\($0)" }
        compare("--ttl-tolerance", \.expiryTolerance) { "\($0)" }
        compare("--ignore-extra", \.ignoresExtra) { $0 ? "given" : "not given" }
        compare("--rounds", \.rounds) { "\($0)" }
        if rounds == earlier.rounds { compare("the number of confirmations", \.confirmations) { "\($0)" } }
        return found
    }
}

extension VerifyConditions {
    /// - Throws: `RunError` for a file that cannot be looked at.
    init(
        _ configuration: VerifyConfiguration, seed: RunSeed, source: DataSide, target: DataSide
    ) throws(RunError) {
        var sample: UInt64?
        if case .sample(let size) = configuration.extent { sample = size }
        self.init(
            seed: seed.description, source: try SideIdentity(source), target: try SideIdentity(target),
            filters: configuration.filters.mapValues { $0.sorted() }, sample: sample,
            confidence: configuration.confidence, expiryTolerance: configuration.expiryTolerance,
            ignoresExtra: configuration.ignoresExtra, rounds: configuration.policy.rounds,
            confirmations: configuration.policy.confirmations)
    }
}
