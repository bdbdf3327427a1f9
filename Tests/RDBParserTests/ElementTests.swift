import Foundation
import Testing

@testable import RDBParser

@Suite struct `Elements of real servers' values` {
    struct Truths: Decodable {
        struct Key: Decodable {
            let db: UInt64
            let keyB64: Data
            let type: String
            let value: JSON
            enum CodingKeys: String, CodingKey {
                case db
                case keyB64 = "key_b64"
                case type, value
            }
        }
        let keys: [Key]
    }

    @Test(arguments: servers, files)
    func `are what the servers say`(server: String, file: String) throws {
        let (version, records) = try fixtureRecords(server, file)
        let truths = try JSONDecoder().decode(Truths.self, from: Data(try Fixture.bytes(server, "\(file).json")))
        var compared = 0
        for truth in truths.keys {
            let record = try #require(
                records.first { $0.database == truth.db && $0.key == [UInt8](truth.keyB64) })
            let value = try Value(type: record.type, value: record.value.span.bytes, version: version)
            if truth.type == "vectorset" {
                #expect(Truth.json(value) == .string("vectorset"))
            } else {
                let found = Truth.json(value)
                let expected = Truth.expected(truth.value, type: truth.type)
                #expect(found == expected, "\(String(decoding: record.key, as: UTF8.self))")
            }
            compared += 1
        }
        #expect(compared == records.count)
    }

    @Test(arguments: servers)
    func `come the same in any chunking`(server: String) throws {
        let (version, records) = try fixtureRecords(server, "all")
        for record in records {
            let whole = try decode(record.type, record.value, version)
            for chunk in [1, 2, 3, 5, 7, 13, 64, 1000] where record.value.count < 300 || chunk > 60 {
                #expect(try decode(record.type, record.value, version, chunk: chunk) == whole)
            }
        }
    }

    @Test(arguments: servers)
    func `are said to be truncated wherever they are cut`(server: String) throws {
        let (version, records) = try fixtureRecords(server, "all")
        for record in records where record.value.count <= 120 {
            for count in record.value.indices {
                #expect {
                    try decode(record.type, [UInt8](record.value[..<count]), version)
                } throws: {
                    ($0 as? RDBError)?.code == .truncated && ($0 as? RDBError)!.offset <= UInt64(count)
                }
            }
        }
    }

    @Test(arguments: servers)
    func `with any byte flipped are refused or decoded, and never trap`(server: String) throws {
        let (version, records) = try fixtureRecords(server, "all")
        var refused = 0
        for record in records where record.value.count <= 120 {
            var value = record.value
            for index in value.indices {
                for mask: UInt8 in [1, 2, 8, 0x40, 0x80, 0xff] {
                    value[index] ^= mask
                    do { _ = try decode(record.type, value, version) } catch { refused += 1 }
                    value[index] ^= mask
                }
            }
        }
        #expect(refused > 0)
    }
}
