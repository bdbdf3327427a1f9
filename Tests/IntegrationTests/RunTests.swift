import TestServers
import Testing

struct RunTests {
    @Test func `the program says its version`() async throws {
        let result = try await Program.backfill("--version")
        #expect(result.exit == .code(0))
    }
}
