import TestServers
import Testing

@testable import SlotWorkers

struct GlobPatternTests {
    @Test(arguments: [
        ("*", "", true), ("*", "a", true), ("a", "", false), ("?", "", false), ("**", "", true), ("", "x", false),
        ("user:*", "user:1", true), ("user:*", "user:", true), ("user:*", "use:1", false), ("*:1", "user:1", true),
        ("h?llo", "hello", true), ("h?llo", "hllo", false), ("h??llo", "heello", true),
        ("h[ae]llo", "hallo", true), ("h[ae]llo", "hillo", false), ("h[^e]llo", "hello", false),
        ("h[^e]llo", "hallo", true), ("h[a-c]llo", "hbllo", true), ("h[c-a]llo", "hbllo", true),
        ("h[a-c]llo", "hdllo", false), ("[!a]", "!", true), ("[!a]", "b", false), ("[a^]", "^", true),
        ("[\\]]", "]", true), ("[\\^a]", "^", true), ("[a\\-c]", "b", false), ("[a\\-c]", "-", true),
        ("[\\a-c]", "b", false), ("[\\a-c]", "-", true),
        ("[-a]", "-", true), ("[*]", "*", true), ("[*]", "a", false), ("[?]", "a", false),
        ("\\*", "*", true), ("\\*", "a", false), ("\\[a]", "[a]", true), ("\\\\", "\\", true), ("a]", "a]", true),
        ("*a*b*c", "xxaxxbxxc", true), ("*a*b*c", "xxaxxcxxb", false), ("a*b*a", "aba", true), ("a*b*a", "ab", false),
        ("*ab", "aab", true), ("*[0-9]", "x12", true), ("a**b", "ab", true), ("A", "a", false),
    ])
    func `a pattern matches the whole key, as KEYS would`(pattern: String, key: String, expected: Bool) throws {
        guard !pattern.isEmpty else { return }
        let glob = try GlobPattern(parsing: pattern)
        let bytes = Array(key.utf8)
        #expect(glob.matches(bytes) == expected)
    }

    @Test func `a key is bytes: one that is not UTF-8 matches byte by byte`() throws {
        let key: [UInt8] = [0xFF, 0x00, 0x0A, 0x80]
        #expect(try GlobPattern(parsing: "????").matches(key))
        #expect(try !GlobPattern(parsing: "???").matches(key))
        #expect(try GlobPattern(parsing: "[^a]*").matches(key))
        let text = Array("é".utf8)
        #expect(try GlobPattern(parsing: "é").matches(text))
        #expect(try GlobPattern(parsing: "??").matches(text))
    }

    @Test(arguments: [
        ("", "it is empty"), ("a\\", "it ends in a backslash; write \\\\ for one"), ("[", "a '[' is never closed"),
        ("a[bc", "a '[' is never closed"), ("[a\\]", "a '[' is never closed"), ("[^", "a '[' is never closed"),
        ("[a-", "a '[' is never closed"), ("[a-]", "a '[' is never closed"), ("[]", "a '[]' holds nothing"),
        ("[^]", "a '[]' holds nothing"),
        ("[\\", "a '[' is never closed"),
    ])
    func `a malformed pattern is refused with the reason`(pattern: String, reason: String) {
        let error = #expect(throws: GlobPattern.ParseError.self) { try GlobPattern(parsing: pattern) }
        #expect(error?.reason == reason)
        #expect(error?.description == "malformed key pattern '\(pattern)': \(reason)")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a hostile pattern and key take no exponential time`() throws {
        let glob = try GlobPattern(parsing: String(repeating: "a*", count: 500) + "b")
        let key = [UInt8](repeating: UInt8(ascii: "a"), count: 5000)
        #expect(!glob.matches(key))
    }

    @Test(arguments: ["redis-7.0.15", "valkey-9.1.2"])
    func `a real server's KEYS agrees, also about odd patterns`(name: String) async throws {
        let server = try await TestServer.start(name)
        let client = try server.client()
        let letters = Array("ab-]^\\[*?".utf8)
        var keys: [[UInt8]] = letters.map { [$0] } + [[0xFF], [0x80, 0x61], Array("é".utf8), [0x00]]
        for first in letters { for second in letters { keys.append([first, second]) } }
        try client.pipeline(keys.map { [Array("SET".utf8), $0, Array("1".utf8)] })
        for pattern in [
            "*", "?", "??", "a*", "*a", "*a*", "[ab]", "[^ab]", "[a-b]?", "[b-a]", "[-a]", "[^^]", "[^]a]", "\\[*",
            "\\?",
            "[\\]]", "[\\^]", "[\\-a]", "\\a", "a]", "-]", "[]a]", "[a]]", "[*?]", "**a", "a**", "[a\\]b]", "é", "[^é]",
            "[a-]", "[\\a-b]", "[!-~]", "[ -~][^a-z]",
        ] {
            // What a server guesses about a malformed one we refuse.
            guard let glob = try? GlobPattern(parsing: pattern) else { continue }
            let found = Set(try client.require("KEYS", pattern).elements.compactMap(\.bytes))
            #expect(Set(keys.filter { glob.matches($0) }) == found, "\(pattern)")
        }
    }
}
