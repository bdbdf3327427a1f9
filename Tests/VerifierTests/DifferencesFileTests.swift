import Foundation
import GRDB
import Testing

@testable import Verifier

struct DifferencesFileTests {
    /// A folder of its own for each test.
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("differences-\(UUID())").path
    private var path: String { folder + "/found.sqlite" }

    init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }

    private static var run: DifferencesRun {
        var source = VerificationReport.Side(address: "redis://old:6379", read: "snapshot")
        source.version = "redis 7.0.15"
        source.replicationID = "0123"
        (source.startOffset, source.endOffset) = (7, 1 << 40)
        var run = DifferencesRun(
            seed: String(repeating: "ab", count: 16), source: source,
            target: VerificationReport.Side(address: "valkey://new:6379", read: "scan"), startedAt: 1_700_000_000_000)
        run.scope = ["include-key": ["a:*", "\"quoted\" \u{1F600}"], "db": ["0", "9"]]
        return run
    }

    private static func difference(_ number: Int, _ outcome: KeyOutcome = .value) -> KeyDifference {
        KeyDifference(
            database: number % 16, key: Array("key:\(number)".utf8), keyHash: "hash\(number)", slot: number % 16384,
            outcome: outcome)
    }

    private func expectCode(_ code: VerifierError.Code, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("nothing was thrown")
        } catch let error as VerifierError {
            #expect(error.code == code, "\(error)")
            #expect(error.description.contains(folder), "\(error)")
        } catch {
            Issue.record(error)
        }
    }

    @Test func `what was written is read again, whatever bytes the keys have`() throws {
        var run = Self.run
        var full = Self.difference(1, .ttl)
        full.key = Array(0...255) + [0, 0]
        full.type = "stream"
        (full.sourceExpiry, full.targetExpiry) = (.max, -1)
        full.differences = [ValueDifference("element", at: "3", source: "a", target: nil)]
        var empty = Self.difference(2, .extra)
        empty.key = []
        let written = [full, empty, Self.difference(3, .missing), Self.difference(4, .changing)]

        let file = try DifferencesFile.create(at: path, for: run)
        try file.append(written)
        try file.append([])
        (run.verdict, run.endedAt, run.target.endOffset) = (.different, run.startedAt + 5, 99)
        try file.write(run)
        try file.close()

        let again = try DifferencesFile.open(path)
        #expect(try again.run() == run)
        #expect(try again.page(of: Set(KeyOutcome.allCases)).differences == written)
        #expect(try again.page(of: [.extra, .missing]).differences == [empty, written[2]])
        #expect(try again.count(of: [.extra, .ttl]) == 2)
        #expect(try again.count(of: []) == 0)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".new") }.isEmpty)
    }

    @Test func `a run that did not end has no verdict`() throws {
        try DifferencesFile.create(at: path, for: Self.run).close()
        let run = try DifferencesFile.open(path).run()
        #expect(run.verdict == nil && run.endedAt == nil)
    }

    @Test func `pages end at keys and at bytes, and the next begins there`() throws {
        let file = try DifferencesFile.create(at: path, for: Self.run)
        try file.append((0..<100).map { Self.difference($0, $0 % 3 == 0 ? .extra : .value) })
        var (keys, position, pages) = ([[UInt8]](), Int64(0), 0)
        while true {
            let page = try file.page(from: position, of: [.value], most: 10)
            if page.differences.isEmpty { break }
            #expect(page.differences.count <= 10)
            keys += page.differences.map(\.key)
            position = page.end
            pages += 1
        }
        #expect(pages == 7)
        #expect(keys == (0..<100).filter { $0 % 3 != 0 }.map { Array("key:\($0)".utf8) })
        #expect(try file.page(of: [.value], bytes: 6).differences.count == 2)
    }

    @Test func `100,000 keys take a few seconds and little memory`() throws {
        let file = try DifferencesFile.create(at: path, for: Self.run)
        let before = try Self.residentBytes()
        let start = ContinuousClock.now
        for first in stride(from: 0, to: 100_000, by: 1000) {
            try file.append((first..<first + 1000).map { Self.difference($0) })
        }
        var (read, position) = (0, Int64(0))
        while true {
            let page = try file.page(from: position, of: [.value], most: 5000)
            if page.differences.isEmpty { break }
            read += page.differences.count
            position = page.end
        }
        #expect(read == 100_000)
        let time = ContinuousClock.now - start
        let grown = try Self.residentBytes() - before
        print("100,000 differences written and read in \(time), \(grown >> 10) KiB more memory")
        #expect(time < .seconds(60))
        #expect(grown < 48 << 20)
    }

    private static func residentBytes() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return (Int(fields[1]) ?? 0) * 4096
    }

    @Test func `a new run replaces what an earlier one found, and an empty file`() throws {
        #expect(FileManager.default.createFile(atPath: path, contents: Data()))
        let first = try DifferencesFile.create(at: path, for: Self.run)
        try first.append([Self.difference(1)])
        try first.close()
        let second = try DifferencesFile.create(at: path, for: Self.run)
        #expect(try second.count(of: Set(KeyOutcome.allCases)) == 0)
    }

    @Test(arguments: ["not ours\n", String(repeating: "x", count: 5000), "SQLite format 3\0"])
    func `a foreign file is refused and stays as it is`(contents: String) throws {
        try Data(contents.utf8).write(to: URL(fileURLWithPath: path))
        expectCode(.foreignFile) { _ = try DifferencesFile.create(at: path, for: Self.run) }
        expectCode(.foreignFile) { _ = try DifferencesFile.open(path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == contents)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["found.sqlite"])
    }

    @Test func `another program's database, a folder and a journal left behind are refused`() throws {
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "CREATE TABLE theirs (a)") }
        try queue.close()
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        expectCode(.foreignFile) { _ = try DifferencesFile.create(at: path, for: Self.run) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)

        expectCode(.foreignFile) { _ = try DifferencesFile.create(at: folder, for: Self.run) }

        try Data("journal".utf8).write(to: URL(fileURLWithPath: folder + "/other-journal"))
        expectCode(.foreignFile) { _ = try DifferencesFile.create(at: folder + "/other", for: Self.run) }
    }

    @Test func `a damaged file is refused and stays as it is`() throws {
        let file = try DifferencesFile.create(at: path, for: Self.run)
        try file.append((0..<5000).map { Self.difference($0) })
        try file.close()
        let url = URL(fileURLWithPath: path)
        var bytes = try Data(contentsOf: url)
        for index in 8192..<bytes.count - 4096 { bytes[index] ^= 0x5A }
        try bytes.write(to: url)
        expectCode(.damagedFile) { _ = try DifferencesFile.open(path) }
        expectCode(.damagedFile) { _ = try DifferencesFile.create(at: path, for: Self.run) }
        #expect(try Data(contentsOf: url) == bytes)
        // Cut off in the middle.
        try bytes.prefix(6000).write(to: url)
        expectCode(.damagedFile) { _ = try DifferencesFile.open(path) }
    }

    @Test func `rows that were never written so do not end the process`() throws {
        try DifferencesFile.create(at: path, for: Self.run).close()
        let queue = try DatabaseQueue(path: path)
        try queue.write {
            try $0.execute(
                sql: "INSERT INTO difference VALUES (1, 0, x'00', 'h', 0, 'value', NULL, NULL, NULL, 'no JSON')")
            try $0.execute(sql: "UPDATE run SET source = '{}'")
        }
        try queue.close()
        let file = try DifferencesFile.open(path)
        expectCode(.damagedFile) { _ = try file.page(of: [.value]) }
        expectCode(.damagedFile) { _ = try file.run() }
    }

    @Test func `two runs cannot write to one file, and a later version is not touched`() throws {
        let file = try DifferencesFile.create(at: path, for: Self.run)
        expectCode(.unusableFile) { _ = try DifferencesFile.create(at: path, for: Self.run) }
        try file.append([Self.difference(1)])
        #expect(try file.count(of: [.value]) == 1)
        try file.close()
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "PRAGMA user_version = 3") }
        try queue.close()
        expectCode(.damagedFile) { _ = try DifferencesFile.create(at: path, for: Self.run) }
    }

    @Test func `a file that is not there, or cannot be made, is an error`() throws {
        expectCode(.unusableFile) { _ = try DifferencesFile.open(path) }
        expectCode(.unusableFile) { _ = try DifferencesFile.create(at: folder + "/none/x", for: Self.run) }
    }
}
