internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import RESP

/// What happened at the source while it was read.
extension RunSetup {
    /// Slots that were not where they were looked for, or are served by another source primary now.
    func movedSlots(_ readers: [any Reader]) async throws -> SlotSet {
        guard let source, case .server(let url) = configuration.source, case .cluster(let before) = source.topology
        else {
            return SlotSet()
        }
        var moved = SlotSet()
        for reader in readers { moved = moved.union(reader.state.withLockedValue { $0.strayed }) }
        let now = try await Deployment.find(
            url, configuration.sourceSettings, configuration.sourceAddressMap, patience: configuration.targetPatience,
            on: loop)
        guard case .cluster(let after) = now.topology else { return moved }
        for slot in SlotSet.all.slots {
            let old = before[slot].map { before.primaries[$0].nodeID }
            let new = after[slot].map { after.primaries[$0].nodeID }
            if old != new { moved.insert(slot) }
        }
        for primary in after.primaries { moved = moved.union(try await openSlots(of: primary.endpoint, now.settings)) }
        return configuration.filter.slots.map { moved.intersection($0) } ?? moved
    }

    /// Slots of which a primary has handed over some keys and not all: the part of `CLUSTER NODES` about itself names them
    /// in brackets. None where it does not let us ask.
    private func openSlots(of primary: Endpoint, _ settings: ConnectionSettings) async throws -> SlotSet {
        let connection = try await Connection.open(primary, settings: settings, on: loop)
        let nodes = try await connection.send("CLUSTER", "NODES").text ?? ""
        await connection.close()
        return Self.openSlots(in: nodes)
    }

    static func openSlots(in nodes: String) -> SlotSet {
        var slots = SlotSet()
        for line in nodes.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 8, fields[2].split(separator: ",").contains("myself") else { continue }
            // `[93->-NODE]` and `[93-<-NODE]`
            for field in fields[8...] where field.hasPrefix("[") {
                let number = field.dropFirst().prefix { $0.isASCII && $0.isNumber }
                if let slot = Int(number).flatMap({ HashSlot($0) }) { slots.insert(slot) }
            }
        }
        return slots
    }

    /// Asks a source that is read by SCAN whether it has keys after all: one that was added while it was read must not be
    /// removed from the target. A snapshot is the truth by itself.
    var sourcePresence: (@Sendable (_ database: Int, _ keys: [[UInt8]]) async throws -> [Bool])? {
        guard let source, configuration.read == .scan else { return nil }
        let plan = context.plan
        let loop = loop
        let throttle = context.throttle
        return { database, keys in
            var origins = Set(plan.databaseMap.filter { $0.value == database }.keys)
            if plan.databaseMap[database] == nil { origins.insert(database) }
            var isThere = [Bool](repeating: false, count: keys.count)
            for (index, primary) in source.primaries.enumerated() {
                let connection = try await Connection.open(primary, settings: source.settings, on: loop)
                let mine = keys.indices.filter { key in
                    guard case .cluster(let map) = source.topology else { return true }
                    return map[HashSlot(key: keys[key])] == index
                }
                for origin in origins {
                    // A database that the source does not have holds no key.
                    if origin > 0, try await connection.send("SELECT", origin).error != nil { continue }
                    // Of a run that was stopped, all are there: none is removed any more.
                    guard await throttle?.wait(forKeys: mine.count) != false else {
                        await connection.close()
                        return keys.map { _ in true }
                    }
                    let replies = try await connection.pipeline(bytes: mine.map { [Array("EXISTS".utf8), keys[$0]] })
                    if let error = replies.lazy.compactMap(\.error).first {
                        throw RunError(
                            .connection,
                            "The source \(primary) does not tell whether it has keys, so none was removed: \(error)")
                    }
                    for (key, reply) in zip(mine, replies) where reply.integer != 0 { isThere[key] = true }
                }
                await connection.close()
            }
            return isThere
        }
    }
}

extension SourceLocation {
    var isServer: Bool {
        if case .server = self { true } else { false }
    }
}
