internal import NIOCore
internal import RESP

/// Brings a worker back after a refusal or a lost connection: waits for the target, asks for its layout, sends what is
/// open once more, in order, and opens the lanes again. Control level: rare, and so plain.
struct Recovery: Sendable {
    struct Result: Sendable {
        var table: RoutingTable
        var lanes: [Endpoint: Lane]
        var tally: Tally
        /// Set when the target did not come back; what was open is counted as failed.
        var failure: RunError?
    }

    let worker: Int
    let loop: any EventLoop
    let directory: TargetDirectory
    let control: RunControl
    let onConflict: ConflictPolicy
    let repetitions: [ReplyWindow.Repetition]
    /// Our lost connections, by server and number there: it may still hold commands of theirs that it has not read.
    let formerClients: [(endpoint: Endpoint, id: Int64)]

    /// Commands that are sent at once when the target takes them.
    private static let chunk = 256
    private static let shortestPause = Duration.milliseconds(20)
    private static let longestPause = Duration.seconds(1)
    /// How long an interrupted run still waits for its target.
    private static let patienceWhenStopping = Duration.seconds(10)

    private struct Progress {
        var waiting: ArraySlice<ReplyWindow.Repetition>
        var tally = Tally()
        var connections: [Endpoint: Connection] = [:]
        var reason = ""

        mutating func close() async {
            for connection in connections.values { await connection.close() }
            connections = [:]
        }
    }

    func run(openLanes: (RoutingTable) async throws -> [Endpoint: Lane]) async throws -> Result {
        var progress = Progress(waiting: repetitions[...])
        var pause = Self.shortestPause
        var deadline = ContinuousClock.now + directory.patience
        var isFirst = true
        while true {
            let before = progress.waiting.count
            do {
                let table = try await directory.refresh()
                if isFirst { try await endFormerClients(table, &progress) }
                isFirst = false
                try await send(&progress, table)
                await progress.close()
                if progress.waiting.isEmpty {
                    return Result(table: table, lanes: try await openLanes(table), tally: progress.tally)
                }
            } catch let error as RunError {
                return await giveUp(&progress, error)
            } catch let error as ConnectionError where error.code == .authentication || error.code == .noPermission {
                return await giveUp(&progress, RunError(.connection, "\(error)"))
            } catch {
                progress.reason = "\(error)"
            }
            await progress.close()
            let now = ContinuousClock.now
            if progress.waiting.count < before {
                pause = Self.shortestPause
                deadline = now + directory.patience
            }
            if now >= deadline || control.targetFailure != nil {
                let error = RunError(.connection, "The target did not come back in time: \(progress.reason)")
                return await giveUp(&progress, control.targetFailure ?? error)
            }
            control.note(progress.reason, worker: worker)
            try await Task.sleep(for: pause)
            pause = min(pause * 2, Self.longestPause)
            if control.isEnding { deadline = min(deadline, ContinuousClock.now + Self.patienceWhenStopping) }
        }
    }

    private func giveUp(_ progress: inout Progress, _ error: RunError) async -> Result {
        await progress.close()
        for repetition in progress.waiting where !repetition.counted {
            progress.tally.fail(repetition.command.keys, error.description)
        }
        return Result(table: await directory.table, lanes: [:], tally: progress.tally, failure: error)
    }

    private func endFormerClients(_ table: RoutingTable, _ progress: inout Progress) async throws {
        let primaries = table.primaries(ofWorker: worker)
        for client in formerClients where primaries.contains(client.endpoint) {
            // Where it is not allowed, or the connection is gone with its server, there is nothing to end.
            _ = try await connection(to: client.endpoint, &progress).send("CLIENT", "KILL", "ID", client.id)
        }
    }

    private func connection(to endpoint: Endpoint, _ progress: inout Progress) async throws -> Connection {
        if let connection = progress.connections[endpoint] { return connection }
        let connection = try await directory.connect(to: endpoint, on: loop)
        progress.connections[endpoint] = connection
        return connection
    }

    // MARK: Sending once more

    /// Sends what waits, until something is refused for now.
    private func send(_ progress: inout Progress, _ table: RoutingTable) async throws {
        // One first: a target that is still full or loading then refuses one command, not hundreds.
        var size = 1
        while !progress.waiting.isEmpty {
            let head = Array(progress.waiting.prefix(size))
            let (refused, trouble) = await send(head, table, &progress)
            progress.waiting = ArraySlice(refused + progress.waiting.dropFirst(head.count))
            if let trouble { throw trouble }
            if !refused.isEmpty { return }
            size = Self.chunk
        }
    }

