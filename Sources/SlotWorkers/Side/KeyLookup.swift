package import NIOCore
package import RDBParser
internal import RESP

/// A key of one side.
package struct KeyName: Hashable, Sendable, Codable {
    package let database: Int
    package let key: [UInt8]

    package init(database: Int, key: [UInt8]) {
        self.database = database
        self.key = key
    }
}

/// What a deployment holds under a name.
package enum KeyState: Sendable {
    case absent
    /// - Parameters:
    ///   - payload: The answer to `DUMP`.
    ///   - expiry: Read in the same transaction: milliseconds since 1970; `nil` for never.
    case present(payload: ByteBuffer, expiry: Int64?)
    /// The server's words why this key cannot be had.
    case refused(String)
}

/// Reads single keys of a deployment, wherever in it they are now. For one task at a time.
package final class KeyLookup {
    /// A key to read.
    package struct Request: Sendable {
        package var name: KeyName
        /// As far as is known; decides how many are asked for at once.
        package var bytes: Int

        package init(_ name: KeyName, bytes: Int) {
            self.name = name
            self.bytes = bytes
        }
    }

    /// The servers' answer: ask elsewhere, or later.
    private struct Again: Error {
        let reason: String
    }

    private let side: DataSide
    private var deployment: Deployment
    private var connections: [Endpoint: Connection] = [:]
    private let throttle: Throttle?
    /// How long a key that is asked for may go without an answer.
    private var deadline = ContinuousClock.now
    /// What each connection has selected.
    private var databases: [Endpoint: Int] = [:]
    /// Keys that were there, and keys that were not: what our reading added to the servers' counts, times two, as value and
    /// expiry are read by a command each.
    package private(set) var found = 0
    package private(set) var absent = 0

    /// Keys, and bytes of them as far as known, that are asked for at once.
    private static let mostKeys = 64
    private static let mostBytes = 4 << 20

    /// - Returns: `nil` for a file.
    package init?(_ side: DataSide) {
        guard let deployment = side.deployment else { return nil }
        self.side = side
        self.deployment = deployment
        throttle = side.throttle
    }

    /// Reads keys; what they are in the order in which they were asked for.
    ///
    /// - Throws: `RunError` when the deployment does not answer for as long as its settings allow.
    package func read(_ requests: [Request]) async throws -> [KeyState] {
        var states: [KeyState?] = Array(repeating: nil, count: requests.count)
        deadline = ContinuousClock.now + patience
        while true {
            let left = requests.indices.filter { states[$0] == nil }
            if left.isEmpty { return states.compactMap { $0 } }
            let reason: String
            do {
                if try await read(left, of: requests, into: &states) { deadline = ContinuousClock.now + patience }
                continue
            } catch let error as Again {
                reason = error.reason
            } catch let error as ConnectionError {
                reason = error.message
            }
            guard ContinuousClock.now < deadline, !side.control.isEnding else {
                throw RunError(.connection, "The \(deployment.settings.side) does not answer any more: \(reason)")
            }
            try await Task.sleep(for: .milliseconds(100))
            await lookAgain()
        }
    }

    /// Waits until keys may be asked for; the deadline waits too.
    private func wait(forKeys keys: Int) async throws {
        guard let throttle else { return }
        let start = ContinuousClock.now
        guard await throttle.wait(forKeys: keys) else { throw Self.stopped }
        deadline += ContinuousClock.now - start
    }

    private static var stopped: RunError { RunError(.connection, "The comparison was stopped.") }

    private var patience: Duration { .nanoseconds(side.configuration.settings.replyTimeout.nanoseconds) }

    /// Reads what one server is asked for at once, of what is left.
    ///
    /// - Returns: Whether a key was read.
    private func read(_ left: [Int], of requests: [Request], into states: inout [KeyState?]) async throws -> Bool {
        guard let first = left.first else { return false }
        let database = requests[first].name.database
        let endpoint = try owner(of: requests[first].name.key)
        var chosen: [Int] = []
        var bytes = 0
        let portion = throttle?.limit.portion ?? (.max, .max)
        let most = (keys: min(Self.mostKeys, portion.keys), bytes: min(Self.mostBytes, portion.bytes))
        for index in left where chosen.count < most.keys && (chosen.isEmpty || bytes < most.bytes) {
            let request = requests[index]
            guard request.name.database == database, try owner(of: request.name.key) == endpoint else { continue }
            chosen.append(index)
            bytes += request.bytes
        }
        guard let facts = deployment.facts[endpoint] else { throw Again(reason: "\(endpoint) cannot be reached") }
        let connection = try await connect(to: endpoint, database)
        try await wait(forKeys: chosen.count)
        let answers = try await ask(connection, chosen.map { requests[$0].name.key }, facts.tellsExpiryTime)
        for (index, answer) in zip(chosen, answers) {
            var state = answer
            if case .refused(let reason) = state {
                switch Refusal(reason) {
                case .ask(let other): state = try await readElsewhere(requests[index].name, at: other)
                case .later, .moved: throw Again(reason: reason)
                case .fatal:
                    throw RunError(
                        .connection, "The \(deployment.settings.side) \(endpoint) does not let us read: \(reason)")
                case .key, .keyExists: break
                }
            }
            switch state {
            case .present(let payload, _):
                found += 1
                throttle?.limit.spend(keys: 0, bytes: payload.readableBytes)
            case .absent: absent += 1
            case .refused: break
            }
            states[index] = state
        }
        return true
    }

    private func owner(of key: [UInt8]) throws -> Endpoint {
        switch deployment.topology {
        case .standalone(let primary, _): return primary
        case .cluster(let map):
            guard let index = map[HashSlot(key: key)] else { throw Again(reason: "a slot is served by nobody") }
            return map.primaries[index].endpoint
        }
    }

    private func connect(to endpoint: Endpoint, _ database: Int) async throws -> Connection {
        let connection: Connection
        if let known = connections[endpoint] {
            connection = known
        } else {
            connection = try await Connection.open(endpoint, settings: deployment.settings, on: side.loops[0])
            // Known since 7.2: our reading then leaves the keys' age and frequency of use alone.
            _ = try await connection.send("CLIENT", "NO-TOUCH", "ON")
            connections[endpoint] = connection
            databases[endpoint] = 0
        }
        if databases[endpoint] != database {
            _ = try await connection.demand("SELECT", database)
            databases[endpoint] = database
        }
        return connection
    }

    private func ask(
        _ connection: Connection, _ keys: [[UInt8]], _ tellsExpiryTime: Bool, isAsking: Bool = false
    ) async throws -> [KeyState] {
        var buffer = ByteBuffer()
        for key in keys {
            if isAsking { CommandEncoder.write(["ASKING"], to: &buffer) }
            CommandEncoder.write(["MULTI"], to: &buffer)
            if !tellsExpiryTime { CommandEncoder.write(["TIME"], to: &buffer) }
            CommandEncoder.write(["DUMP", key], to: &buffer)
            CommandEncoder.write([tellsExpiryTime ? "PEXPIRETIME" : "PTTL", key], to: &buffer)
            CommandEncoder.write(["EXEC"], to: &buffer)
        }
        let size = (tellsExpiryTime ? 4 : 5) + (isAsking ? 1 : 0)
        let replies = try await connection.pipeline(encoded: [buffer], count: keys.count * size)
        let dialect = DumpDialect(tellsExpiryTime: tellsExpiryTime, eviction: .none)
        return keys.indices.map { state(replies[$0 * size..<($0 + 1) * size], dialect) }
    }

    /// What the replies to one key's transaction say.
    private func state(_ replies: ArraySlice<Reply>, _ dialect: DumpDialect) -> KeyState {
        guard let parts = replies.last?.elements, parts.count == (dialect.tellsExpiryTime ? 2 : 3) else {
            // What was wrong is said where a command was queued; EXEC only says that it was.
            return .refused((replies.lazy.compactMap(\.error).first).map { "\($0)" } ?? "EXEC gave no array")
        }
        let dump = parts[parts.count - 2]
        if let error = dump.error ?? parts[parts.count - 1].error { return .refused("\(error)") }
        guard let payload = dump.bytes, let reply = parts[parts.count - 1].integer else { return .absent }
        let time = dialect.tellsExpiryTime ? [] : parts[0].elements ?? []
        let seconds = time.first?.integer ?? 0
        let milliseconds = seconds * 1000 + (time.last?.integer ?? 0) / 1000
        return .present(payload: payload, expiry: dialect.expiry(reply, time: milliseconds))
    }

    /// A key whose slot is on its way to another server, which takes the question if asked to.
    private func readElsewhere(_ name: KeyName, at address: String) async throws -> KeyState {
        let endpoint = side.configuration.addressMap.apply(
            to: try Endpoint(parsing: address, defaultPort: Endpoint.defaultPort))
        let connection = try await connect(to: endpoint, name.database)
        let tells = deployment.facts[endpoint]?.tellsExpiryTime ?? true
        let state = try await ask(connection, [name.key], tells, isAsking: true)[0]
        if case .refused(let reason) = state { throw Again(reason: reason) }
        return state
    }

    /// Reads a key whose value is too big to be dumped, page by page.
    ///
    /// The pages are of different moments: what is read of a key that is written meanwhile is none of its states.
    /// - Parameter visitor: Gets the elements, in one go from `begin` to `end` unless the result says otherwise: then it
    ///   may have got a part of them.
    /// - Returns: Its expiry; `nil` when there is no such key any more.
    /// - Throws: `RunError` when the deployment does not answer; ``Unreadable`` for what only `DUMP` reads.
    package func readLarge(
        _ name: KeyName, into visitor: inout some ValueVisitor
    ) async throws -> (expiry: Int64?, Void)? {
        let endpoint = try owner(of: name.key)
        guard let facts = deployment.facts[endpoint] else { throw Unreadable(reason: "\(endpoint) cannot be reached") }
        let connection = try await Connection.open(endpoint, settings: deployment.settings, on: side.loops[0])
        _ = try await connection.send("CLIENT", "NO-TOUCH", "ON")
        if name.database > 0 { _ = try await connection.demand("SELECT", name.database) }
        let reader = BigValueReader(link: try await PageLink.open(connection, throttle), abilities: .init(facts))
        defer { reader.link.close() }
        do {
            guard let kind = try await reader.kind(of: name.key) else {
                absent += 1
                return nil
            }
            if kind == .module { throw Unreadable(reason: "a module's value") }
            found += 1
            let start = try await reader.time()
            guard
                let reading = try await reader.read(
                    name.key, kind: kind, start: start, into: &visitor, betweenPages: { _ in })
            else { return nil }
            return (reading.expiry, ())
        } catch let error as BigValueError {
            throw Unreadable(reason: error.description)
        } catch is CancellationError {
            throw Self.stopped
        }
    }

    /// A value that could not be read in pages.
    package struct Unreadable: Error {
        package let reason: String
    }

    /// Looks who serves what now.
    private func lookAgain() async {
        await close()
        guard case .server(let url) = side.configuration.location,
            let found = try? await Deployment.discover(
                url, settings: side.configuration.settings, addressMap: side.configuration.addressMap,
                known: deployment.endpoints, patience: .seconds(2), on: side.loops[0])
        else { return }
        deployment = found
    }

    /// Ends all connections; they are made again where they are needed.
    package func close() async {
        for connection in connections.values { await connection.close() }
        connections = [:]
        databases = [:]
    }
}
