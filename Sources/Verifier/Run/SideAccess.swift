internal import NIOCore
internal import RDBParser
internal import RESP
internal import SlotWorkers

/// Reads single keys of one side again. For one task at a time.
final class SideAccess {
    let side: DataSide
    /// `nil` for a file, which can only be read as a whole, and never changes.
    private let lookup: KeyLookup?
    private var digester: KeyDigester

    /// Keys, and bytes of them, that are read at once.
    static let mostKeys = 64
    private static let mostBytes = 4 << 20

    init(_ side: DataSide, seed: RunSeed, scope: ComparisonScope) throws {
        self.side = side
        lookup = KeyLookup(side)
        digester = try KeyDigester(seed: seed, scope: scope)
    }

    var isServer: Bool { lookup != nil }
    private var counted = (found: 0, absent: 0)

    /// Keys that were there and keys that were not, since it was last asked.
    func takeCounts() -> (found: Int, absent: Int) {
        let now = (found: lookup?.found ?? 0, absent: lookup?.absent ?? 0)
        defer { counted = now }
        return (now.found - counted.found, now.absent - counted.absent)
    }

    func close() async { await lookup?.close() }

    /// How many of `keys`, from the first, are to be asked for together.
    static func share(of keys: ArraySlice<(name: KeyName, bytes: Int)>) -> Int {
        var bytes = 0
        var count = 0
        for key in keys where count < mostKeys {
            bytes += key.bytes
            if bytes > mostBytes, count > 0 { break }
            count += 1
        }
        return count
    }

    /// Reads keys; what they are in the order in which they were asked for.
    ///
    /// - Parameter known: What a file holds under those names.
    func read(_ keys: [(name: KeyName, bytes: Int)], known: [KeyReading]) async throws -> [KeyReading] {
        guard let lookup else { return known }
        var readings: [KeyReading] = []
        var small: [KeyLookup.Request] = []
        for key in keys {
            if key.bytes <= side.configuration.bigValueBytes {
                small.append(.init(key.name, bytes: key.bytes))
                continue
            }
            readings += try await digest(lookup.read(small))
            small = []
            readings.append(try await readLarge(key.name, lookup))
        }
        return readings + (try await digest(lookup.read(small)))
    }

    private func digest(_ states: [KeyState]) -> [KeyReading] {
        states.map { state in
            switch state {
            case .absent: .absent
            case .refused: KeyReading(.unreadable)
            case .present(let payload, let expiry):
                digest(payload.readableBytesSpan).map { KeyReading(.present($0, expiry: expiry)) }
                    ?? KeyReading(.unreadable)
            }
        }
    }

    private func digest(_ bytes: RawSpan) -> ValueDigest? {
        do throws(RDBError) {
            let payload = try DumpPayload(bytes)
            return try digester.value(type: payload.type, value: payload.value, version: payload.version)
        } catch {
            return nil
        }
    }

    private func readLarge(_ name: KeyName, _ lookup: KeyLookup) async throws -> KeyReading {
        digester.beginValue()
        do {
            guard let found = try await lookup.readLarge(name, into: &digester) else { return .absent }
            return KeyReading(.present(digester.finishValue(), expiry: found.expiry))
        } catch is KeyLookup.Unreadable {
            let states = try await lookup.read([.init(name, bytes: side.configuration.bigValueBytes)])
            return digest(states)[0]
        }
    }

    /// The whole values of keys of a server, for examples; `nil` for what is not there, or cannot be decoded.
    func values(of names: [KeyName]) async throws -> [KeyName: Value] {
        guard let lookup else { return [:] }
        var values: [KeyName: Value] = [:]
        for name in names {
            guard case .present(let payload, _) = try await lookup.read([.init(name, bytes: 0)])[0] else { continue }
            values[name] = Self.value(of: payload.readableBytesSpan)
        }
        return values
    }

    private static func value(of bytes: RawSpan) -> Value? {
        do throws(RDBError) {
            let payload = try DumpPayload(bytes)
            return try Value(type: payload.type, value: payload.value, version: payload.version)
        } catch {
            return nil
        }
    }
}
