import Foundation
import NIOCore
import NIOPosix
import RESP
import TestServers

@testable import RDBParser
@testable import SlotWorkers

/// Opens a link for reading values of a server's database.
func pageLink(_ server: TestServer, database: Int = 0) async throws -> (PageLink, BigValueReader.Abilities) {
    let connection = try await Connection.open(
        .tcp(host: "127.0.0.1", port: server.port), settings: ConnectionSettings(side: .source),
        on: MultiThreadedEventLoopGroup.singleton.next())
    let facts = try await ServerFacts.fetch(from: connection)
    _ = try await connection.demand("SELECT", database)
    return (try await PageLink.open(connection), BigValueReader.Abilities(facts))
}

/// Starts a server with the keys of a fixture.
func serverWithFixture(_ name: String, _ file: String = "all.rdb") async throws -> TestServer {
    let server = try await TestServer.start(name)
    let destination = URL(fileURLWithPath: server.folder + "/dump.rdb")
    try Data(try Fixture.bytes(name, file)).write(to: destination)
    try await server.restart()
    return server
}

/// A reader's passing visitor: builds the value, and notes where the events are not what a decoder's would be.
struct Collector: ValueVisitor {
    var builder = ValueBuilder()
    var faults: [String] = []
    private var left: UInt64?
    private var lastPart: ValuePart?

    var value: Value { builder.value }

    mutating func begin(_ kind: ValueKind, count: UInt64?) { builder.begin(kind, count: count) }

    mutating func bytes(_ piece: RawSpan, of part: ValuePart, length: UInt64, isLast: Bool) {
        if let left {
            if piece.byteCount > left { faults.append("more bytes than its length") }
            if part != lastPart { faults.append("a part within a part") }
        }
        let rest = (left ?? length) - UInt64(piece.byteCount)
        if (rest == 0) != isLast { faults.append("the last piece is not marked") }
        if piece.byteCount > 64 << 10 { faults.append("a piece of \(piece.byteCount) bytes") }
        left = isLast ? nil : rest
        lastPart = part
        builder.bytes(piece, of: part, length: length, isLast: isLast)
    }

    mutating func score(_ score: Double) { builder.score(score) }
    mutating func expiry(_ milliseconds: Int64) { builder.expiry(milliseconds) }
    mutating func stream(_ event: borrowing StreamEvent) { builder.stream(event) }
    mutating func module(_ event: ModuleEvent) { builder.module(event) }
    mutating func end() { builder.end() }
}

extension BigValueReader {
    /// Reads a key whole, of whatever kind it is.
    func collect(_ key: [UInt8], start: Int64 = 0) async throws -> (Reading, Collector)? {
        guard let kind = try await kind(of: key) else { return nil }
        var collector = Collector()
        let reading = try await read(key, kind: kind, start: start, into: &collector) { _ in }
        return reading.map { ($0, collector) }
    }
}
