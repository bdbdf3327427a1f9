import CLZ4
import Foundation
import NIOCore
import RDBParser
import TestServers
import Testing

@testable import SlotWorkers

/// Bytes in a file of their own.
private func file(_ bytes: [UInt8]) throws -> String {
    let path = try TestFolder.make("input") + "/file"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
}

/// One LZ4 frame, as the lz4 command writes it.
private func compressed(_ bytes: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: LZ4F_compressFrameBound(bytes.count, nil))
    let size = LZ4F_compressFrame(&output, output.count, bytes, bytes.count, nil)
    return Array(output[..<size])
}

private func everything(_ input: FileInput, limit: Int) throws -> [UInt8] {
    var all: [UInt8] = []
    var buffer = ByteBuffer()
    while true {
        try input.read(limit, into: &buffer)
        if buffer.readableBytes == 0 { return all }
        all += Array(buffer.readableBytesView)
    }
}

private func error(_ body: () throws -> Void) -> RunError? {
    do {
        try body()
        return nil
    } catch { return error as? RunError }
}

struct FileInputTests {
    private static let text = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 / 3 &* 7) }

    @Test(arguments: [1, 5, 4096, 256 << 10, 1 << 20])
    func `a file is read whole, whatever one read brings`(limit: Int) throws {
        let bytes = limit < 10 ? Array(Self.text.prefix(5000)) : Self.text
        let input = try FileInput(path: try file(bytes))
        #expect(input.size == UInt64(bytes.count))
        #expect(input.isReady())
        #expect(try everything(input, limit: limit) == bytes)
        #expect(input.isAtEnd && input.position == UInt64(bytes.count))
    }

    @Test(arguments: [0, 1, 3, 4, 5])
    func `a very short file is read whole`(size: Int) throws {
        let bytes = Array(Self.text.prefix(size))
        #expect(try everything(FileInput(path: try file(bytes)), limit: 4096) == bytes)
    }

    @Test(arguments: [1, 5, 4096, 65_536, 256 << 10])
    func `an LZ4 file is expanded, whatever one read brings`(limit: Int) throws {
        let bytes = limit < 10 ? Array(Self.text.prefix(20_000)) : Self.text
        #expect(try everything(FileInput(path: try file(compressed(bytes))), limit: limit) == bytes)
    }

    @Test func `LZ4 frames one behind another are one input`() throws {
        let first = Array(Self.text.prefix(1000))
        let second = Array(Self.text.prefix(200_000))
        let bytes = compressed(first) + compressed(second) + compressed([])
        #expect(try everything(FileInput(path: try file(bytes)), limit: 4096) == first + second)
    }

    @Test func `an LZ4 frame that is cut off anywhere is called truncated, never a shorter file`() throws {
        let bytes = compressed(Array(Self.text.prefix(3000)))
        for cut in stride(from: 4, to: bytes.count, by: 7) {
            let path = try file(Array(bytes[..<cut]))
            let found = error { _ = try everything(FileInput(path: path), limit: 4096) }
            #expect(found?.code == .input, "cut at \(cut)")
            #expect(found?.description == "\(path) is truncated: its LZ4 frame ends after \(cut) bytes.")
        }
    }

    @Test func `a damaged LZ4 frame is refused with its place`() throws {
        var bytes = compressed(Array(Self.text.prefix(3000)))
        bytes[5] ^= 0xFF
        let path = try file(bytes)
        let found = error { _ = try everything(FileInput(path: path), limit: 4096) }
        #expect(found?.code == .input)
        #expect(found?.description.contains("is damaged near byte") == true)
        let garbage = try file(compressed([1, 2, 3]) + Array("garbage".utf8))
        #expect(error { _ = try everything(FileInput(path: garbage), limit: 4096) }?.code == .input)
    }

    @Test func `no such file, a folder: each is said in one sentence`() {
        #expect(
            error { _ = try FileInput(path: "/nonexistent/dump.rdb") }?.description
                == "Cannot open the RDB file '/nonexistent/dump.rdb': No such file or directory.")
        #expect(error { _ = try FileInput(path: "/tmp") }?.description == "'/tmp' is a directory, not an RDB file.")
    }
}