    /// - Returns: What must be sent again, in order, and what went wrong on the way. All else is counted.
    private func send(
        _ commands: [ReplyWindow.Repetition], _ table: RoutingTable, _ progress: inout Progress
    ) async -> (refused: [ReplyWindow.Repetition], trouble: (any Error)?) {
        var refused: [ReplyWindow.Repetition] = []
        var touched: Set<HashSlot> = []
        var index = 0
        while index < commands.count {
            let place = endpoint(of: commands[index], table)
            var end = index + 1
            while end < commands.count, endpoint(of: commands[end], table) == place,
                commands[end].database == commands[index].database
            {
                end += 1
            }
            do {
                let run = Array(commands[index..<end])
                let replies = try await exchange(run, at: place, &progress)
                let equal = try await equality(of: run, replies, at: place, &progress)
                for (reply, isEqual) in zip(replies, equal) {
                    let command = commands[index]
                    let slot = slot(of: command)
                    switch try await outcome(of: reply, command, isEqual: isEqual, at: place, &progress) {
                    case .settled where touched.contains(slot):
                        // Once more behind the earlier one of its slot, for the order alone.
                        refused.append(
                            ReplyWindow.Repetition(command: command.command, database: command.database, counted: true))
                    case .settled: break
                    case .again(let reason):
                        progress.reason = reason
                        touched.insert(slot)
                        refused.append(command)
                    }
                    index += 1
                }
            } catch {
                return (refused + commands[index...], error)
            }
        }
        return (refused, nil)
    }

    private func slot(of repetition: ReplyWindow.Repetition) -> HashSlot {
        HashSlot(key: repetition.command.keys.first ?? [])
    }

    private func endpoint(of repetition: ReplyWindow.Repetition, _ table: RoutingTable) -> Endpoint {
        table.destinations[table.destination(of: slot(of: repetition))].primary
    }

    private func exchange(
        _ commands: [ReplyWindow.Repetition], at endpoint: Endpoint, _ progress: inout Progress
    ) async throws -> [Reply] {
        let connection = try await connection(to: endpoint, &progress)
        try await select(commands[0].database, on: connection)
        return try await connection.pipeline(bytes: commands.map(\.command.arguments))
    }

    private func select(_ database: Int, on connection: Connection) async throws {
        let reply = try await connection.send("SELECT", database)
        // A cluster of one database refuses even SELECT 0 on some versions.
        guard let error = reply.error, database != 0 else { return }
        if Refusal(error.description).isTemporary { throw error }
        throw RunError(.connection, "The target \(connection.endpoint) refuses SELECT \(database): \(error)")
    }

    private enum Outcome {
        case settled
        case again(reason: String)
    }

    /// - Parameter isEqual: Whether a key that exists is what the command would have made it.
    private func outcome(
        of reply: Reply, _ repetition: ReplyWindow.Repetition, isEqual: Bool, at endpoint: Endpoint,
        _ progress: inout Progress
    ) async throws -> Outcome {
        if Self.tellsOfExisting(reply, repetition) {
            settleExisting(repetition, isEqual: isEqual, &progress)
            return .settled
        }
        guard let error = reply.error else {
            if !repetition.counted { progress.tally.copied += repetition.command.keys.count }
            return .settled
        }
        switch Refusal(error.description) {
        case .keyExists: return .settled
        case .key(let reason):
            if !repetition.counted { progress.tally.fail(repetition.command.keys, reason) }
            return .settled
        case .fatal(let reason):
            throw RunError(.connection, "The target \(endpoint) refuses to go on: \(reason)")
        case .ask(let place): return try await ask(place, repetition, &progress)
        case let refusal: return .again(reason: refusal.reason)
        }
    }

    private func ask(
        _ place: String, _ repetition: ReplyWindow.Repetition, _ progress: inout Progress
    ) async throws -> Outcome {
        let endpoint = try directory.endpoint(named: place)
        let connection = try await connection(to: endpoint, &progress)
        let replies = try await connection.pipeline(bytes: [[Array("ASKING".utf8)], repetition.command.arguments])
        guard let reply = replies.last else { return .again(reason: "slot is being moved") }
        if let error = reply.error, Refusal(error.description).isTemporary {
            return .again(reason: Refusal(error.description).reason)
        }
        let equal = try await equality(of: [repetition], [reply], at: endpoint, &progress)
        return try await outcome(of: reply, repetition, isEqual: equal[0], at: endpoint, &progress)
    }

    // MARK: Keys that exist

    /// Whether a reply says that the key is there, and was left.
    private static func tellsOfExisting(_ reply: Reply, _ repetition: ReplyWindow.Repetition) -> Bool {
        if let error = reply.error { return Refusal(error.description) == .keyExists }
        return reply.isNull && repetition.command.name == "SET"
    }

    /// A key that is there may be our own write, whose reply was lost. For each command: whether it is there and equal.
    private func equality(
        of repetitions: [ReplyWindow.Repetition], _ replies: [Reply], at endpoint: Endpoint, _ progress: inout Progress
    ) async throws -> [Bool] {
        var equal = [Bool](repeating: false, count: repetitions.count)
        let existing = repetitions.indices.filter {
            $0 < replies.count && !repetitions[$0].counted && Self.tellsOfExisting(replies[$0], repetitions[$0])
        }
        guard !existing.isEmpty else { return equal }
        let check = ExistingKey(
            connection: try await connection(to: endpoint, &progress), temporaryKey: directory.temporaryKey)
        for (index, isEqual) in zip(existing, try await check.equal(existing.map { repetitions[$0].command })) {
            equal[index] = isEqual
        }
        return equal
    }

    private func settleExisting(_ repetition: ReplyWindow.Repetition, isEqual: Bool, _ progress: inout Progress) {
        guard !repetition.counted, let key = repetition.command.keys.first else { return }
        if isEqual {
            progress.tally.copied += 1
        } else {
            progress.tally.settle(existing: [key], onConflict)
        }
    }
}
