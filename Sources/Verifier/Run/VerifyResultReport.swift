internal import FoundationEssentials
internal import RDBParser
internal import RESP
internal import SlotWorkers

/// Makes the report of what a verification found.
struct VerifyResultReport {
    private let plan: VerifyPlan
    private let result: VerifyResult
    private let startedAt: Int64
    private let configuration: VerifyConfiguration
    private let isSample: Bool
    private let digester: KeyDigester

    init(_ plan: VerifyPlan, _ result: VerifyResult, startedAt: Int64) throws {
        self.plan = plan
        self.result = result
        self.startedAt = startedAt
        configuration = plan.configuration
        isSample = configuration.extent != .full
        digester = try KeyDigester(seed: plan.seed, scope: plan.scope)
    }

    func make() async throws -> VerificationReport {
        var report = VerificationReport(
            mode: isSample ? "sample" : "full", source: try await side(0), target: try await side(1), seed: plan.seed,
            startedAt: startedAt)
        report.expiryTolerance = configuration.expiryTolerance
        report.ignoresExtra = configuration.ignoresExtra
        report.functions = result.functions
        report.warnings = result.progress.warnings
        report.resumed = result.resumption
        report.coverage.filtered = UInt64(result.readings.map(\.tally.filtered).max() ?? 0)
        report.coverage.expiring = result.statistics.map(\.expiring).max() ?? 0
        report.coverage.differingBuckets = isSample ? 0 : result.buckets.count
        report.coverage.reread = result.progress.reread
        count(&report)
        if isSample { report.sample = sample() }
        histograms(&report)
        for found in result.progress.findings.examples { report.add(example(found)) }
        for name in Set(result.statistics.flatMap(\.unsupportedKeys)) {
            report.add(example(.init(key: .init(name: name, source: .absent, target: .absent), outcome: .unsupported)))
        }
        report.conclude(at: plan.source.clock.now)
        return report
    }

    // MARK: Sides

    private func side(_ index: Int) async throws -> VerificationReport.Side {
        let side = index == 0 ? plan.source : plan.target
        let reading = result.readings[index]
        var part: VerificationReport.Side
        switch side.configuration.location {
        case .file(let path): part = .init(address: path, read: "file")
        case .standardInput: part = .init(address: "-", read: "file")
        case .server(let url): part = .init(address: "\(url)", read: reading.isScan ? "scan" : "snapshot")
        }
        part.keys = UInt64(max(0, reading.tally.read - reading.tally.filtered))
        part.bytes = result.statistics[index].bytes
        // Value and expiry are read by a command each.
        part.causedHits = UInt64(2 * result.progress.dumped[index])
        part.causedMisses = UInt64(2 * result.progress.gone[index])
        part.throttledSeconds = result.throttledSeconds(plan)[index]
        guard let deployment = side.deployment, let primary = deployment.primaries.first,
            let facts = deployment.facts[primary]
        else { return part }
        part.version = "\(facts.product) \(facts.version)"
        // A cluster has one for each shard.
        guard deployment.primaries.count == 1 else { return part }
        part.replicationID = facts.replicationID
        part.startOffset = facts.replicationOffset
        let connection = try await Connection.open(primary, settings: deployment.settings, on: side.loops[0])
        let now = try await ServerFacts.fetch(from: connection)
        await connection.close()
        part.endOffset = now.replicationOffset
        return part
    }

    // MARK: Counts

