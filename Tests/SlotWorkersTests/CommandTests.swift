import NIOCore
import RDBParser
import RESP
import Testing

@testable import SlotWorkers

/// The integers at which the number of digits changes, and the ends of the range.
private let edges: [Int64] =
    [0, 1, 9, -1, -9, .max, .min, .max - 1, .min + 1]
    + (1...18).flatMap { power -> [Int64] in
        let ten = (0..<power).reduce(Int64(1)) { product, _ in product * 10 }
        return [ten - 1, ten, ten + 1, -ten + 1, -ten, -ten - 1]
    }

/// RESP as a client would write it.
private func resp(_ arguments: [[UInt8]]) -> [UInt8] {
    arguments.reduce(into: Array("*\(arguments.count)\r\n".utf8)) { bytes, argument in
        bytes += Array("$\(argument.count)\r\n".utf8) + argument + [13, 10]
    }
}

private func resp(_ arguments: String...) -> [UInt8] { resp(arguments.map { Array($0.utf8) }) }

private func emptyBatch() -> Batch {
    Batch(database: 0, epoch: 1, destination: 0, recycling: ByteBuffer())
}

private func batch(_ fill: (inout Batch) -> Void) -> Batch {
    var batch = emptyBatch()
    fill(&batch)
    batch.closeGroup()
    return batch
}

private func bytes(_ batch: Batch) -> [UInt8] { Array(batch.bytes.readableBytesView) }

struct DecimalTests {
    @Test func `an integer's text is what a server would make of it`() {
        for number in edges {
            let text = array(DecimalText(number).bytes)
            #expect(text == Array(String(number).utf8))
        }
    }

    @Test func `headers and numbers are written digit for digit`() {
        for number in edges {
            var buffer = ByteBuffer()
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 64) { memory in
                var writer = CommandWriter(filling: memory)
                writer.bulk(decimal: number)
                return writer.count
            }
            #expect(Array(buffer.readableBytesView) == Array("$\(String(number).utf8.count)\r\n\(number)\r\n".utf8))
            #expect(CommandWriter.digits(in: number) == String(number).utf8.count)
        }
    }

    @Test func `the checksum covers what was written from a place on`() {
        var buffer = ByteBuffer()
        var checksum: UInt64 = 0
        let text = Array("123456789".utf8)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 32) { memory in
            var writer = CommandWriter(filling: memory)
            writer.text("before")
            writer.bytes(text.span.bytes)
            checksum = writer.checksum(from: 6)
            return writer.count
        }
        // The check value of CRC-64/REDIS.
        #expect(checksum == 0xe9c6_d914_c4b8_d9ca)
    }
}

struct BatchTests {
    private static let far: Int64 = 4_102_444_800_000

