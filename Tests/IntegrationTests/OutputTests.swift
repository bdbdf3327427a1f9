import Foundation
import TestServers
import Testing

/// What the program prints, where, and its exit code.
@Suite(.fewAtOnce) struct OutputTests {
    @Test(arguments: [["--version"], ["--help"], ["run", "--help"]])
    func `help and version go to standard output, with exit code 0`(arguments: [String]) async throws {
        let result = try await Program.run(Program.backfill, arguments)
        #expect(result.exit == .code(0), "\(result)")
        #expect(!result.output.isEmpty && result.error.isEmpty, "\(result)")
    }
}