struct FileCheckTests {
    private static func check(_ path: String) throws(RunError) -> [Int: Int] {
        try FileCheck(path: path, bigValueBytes: 16 << 20, isEnding: { false }, progress: { _ in }).keys
    }

    @Test(arguments: fixtureServers, fixtureFiles)
    func `the keys of each database are counted`(server: String, name: String) throws {
        let truth = try Fixture.truth(GroundTruth.self, server, name.replacing(".rdb", with: ".json"))
        let expected = Dictionary(grouping: truth.keys) { Int($0.db) }.mapValues(\.count)
        #expect(try Self.check(Fixture.path(server, name)) == expected)
        #expect(try Self.check(file(compressed(Fixture.bytes(server, name)))) == expected)
    }

    @Test func `a last value larger than one read is counted`() throws {
        var hash: [UInt8] = [0x80, 0, 0, 0x20, 0]
        for field in 0..<8192 {
            hash += rdbString(Array("field\(field)".utf8)) + rdbString([UInt8](repeating: 7, count: 100))
        }
        let path = try file(stream([0xFE, 3, 4] + rdbString([1]) + hash))
        #expect(try Self.check(path) == [3: 1])
    }

    @Test(
        arguments: [
            ([], "truncated"), (Array("REDIS00".utf8), "truncated"), (Array("not an RDB file".utf8), "not an RDB"),
            (Array("REDIS9999".utf8), "9999"), (stream([200, 1, 65, 1, 66]), "200"),
        ] as [([UInt8], String)])
    func `what is no RDB file is refused by name`(bytes: [UInt8], reason: String) throws {
        let path = try file(bytes)
        let found = error { _ = try Self.check(path) }
        #expect(found?.code == .input)
        #expect(found?.description.hasPrefix("\(path): ") == true)
        let words = found?.description.lowercased() ?? ""
        #expect(
            words.contains(reason.lowercased()) || (reason == "truncated" && words.contains("ends at byte")), "\(words)"
        )
    }

    @Test func `one flipped bit anywhere is noticed`() throws {
        let bytes = try Fixture.bytes("valkey-9.1.2", "lru.rdb")
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1 << UInt8(index % 8)
            // A checksum of 0 says that there is none: the eight bytes of it cannot become that by one bit.
            #expect(throws: RunError.self, "byte \(index)") { try Self.check(file(damaged)) }
        }
    }

    @Test func `a file that is cut off anywhere, or goes on, is refused`() throws {
        let bytes = try Fixture.bytes("redis-7.0.15", "lfu.rdb")
        for cut in 0..<bytes.count {
            #expect(throws: RunError.self, "cut at \(cut)") { try Self.check(file(Array(bytes[..<cut]))) }
        }
        for more in [1, 10_000, 300_000] {
            let path = try file(bytes + [UInt8](repeating: 0, count: more))
            #expect(
                error { _ = try Self.check(path) }?.description
                    == "\(path) goes on behind the end of its RDB data: it is damaged, or not an RDB file alone.")
        }
        #expect(throws: RunError.self) { try Self.check(file(compressed(bytes + [0]))) }
    }

    @Test func `the share that is read rises to the whole; a stop ends the check`() throws {
        var shares: [Double] = []
        _ = try FileCheck(
            path: Fixture.path("redis-7.0.15", "all.rdb"), bigValueBytes: 16 << 20, isEnding: { false },
            progress: { shares.append($0) })
        #expect(shares.last == 1)
        #expect(shares == shares.sorted())
        let stopped = try FileCheck(
            path: Fixture.path("redis-7.0.15", "all.rdb"), bigValueBytes: 16 << 20, isEnding: { true },
            progress: { _ in })
        #expect(stopped.keys.isEmpty)
    }
}