    @Test func `SET says value, NX and expiry exactly`() {
        let key = Array("k".utf8)
        let value: [UInt8] = [0, 13, 10, 255]
        for (expiry, absent) in [(nil, false), (nil, true), (Self.far, false), (Self.far, true)] as [(Int64?, Bool)] {
            let made = batch { $0.set(key, to: value, expiry: expiry, onlyIfAbsent: absent) }
            var expected: [[UInt8]] = [Array("SET".utf8), key, value]
            if absent { expected.append(Array("NX".utf8)) }
            if let expiry { expected += [Array("PXAT".utf8), Array(String(expiry).utf8)] }
            #expect(bytes(made) == resp(expected))
            #expect(made.keys == 1 && made.commands == 1)
        }
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 1023, 70_000])
    func `empty and large keys and values are written whole`(size: Int) {
        let text = [UInt8](repeating: 0x78, count: size)
        let made = batch { $0.set(text, to: text, expiry: .max, onlyIfAbsent: true) }
        #expect(
            bytes(made)
                == resp([
                    Array("SET".utf8), text, text, Array("NX".utf8), Array("PXAT".utf8), Array(String(Int64.max).utf8),
                ]))
        let grouped = batch { $0.group(text, text, slot: nil) }
        #expect(bytes(grouped) == resp([Array("MSET".utf8), text, text]))
        let restored = batch {
            $0.restore(
                text, type: 255, value: text, version: 80, expiry: .max, replace: true,
                eviction: .idle(.max))
        }
        #expect(restored.command(at: 0).arguments.count == 8)
    }

    @Test(arguments: [1, 2, 4, 5, 32, 49, 50, 63, 64, 65, 128, 129, 200])
    func `strings are gathered into MSETs of at most 64 keys`(count: Int) {
        let pairs = (0..<count).map { (Array("key\($0)".utf8), Array("value\($0)".utf8)) }
        let made = batch { batch in
            for (key, value) in pairs { batch.group(key, value, slot: nil) }
        }
        var expected: [UInt8] = []
        for start in stride(from: 0, to: count, by: 64) {
            expected += resp([Array("MSET".utf8)] + pairs[start..<min(start + 64, count)].flatMap { [$0, $1] })
        }
        #expect(bytes(made) == expected)
        #expect(made.keys == count)
        #expect(made.commands == (count + 63) / 64)
        #expect((0..<made.commands).flatMap { made.command(at: $0).keys } == pairs.map(\.0))
    }

    @Test func `an MSET on a cluster holds keys of one slot only`() {
        let slots: [UInt16?] = [1, 1, 2, 1, 1, 1, 0, nil]
        let made = batch { batch in
            for (index, slot) in slots.enumerated() {
                batch.group([UInt8(index)], [], slot: slot)
            }
        }
        #expect(
            (0..<made.commands).map { made.command(at: $0).keys } == [
                [[0], [1]], [[2]], [[3], [4], [5]], [[6]], [[7]],
            ])
        #expect(made.keys == slots.count)
        #expect(bytes(made) == (0..<made.commands).flatMap { resp(made.command(at: $0).arguments) })
    }

    @Test func `closing a group twice, or none, changes nothing`() {
        var made = emptyBatch()
        made.closeGroup()
        #expect(made.isEmpty && made.byteCount == 0)
        made.group([1], [2], slot: nil)
        made.closeGroup()
        let once = bytes(made)
        made.closeGroup()
        #expect(bytes(made) == once)
        made.group([3], [4], slot: nil)
        made.closeGroup()
        #expect(bytes(made) == once + resp([Array("MSET".utf8), [3], [4]]))
    }

    @Test func `used memory is taken again`() {
        var old = batch { $0.set([1], to: [2], expiry: nil, onlyIfAbsent: false) }.bytes
        old.clear()
        var made = Batch(database: 3, epoch: 7, destination: 2, recycling: old)
        made.group([1], [2], slot: 9)
        made.closeGroup()
        #expect(bytes(made) == resp([Array("MSET".utf8), [1], [2]]))
        #expect(made.database == 3 && made.epoch == 7 && made.destination == 2)
    }

    @Test(arguments: fixtureServers)
    func `a RESTORE carries the payload that the server's DUMP gave`(server: String) throws {
        for dump in try Fixture.truth(Dumps.self, server, "all.dumps.json").dumps {
            let key = [UInt8](dump.keyB64)
            let expected = [UInt8](dump.dumpB64)
            let payload = try DumpPayload(expected.span.bytes)
            let type = payload.type
            let value = array(payload.value)
            let made = batch {
                $0.restore(
                    key, type: type, value: value, version: dump.footer, expiry: nil,
                    replace: false, eviction: nil)
            }
            #expect(bytes(made) == resp([Array("RESTORE".utf8), key, Array("0".utf8), expected]))
        }
    }

    @Test func `a RESTORE names expiry, replacement and eviction hint, in this order`() {
        for (expiry, replace, hint, tail) in [
            (nil, false, nil, []), (nil, true, nil, ["REPLACE"]), (Self.far, false, nil, ["ABSTTL"]),
            (Self.far, true, .idle(77), ["REPLACE", "ABSTTL", "IDLETIME", "77"]),
            (nil, true, .frequency(255), ["REPLACE", "FREQ", "255"]),
            (nil, false, .idle(.max), ["IDLETIME", String(Int64.max)]),
        ] as [(Int64?, Bool, EvictionHint?, [String])] {
            let made = batch {
                $0.restore(
                    [1], type: 0, value: [1, 65], version: 9, expiry: expiry, replace: replace,
                    eviction: hint)
            }
            let arguments = made.command(at: 0).arguments
            #expect(arguments.count == 4 + tail.count)
            #expect(arguments[2] == Array(String(expiry ?? 0).utf8))
            #expect(arguments.dropFirst(4).map { String(decoding: $0, as: UTF8.self) } == tail)
            #expect(bytes(made) == resp(arguments))
        }
    }
}

struct EncodedCommandTests {
    @Test func `a command is read back as it was written`() {
        let commands: [[[UInt8]]] = [
            [Array("SET".utf8), [], []], [Array("SET".utf8), [13, 10], [36, 49, 13, 10]],
            [Array("SELECT".utf8), Array("15".utf8)], [Array("UNLINK".utf8), [1], [2], [3]],
        ]
        let made = batch { batch in for command in commands { batch.append(keys: 1, arguments: command) } }
        #expect(made.commands == commands.count)
        for (index, command) in commands.enumerated() {
            #expect(made.command(at: index) == EncodedCommand(arguments: command))
        }
        #expect(bytes(made) == commands.flatMap(resp))
    }

    @Test(arguments: [
        (["SET", "k", "v"], ["k"]), (["SET", "k", "v", "NX"], ["k"]), (["RESTORE", "k", "0", "p", "REPLACE"], ["k"]),
        (["MSET", "a", "1", "b", "2"], ["a", "b"]), (["UNLINK", "a", "b"], ["a", "b"]), (["SELECT", "1"], []),
        (["ASKING"], []),
    ])
    func `the keys of a command are those that it writes`(arguments: [String], keys: [String]) {
        let command = EncodedCommand(arguments: arguments.map { Array($0.utf8) })
        #expect(command.keys == keys.map { Array($0.utf8) })
    }

    @Test func `an MSET falls apart into SETs, in their order; others stay whole`() {
        let many = EncodedCommand(arguments: ["MSET", "a", "1", "b", "2", "c", "3"].map { Array($0.utf8) })
        #expect(
            many.perKey
                == [["SET", "a", "1"], ["SET", "b", "2"], ["SET", "c", "3"]].map {
                    EncodedCommand(arguments: $0.map { Array($0.utf8) })
                })
        let one = EncodedCommand(arguments: ["RESTORE", "a", "0", "p"].map { Array($0.utf8) })
        #expect(one.perKey == [one])
    }
}
