import Foundation
import TestServers
import Testing

/// RDB files: as they are, compressed, through a pipe.
@Suite(.fewAtOnce) struct FileTests {
    @Test(arguments: ["redis-6.2.14", "redis-7.4.1"])
    func `standard input, plain and as LZ4`(name: String) async throws {
        let source = try await TestServer.start(name)
        let target = try await TestServer.start("valkey-9.1.2")
        try await Filler.run(source, .demo, keys: 3000)
        try await Filler.run(source, .large, keys: 10)
        let keys = try source.keys()
        let file = try source.save()
        let plain = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        let compressed = try await LZ4.compress(file)
        #expect(compressed.count < plain.count)
        for input in [plain, compressed] {
            try target.flush()
            try target.client().require("FUNCTION", "FLUSH")
            let outcome = try await Run.run(from: "-", to: target.url, input: input)
            try expectAllCopied(outcome, keys: keys)
            try await expectEqual(source.port, target.port)
        }
    }

    @Test func `a file of LZ4 frames is known by its content`() async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestCluster.start("valkey-8.0.1")
        try await Filler.run(source, .demo, keys: 3000)
        let keys = try source.keys()
        let path = try source.save() + ".lz4"
        try Data(try await LZ4.compress(source.folder + "/dump.rdb")).write(to: URL(fileURLWithPath: path))
        for name in [path, source.folder + "/no-extension"] {
            if name != path { try FileManager.default.moveItem(atPath: path, toPath: name) }
            try target.flush()
            try expectAllCopied(try await Run.run(from: name, to: target.url), keys: keys)
            try await expectEqual(source.port, target.port)
        }
    }

    @Test(arguments: [true, false])
    func `a truncated pipe is not green, and what came before is told`(isCompressed: Bool) async throws {
        let source = try await TestServer.start("redis-7.0.15")
        let target = try await TestServer.start("valkey-8.0.1")
        try await Filler.run(source, .strings, keys: 50_000)
        let file = try source.save()
        let whole =
            isCompressed ? try await LZ4.compress(file) : [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        let outcome = try await Run.run(from: "-", to: target.url, input: Array(whole[..<(whole.count * 2 / 3)]))
        #expect(outcome.exit == .code(1), "\(outcome)")
        let summary = try outcome.summary
        #expect(summary.read > 10_000 && summary.read < 50_000, "\(outcome)")
        #expect(summary.result == "failed", "\(outcome)")
        #expect(try target.keys() == summary.copied)
        #expect(outcome.error.contains("standard input"), "\(outcome)")
    }
}

/// LZ4 frames, by the system's own library.
enum LZ4 {
    /// The bytes of a file as LZ4 frames.
    static func compress(_ path: String) async throws -> [UInt8] {
        let script = """
            import ctypes, sys
            lz4 = ctypes.CDLL("liblz4.so.1")
            lz4.LZ4F_compressFrameBound.restype = lz4.LZ4F_compressFrame.restype = ctypes.c_size_t
            data = open(sys.argv[1], "rb").read()
            # Two frames: a file may be put together from several.
            for part in data[:len(data) // 3], data[len(data) // 3:]:
                size = lz4.LZ4F_compressFrameBound(ctypes.c_size_t(len(part)), None)
                out = ctypes.create_string_buffer(size)
                size = lz4.LZ4F_compressFrame(out, ctypes.c_size_t(size), part, ctypes.c_size_t(len(part)), None)
                sys.stdout.buffer.write(out.raw[:size])
            """
        let result = try await Program.run("/usr/bin/env", ["python3", "-c", script, path])
        guard result.exit == .code(0) else { throw TestError(result.errorText) }
        return result.output
    }
}