    private func count(_ report: inout VerificationReport) {
        let findings = result.progress.findings
        let source = result.statistics[0]
        report.counts = findings.counts
        let unsupported = result.statistics.map(\.unsupported).max() ?? 0
        report.counts[.unsupported] = max(report.counts[.unsupported], unsupported)
        report.counts[.converted] = source.converted
        var matches: UInt64 = findings.besideSample
        for kind in ValueKind.all {
            var counts = findings.byKind[kind] ?? OutcomeCounts()
            counts[.match] = less(source.count(kind), counts.settledOfSource)
            matches += counts[.match]
            if counts.total > 0 { report.types.append(.init(name: kind.name, counts: counts)) }
        }
        report.counts[.match] = less(matches, source.converted)
        for (index, found) in findings.byRange.enumerated() {
            let first = index * Findings.slotsPerRange
            let range = first..<first + Findings.slotsPerRange
            var counts = found
            counts[.match] = less(result.slots.source[range].reduce(0, +), counts.settledOfSource)
            if counts.total > 0 {
                report.slotRanges.append(.init(name: "\(range.lowerBound)-\(range.upperBound - 1)", counts: counts))
            }
        }
        for slot in SlotSet.all.slots {
            guard configuration.source.filter.slots?.contains(slot) ?? true else { continue }
            let number = Int(slot.rawValue)
            let isEmpty = result.slots.source[number] == 0 && result.slots.target[number] == 0
            report.slots.raise(slot, to: isEmpty ? .empty : .equal)
        }
        for (slot, state) in findings.slots { report.slots.raise(slot, to: state) }
    }

    private func less(_ number: UInt64, _ other: UInt64) -> UInt64 { number > other ? number - other : 0 }

    private func sample() -> VerificationReport.Sample {
        var strata = Strata()
        var size: UInt64 = 0
        for kind in ValueKind.all {
            for sizeClass in SizeClass.allCases {
                let stratum = Stratum(kind: kind, size: sizeClass)
                let compared = result.statistics[0].compared(stratum) + (result.progress.findings.extras[stratum] ?? 0)
                let mismatches = result.progress.findings.mismatches[stratum] ?? 0
                let seen = result.statistics.map { $0.seen(stratum) }.max() ?? 0
                size += compared
                guard compared + seen + mismatches > 0 else { continue }
                strata.countPopulation(stratum, by: max(seen, compared))
                for number in 0..<max(compared, mismatches) {
                    strata.countCompared(stratum, isMismatch: number < mismatches)
                }
            }
        }
        let sampled = result.progress.findings.sampled
        let undecided = sampled[.changing] + sampled[.inconclusive] + sampled[.unsupported] + sampled[.expired]
        let population = result.readings.map { UInt64(max(0, $0.tally.read - $0.tally.filtered)) }.max() ?? 0
        return .init(
            population: population, size: max(less(size, undecided), sampled.mismatches),
            mismatches: sampled.mismatches, confidence: configuration.confidence, strata: strata)
    }

    private func histograms(_ report: inout VerificationReport) {
        let (source, target) = (result.statistics[0], result.statistics[1])
        report.expiryHistogram = Lifetime.allCases.map {
            .init(name: $0.name, source: source.count($0), target: target.count($0))
        }
        report.sizeHistogram = SizeClass.allCases.map {
            .init(name: $0.name, source: source.count($0), target: target.count($0))
        }
    }

    // MARK: Examples

    private func example(_ found: Findings.Found) -> VerificationReport.Example {
        let name = found.key.name
        let bytes = name.key.span
        // SAFETY: every byte of an array of bytes is initialised.
        let span = unsafe bytes.bytes
        var example = VerificationReport.Example(
            outcome: found.outcome, database: name.database,
            slot: Int(digester.place(database: name.database, key: span).slot.rawValue),
            identity: digester.identity(database: name.database, key: span))
        if configuration.showsKeys {
            example.keyBase64 = Data(name.key).base64EncodedString()
            example.key = String(validating: name.key, as: UTF8.self).flatMap { Self.isPrintable($0) ? $0 : nil }
        }
        example.type = Findings.value(found.key)?.kind.name
        if case .present(_, let expiry) = found.key.source.content { example.sourceExpiry = expiry }
        if case .present(_, let expiry) = found.key.target.content { example.targetExpiry = expiry }
        if result.values.count == 2, let source = result.values[0][name], let target = result.values[1][name] {
            var describer = ValueDescriber(digester: digester)
            describer.showsContents = configuration.showsKeys
            example.differences = describer.differences(source: source, target: target)
        }
        return example
    }

    private static func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
            default: true
            }
        }
    }
}
