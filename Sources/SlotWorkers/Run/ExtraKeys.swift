internal import NIOCore
internal import RESP

/// Removes from the target, within the filters, what the source does not have.
///
/// The target's keys are written to files by their fingerprint's first bits, beside those of the source (``KeyLedger``),
/// and compared part by part: memory is bounded by a part, not by the keys. Where only some keys are meant, the target's
/// are not listed: no other than those is looked at.
struct ExtraKeys: Sendable {
    let plan: WritePlan
    let ledger: KeyLedger
    let directory: TargetDirectory
    let control: RunControl
    let loop: any EventLoop
    /// Asks the source whether it has keys after all, of a target database; `nil` where its snapshot is the truth.
    let sourceHas: (@Sendable (_ database: Int, _ keys: [[UInt8]]) async throws -> [Bool])?

    private static let chunk = 256
    private static let scanCount = 1000

    private struct Entry {
        let database: Int
        let key: [UInt8]
    }

    /// - Returns: How many were removed; in a dry run, how many would be.
    func remove() async throws -> Int {
        var files: [LedgerFile] = []
        for _ in 0..<KeyLedger.partitions { files.append(try LedgerFile()) }
        if let only = plan.filter.only {
            note(only, files)
        } else {
            for primary in await directory.primaries { try await list(primary, into: files) }
        }
        var removed = 0
        for (index, file) in files.enumerated() {
            if control.isEnding { break }
            let known = try ledger.fingerprints(ofPartition: index)
            var contents = try file.contents()
            var extra: [Entry] = []
            while let (high, low, database, size) = contents.readMultipleIntegers(
                as: (UInt64, UInt64, UInt32, UInt32).self),
                let key = contents.readBytes(length: Int(size))
            {
                if known.contains(KeyLedger.Fingerprint(high: high, low: low)) { continue }
                extra.append(Entry(database: Int(database), key: key))
                if extra.count == Self.chunk {
                    removed += try await remove(extra)
                    extra = []
                }
            }
            removed += try await remove(extra)
        }
        return removed
    }

    /// Whether a target database is the image of one that the filters take.
    private func isInScope(_ database: Int) -> Bool {
        if !plan.filter.databases.isEmpty {
            return plan.filter.databases.contains { plan.targetDatabase($0) == database }
        }
        return plan.databaseMap.values.contains(database) || plan.databaseMap[database] == nil
    }

    private func list(_ primary: Endpoint, into files: [LedgerFile]) async throws {
        let connection = try await directory.connect(to: primary, on: loop)
        let facts = try await ServerFacts.fetch(from: connection)
        for database in facts.keyCounts.keys.sorted() where isInScope(database) {
            if database > 0 { _ = try await connection.demand("SELECT", database) }
            var cursor = "0"
            repeat {
                let reply = try await connection.demand("SCAN", cursor, "COUNT", Self.scanCount)
                guard let parts = reply.elements, parts.count == 2, let next = parts[0].text,
                    let keys = parts[1].elements
                else {
                    throw RunError(.connection, "The target \(primary) answered SCAN with something else.")
                }
                cursor = next
                for case .bulk(let key) in keys { note(key.readableBytesSpan, database, files) }
            } while cursor != "0" && !control.isEnding
        }
        await connection.close()
    }

    /// Notes the keys that are meant; whether the target has them shows when they are removed.
    private func note(_ only: KeySelection, _ files: [LedgerFile]) {
        let databases = plan.filter.databases
        for index in 0..<only.count {
            only.withKey(at: index) { key, database, _ in
                guard databases.isEmpty || databases.contains(database), plan.targetHolds(database) else { return }
                note(key, plan.targetDatabase(database), files)
            }
        }
    }

    private func note(_ key: RawSpan, _ database: Int, _ files: [LedgerFile]) {
        guard !TemporaryKey.isOurs(key), plan.filter.matches(name: key), plan.filter.takes(slotOf: key) else { return }
        let fingerprint = ledger.fingerprint(database: database, key: key)
        var entry = ByteBuffer()
        entry.writeMultipleIntegers(fingerprint.high, fingerprint.low, UInt32(database), UInt32(key.byteCount))
        entry.writeBytes(key)
        files[KeyLedger.partition(of: fingerprint)].append(entry)
    }

    private func remove(_ entries: [Entry]) async throws -> Int {
        var removed = 0
        for (database, entries) in Dictionary(grouping: entries, by: \.database) {
            var keys = entries.map(\.key)
            if let sourceHas {
                let known = try await sourceHas(database, keys)
                keys = zip(keys, known).filter { !$1 }.map(\.0)
            }
            let table = await directory.table
            let places = Dictionary(grouping: keys) { key in
                table.destinations[table.destination(of: HashSlot(key: key))].primary
            }
            for (primary, keys) in places { removed += try await remove(keys, of: database, at: primary) }
        }
        return removed
    }

    private func remove(_ keys: [[UInt8]], of database: Int, at primary: Endpoint) async throws -> Int {
        let connection = try await directory.connect(to: primary, on: loop)
        if database > 0 { _ = try await connection.demand("SELECT", database) }
        var keys = keys
        if !plan.filter.types.isEmpty {
            let types = try await connection.pipeline(bytes: keys.map { [Array("TYPE".utf8), $0] })
            if let error = types.lazy.compactMap(\.error).first {
                await connection.close()
                throw RunError(
                    .connection,
                    "The target \(primary) does not tell the types of its keys, so none was removed: \(error)")
            }
            keys = zip(keys, types).filter { _, reply in
                plan.filter.types.contains(reply.text.flatMap(KeyType.init(rawValue:)) ?? .module)
            }.map(\.0)
        }
        guard !plan.isDryRun else {
            await connection.close()
            return keys.count
        }
        let replies = try await connection.pipeline(bytes: keys.map { [Array("UNLINK".utf8), $0] })
        await connection.close()
        if let error = replies.lazy.compactMap(\.error).first {
            throw RunError(
                .connection, "The target \(primary) does not remove keys that the source does not have: \(error)")
        }
        return replies.reduce(0) { $0 + Int(clamping: $1.integer ?? 0) }
    }
}
