import Foundation
import Testing

@testable import RDBParser

@Suite struct `Files of real servers` {
    @Test(arguments: servers, files)
    func `hold the keys that their servers say`(server: String, file: String) throws {
        let truth = try Fixture.truth(GroundTruth.self, server, "\(file).json")
        var parser = RDBStreamParser()
        var recorder = Recorder()
        let bytes = try Fixture.bytes(server, "\(file).rdb")
        #expect(try parse(bytes, parser: &parser, into: &recorder) == bytes.count)
        #expect(parser.offset == UInt64(bytes.count) && parser.isFinished && parser.bytesNeeded == 0)

        let version = try #require(parser.version)
        let digits = String(version.number)
        let magic = version.family == .redis ? "REDIS" : "VALKEY"
        let zeros = String(repeating: "0", count: 9 - magic.count - digits.count)
        #expect("\(magic)\(zeros)\(digits)" == truth.magic)

        var auxiliary: [String: String] = [:]
        var functions: [Data] = []
        for event in recorder.events {
            if case .auxiliary(let name, let value) = event {
                auxiliary[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
            }
            if case .function(let code) = event { functions.append(Data(code)) }
        }
        #expect(auxiliary == truth.aux)
        #expect(functions == truth.functionsB64 ?? [])

        let found = recorder.records
        #expect(found.count == truth.keys.count)
        let byKey = Dictionary(uniqueKeysWithValues: found.map { (Identity($0.database, $0.key), $0) })
        for key in truth.keys {
            let record = try #require(byKey[Identity(key.db, [UInt8](key.keyB64))])
            #expect(record.type == key.rdbType)
            #expect(record.expiry == key.expireMs)
            #expect(record.idleSeconds == key.lruIdleS)
            #expect(record.frequency == key.lfuFreq)
        }
    }

    @Test(arguments: servers)
    func `hold the same value bytes as DUMP gives`(server: String) throws {
        let dumps = try Fixture.truth(Dumps.self, server, "all.dumps.json").dumps
        var parser = RDBStreamParser()
        var recorder = Recorder()
        _ = try parse(try Fixture.bytes(server, "all.rdb"), parser: &parser, into: &recorder)
        let byKey = Dictionary(
            uniqueKeysWithValues: recorder.records.map { (Identity($0.database, $0.key), $0) })
        var compared = 0
        for dump in dumps {
            let record = try #require(byKey[Identity(dump.db, [UInt8](dump.keyB64))])
            let payload = [UInt8](dump.dumpB64)
            let read = try DumpPayload(payload.span.bytes)
            #expect(read.version == RDBVersion(footer: dump.footer))
            #expect(read.type == dump.rdbType)
            if read.type == record.type {
                #expect(array(read.value) == record.value, "\(String(decoding: record.key, as: UTF8.self))")
                compared += 1
            }
        }
        #expect(compared * 10 > dumps.count * 9, "\(compared) of \(dumps.count)")
    }

    @Test(arguments: servers, 1...64)
    func `yield the same events in any chunking`(server: String, chunk: Int) throws {
        for file in files {
            let bytes = try Fixture.bytes(server, "\(file).rdb")
            let whole = try parse(bytes)
            #expect(try parse(bytes, chunk: chunk) == whole)
        }
    }

    @Test(arguments: servers, smallFiles)
    func `say that they are truncated wherever they are cut`(server: String, file: String) throws {
        let bytes = try Fixture.bytes(server, "\(file).rdb")
        for count in 0..<bytes.count {
            let error = try #require(refusal(of: [UInt8](bytes[..<count])))
            #expect(error.code == .truncated)
            #expect(error.offset <= UInt64(count))
        }
    }

    @Test(arguments: servers, smallFiles)
    func `are refused with any byte flipped`(server: String, file: String) throws {
        var bytes = try Fixture.bytes(server, "\(file).rdb")
        for index in bytes.indices {
            for mask: UInt8 in [1, 2, 4, 0x40, 0x80, 0xff] {
                bytes[index] ^= mask
                var parser = RDBStreamParser()
                var recorder = Recorder()
                var consumed = 0
                do throws(RDBError) {
                    consumed = try parse(bytes, parser: &parser, into: &recorder)
                } catch { consumed = -1 }
                // A version before 5 has no checksum: then the 8 bytes of it are left over.
                #expect(consumed < bytes.count, "byte \(index) ^ \(mask)")
                bytes[index] ^= mask
            }
        }
    }
}

private struct Identity: Hashable {
    let database: UInt64
    let key: [UInt8]
    init(_ database: UInt64, _ key: [UInt8]) {
        self.database = database
        self.key = key
    }
}
