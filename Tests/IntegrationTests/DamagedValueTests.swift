import Foundation
import TestServers
import Testing

/// Values that do not hold together, under a right checksum: such as a source whose memory is damaged writes.
@Suite(.fewAtOnce) struct DamagedValueTests {
    /// Behind type and key: a byte of each is not what the server wrote. Seen to end Valkey 8.0 on the next read.
    private static let damaged: [(type: UInt8, key: String, value: String)] = [
        (16, "hash", "0d0d0000000200816102816242ff"),
        (18, "list", "01020d0d000000020081610281623dff"),
        (
            21, "stream",
            "0110000000000000000100000000000000011d1d0000000a000101000101018161020001020100010001816202c401ff"
                + "010101010100000100"
        ),
    ]

    private static var file: [UInt8] {
        func bytes(_ hex: String) -> [UInt8] {
            var digits = hex.utf8.makeIterator()
            var bytes: [UInt8] = []
            while let high = digits.next(), let low = digits.next() {
                bytes += UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16).map { [$0] } ?? []
            }
            return bytes
        }
        func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
        var file = Array("REDIS0011".utf8) + [0xfe, 0]
        file += [0] + text("first") + text("1")
        for (type, key, value) in damaged { file += [type] + text(key) + bytes(value) }
        file += [1] + text("last") + [1] + text("element")
        // No checksum: a file of `rdbchecksum no`.
        return file + [0xff] + [UInt8](repeating: 0, count: 8)
    }

    @Test(arguments: ["redis-7.0.15", "valkey-8.0.1", "valkey-9.1.2"])
    func `do not reach the target, and what stands beside them does`(name: String) async throws {
        let target = try await TestServer.start(name)
        let path = try TestFolder.make("damaged") + "/dump.rdb"
        try Data(Self.file).write(to: URL(fileURLWithPath: path))
        for input in [nil, Self.file] {
            try target.flush()
            let outcome = try await Run.run(from: input == nil ? path : "-", to: target.url, input: input)
            let summary = try outcome.summary
            #expect(summary.read == 5 && summary.copied == 2 && summary.failed == 3, "\(outcome)")
            #expect(outcome.exit == .code(1) && summary.result == "incomplete", "\(outcome)")
            #expect(summary.reasons.keys.allSatisfy { $0.hasPrefix("the value is damaged: ") }, "\(outcome)")
            let client = try target.client()
            for key in Self.damaged.map(\.key) { #expect(try client.require("EXISTS", key).integer == 0, "\(key)") }
            #expect(try client.require("GET", "first").text == "1")
            #expect(try client.require("LRANGE", "last", "0", "-1").elements.map(\.text) == ["element"])
        }
    }
}
