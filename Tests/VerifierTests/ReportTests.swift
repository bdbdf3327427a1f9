import Foundation
import FoundationXML
import RDBParser
import RESP
import Testing

@testable import Verifier

struct ReportTests {
    static let hostile = "<script>alert('x')</script>\"&\u{1B}[31m\u{202E}]]>\u{0}"

    static func sample(mismatches: UInt64 = 3) throws -> VerificationReport {
        var source = VerificationReport.Side(address: "redis://old:6379", read: "snapshot")
        source.version = "redis 8.6.3"
        source.replicationID = "8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb"
        (source.startOffset, source.endOffset, source.keys) = (14, 1_500, 2_000_000)
        var target = VerificationReport.Side(address: "redis://new:6379/\(hostile)", read: "scan")
        (target.version, target.keys, target.causedHits) = ("valkey 9.1.2", 1_999_998, 1_999_998)
        target.throttledSeconds = 3.25
        var report = VerificationReport(
            mode: "sample", source: source, target: target, seed: seed, startedAt: 1_763_000_000_000)
        report.counts[.match] = 299_000
        report.counts[.value] = mismatches
        report.types = [.init(name: "hash", counts: report.counts)]
        report.slotRanges = [.init(name: "0-8191", counts: report.counts)]
        var strata = Strata()
        strata.countPopulation(Stratum(kind: .hash, size: .upTo64), by: 2_000_000)
        for number in 0..<300 {
            strata.countCompared(Stratum(kind: .hash, size: .upTo64), isMismatch: number < 3)
        }
        report.sample = .init(
            population: 2_000_000, size: 299_003, mismatches: mismatches, confidence: 0.95, strata: strata)
        report.functions = FunctionComparison(source: 1, target: 1)
        var repair = VerificationReport.Repair(before: report.counts, isOnlyOfDiffering: false)
        (repair.keys, repair.copied, repair.keptExtra, repair.functions) = (8, 7, 2, 1)
        report.repair = repair
        report.resumed = .init(
            startedAt: 1_763_000_000_000, readAt: 1_763_000_000_500, resumedAt: 1_763_000_009_000, times: 2, share: 0.25
        )
        for index in 0..<HashSlot.count {
            if let slot = HashSlot(index) { report.slots[slot] = index < 300 ? .empty : .equal }
        }
        for index in [700, 701, 702, 9_000, 16_383] {
            report.slots.raise(try #require(HashSlot(index)), to: .different)
        }
        for index in 4_000..<4_140 { report.slots.raise(try #require(HashSlot(index)), to: .undecided) }
        report.slots[try #require(HashSlot(5))] = .uncovered
        report.expiryHistogram = [
            .init(name: "none", source: 1_500_000, target: 1_499_998),
            .init(name: "under an hour", source: 200, target: 200),
            .init(name: "an hour to a day", source: 400_000, target: 400_000),
        ]
        report.sizeHistogram = SizeClass.allCases.map {
            .init(name: $0.name, source: UInt64(1_000_000 >> ($0.rawValue * 2)), target: 900_000 >> ($0.rawValue * 2))
        }
        var example = VerificationReport.Example(outcome: .value, database: 9, slot: 700, identity: Digest128(bits: 7))
        (example.key, example.keyBase64, example.type) = (hostile, "PHNjcmlwdD4=", "hash")
        (example.sourceExpiry, example.targetExpiry) = (4_102_444_800_000, nil)
        example.differences = [.init("value", at: hostile, source: "8 bytes #01", target: nil)]
        report.add(example)
        report.add(.init(outcome: .missing, database: 0, slot: 16_383, identity: Digest128(bits: .max)))
        report.warnings = ["The target refused PSYNC: it was read by SCAN."]
        report.conclude(at: 1_763_000_012_340)
        return report
    }

    @Test(arguments: [0, 3])
    func `the JSON is as its schema says, and reads back`(mismatches: UInt64) throws {
        let report = try Self.sample(mismatches: mismatches)
        let json = try ReportFormat.json.render(report)
        let schema = try SchemaCheck(
            contentsOf: Fixture.folder.appendingPathComponent("docs/verify-report.schema.json"))
        #expect(try schema.violations(json) == [])
        #expect(try JSONDecoder().decode(VerificationReport.self, from: Data(json.utf8)) == report)
        for (part, other) in [
            ("\"verdict\"", "\"verdikt\""), ("\"format\" : 1", "\"format\" : 2"), ("\"snapshot\"", "\"guess\""),
            ("\"slot\" : 700", "\"slot\" : 16384"), ("\"different\" : \"700", "\"different\" : \"x"),
        ] {
            #expect(json.contains(part))
            #expect(try schema.violations(json.replacingOccurrences(of: part, with: other)) != [], "\(other)")
        }
        let plain = VerificationReport(
            mode: "full", source: .init(address: "dump.rdb", read: "file"),
            target: .init(address: "x", read: "scan"), seed: seed, startedAt: 0)
        #expect(try schema.violations(ReportFormat.json.render(plain)) == [])
    }

    @Test func `the page holds no script, nothing from elsewhere, and no hostile name unescaped`() throws {
        let page = try ReportFormat.html.render(Self.sample())
        #expect(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"))
        #expect(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"))
        #expect(!page.contains("\u{1B}") && !page.contains("\u{202E}") && !page.contains("\u{0}"))
        #expect(page.contains("DIFFERENT") && page.contains("<svg") && page.contains("M60 5h3v1h-3z"))
        if let path = ProcessInfo.processInfo.environment["VERIFIER_PAGE"] {
            try page.write(toFile: path, atomically: true, encoding: .utf8)
        }
    }

    @Test func `the JUnit file is well-formed and fails where a class differs`() throws {
        let text = try ReportFormat.xml.render(Self.sample())
        let counter = ElementCounter()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = counter
        #expect(parser.parse())
        #expect(counter.elements["failure"] == 1 && counter.elements["error"] == nil)
        #expect(counter.elements["testcase"] == 10)
        let good = try ReportFormat.xml.render(Self.sample(mismatches: 0))
        #expect(!good.contains("<failure") && good.contains("failures=\"0\""))
    }

    @Test func `the text says its verdict first, and no control characters`() throws {
        let text = try ReportFormat.txt.render(Self.sample())
        #expect(text.hasPrefix("DIFFERENT (exit code 1)\n  3 keys differ: 3 value.\n"))
        #expect(!text.contains("\u{1B}") && !text.contains("\u{202E}"))
        #expect(text.contains("with 95 % confidence, at most 0.002594 % of 2,000,000 keys do."))
    }

    @Test(arguments: [
        (0.0, "0 %"), (1, "100 %"), (0.5, "50 %"), (1e-5, "0.001 %"), (9.999994e-6, "0.001 %"), (0.123456, "12.35 %"),
        (0.95, "95 %"), (2.99e-14, "0.00000000000299 %"),
    ])
    func `shares are rounded up, never down`(share: Double, text: String) {
        #expect(ReportText.percent(share) == text)
    }

    @Test func `a verdict is green only when everything was decided`() throws {
        func verdict(
            _ outcome: KeyOutcome?, complete: Bool = true, ignoresExtra: Bool = false,
            functions: FunctionComparison? = nil
        ) -> Verdict {
            var counts = OutcomeCounts()
            counts[.match] = 10
            if let outcome { counts[outcome] = 1 }
            return Verdict(counts: counts, functions: functions, isComplete: complete, ignoresExtra: ignoresExtra)
        }
        #expect(verdict(nil) == .consistent && verdict(.converted) == .consistent && verdict(.expired) == .consistent)
        for outcome in [KeyOutcome.missing, .extra, .type, .value, .ttl] { #expect(verdict(outcome) == .different) }
        for outcome in [KeyOutcome.changing, .inconclusive, .unsupported] {
            #expect(verdict(outcome) == .inconclusive)
        }
        #expect(verdict(nil, complete: false) == .inconclusive && verdict(.value, complete: false) == .different)
        #expect(verdict(.extra, ignoresExtra: true) == .consistent)
        var functions = FunctionComparison(source: 1, target: 2)
        functions.extra = ["f"]
        #expect(verdict(nil, functions: functions) == .different)
        #expect(verdict(nil, ignoresExtra: true, functions: functions) == .consistent)
        #expect([Verdict.consistent, .different, .inconclusive].map(\.exitCode) == [0, 1, 4])
    }

    @Test func `examples are bounded, and formats are told by the end of a name`() throws {
        var report = try Self.sample()
        for number in 0..<500 {
            report.add(.init(outcome: .missing, database: number, slot: 0, identity: .zero))
        }
        #expect(report.examples.count == 101)
        #expect(try ReportFormat(path: "/a.d/report.HTML") == .html)
        for path in ["report", "report.pdf", "/a.html/report", ""] {
            #expect(throws: VerifierError.self) { try ReportFormat(path: path) }
        }
    }
}

private final class ElementCounter: NSObject, XMLParserDelegate {
    var elements: [String: Int] = [:]

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) { elements[name, default: 0] += 1 }
}
