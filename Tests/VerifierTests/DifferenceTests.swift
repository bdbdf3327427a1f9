import Testing

@testable import RDBParser
@testable import Verifier

struct DifferenceTests {
    @Test(arguments: Change.all.filter { $0.part != .nothing })
    func `whatever the digests see is described`(change: Change) throws {
        let describer = ValueDescriber(digester: try KeyDigester(seed: seed, scope: scope(13, 13)))
        let found = describer.differences(source: change.before, target: change.after)
        // A producers' setting that only one side has at all is the exception: the class says what it is.
        #expect(!found.isEmpty || change.part == .idempotence)
        #expect(describer.differences(source: change.before, target: change.before).isEmpty)
    }

    @Test func `contents are shown only when asked for`() throws {
        var describer = ValueDescriber(digester: try KeyDigester(seed: seed, scope: scope(13, 13)))
        let source = Value.hash([HashField(field: text("secret"), value: text("password"))])
        let target = Value.hash([HashField(field: text("secret"), value: text("Password"))])
        let hidden = "\(describer.differences(source: source, target: target))"
        #expect(!hidden.contains("secret") && !hidden.contains("assword") && hidden.contains("8 bytes #"))
        describer.showsContents = true
        #expect(
            describer.differences(source: source, target: target)
                == [ValueDifference("value", at: "secret", source: "password", target: "Password")])
        #expect(describer.show([0x41, 0x00, 0xFF, 0x5C]) == "A\\x00\\xff\\\\")
        #expect(describer.show([UInt8](repeating: 0x41, count: 65)).hasSuffix("A… (65 bytes)"))
    }

    @Test func `a score is shown with its bits, and the list is bounded`() throws {
        let describer = ValueDescriber(digester: try KeyDigester(seed: seed, scope: scope(13, 13)))
        func scores(_ score: Double) -> Value {
            .sortedSet((0..<50).map { ScoredMember(member: [$0], score: score) })
        }
        let found = describer.differences(source: scores(0), target: scores(-0.0))
        #expect(found.count == 5)
        #expect(found[0].source == "0.0 (0x0000000000000000)" && found[0].target == "-0.0 (0x8000000000000000)")
    }
}
