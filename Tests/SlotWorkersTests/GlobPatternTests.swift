import Testing

@testable import SlotWorkers

struct GlobPatternTests {
    @Test(arguments: [
        ("*", "", true), ("user:*", "user:1", true), ("user:*", "use:1", false), ("h?llo", "hello", true),
        ("h[ae]llo", "hallo", true), ("h[^e]llo", "hello", false), ("h[a-c]llo", "hbllo", true), ("\\*", "*", true),
        ("\\*", "a", false), ("*a*b*c", "xxaxxbxxc", true), ("*a*b*c", "xxaxxcxxb", false),
    ])
    func `a pattern matches as KEYS would`(pattern: String, key: String, expected: Bool) throws {
        let glob = try GlobPattern(parsing: pattern)
        let bytes = Array(key.utf8)
        #expect(glob.matches(bytes.span.bytes) == expected)
    }
}
