internal import NIOCore
internal import RESP

/// The connection of one big value to whichever primary serves its slot now. Used in one task alone.
final class BigValueLink {
    /// This key is refused.
    struct KeyRefused: Error { let reason: String }
    /// The target cannot take a command now.
    struct RefusedForNow: Error { let refusal: Refusal }

    let slot: HashSlot
    private let database: Int
    private let number: Int
    private let loop: any EventLoop
    private let directory: TargetDirectory
    private let control: RunControl
    private var connection: Connection?
    private var clientID: Int64?
    /// Lost connections of ours: the server may still hold commands of theirs that it has not read.
    /// Their numbers are those of that server: elsewhere they are somebody else's.
    private var formerClients: [(endpoint: Endpoint, id: Int64)] = []
    private var endpoint: Endpoint?
    /// To whom the slot is on its way.
    private var importer: Endpoint?

    private static let shortestPause = Duration.milliseconds(20)
    private static let longestPause = Duration.seconds(1)
    /// How long an interrupted run still waits for its target.
    private static let patienceWhenStopping = Duration.seconds(10)

    /// - Parameter number: Of the value, to tell what it waits for.
    init(
        to slot: HashSlot, database: Int, number: Int, on loop: any EventLoop, directory: TargetDirectory,
        control: RunControl
    ) {
        self.slot = slot
        self.database = database
        self.number = number
        self.loop = loop
        self.directory = directory
        self.control = control
    }

    /// Does something over the connection, again and again until the target lets it.
    ///
    /// - Parameter body: Is told whether it was tried before, so that it may have been done.
    /// - Throws: `KeyRefused`; `RunError` when the target does not come back.
    func attempt<Result>(_ body: (Connection, _ isAgain: Bool) async throws -> Result) async throws -> Result {
        var pause = Self.shortestPause
        var deadline = ContinuousClock.now + directory.patience
        var isAgain = false
        defer { if isAgain { control.note(nil, worker: -1 - number) } }
        while true {
            let reason: String
            do {
                return try await body(try await open(), isAgain)
            } catch let error as KeyRefused {
                throw error
            } catch let error as RunError {
                throw error
            } catch let error as ConnectionError where error.code == .authentication || error.code == .noPermission {
                throw RunError(.connection, "\(error)")
            } catch let error as RefusedForNow {
                reason = error.refusal.reason
                try await heed(error.refusal)
            } catch {
                reason = "\(error)"
                await drop()
            }
            isAgain = true
            if ContinuousClock.now >= deadline || control.targetFailure != nil {
                throw control.targetFailure
                    ?? RunError(.connection, "The target did not come back in time: \(reason)")
            }
            control.note(reason, worker: -1 - number)
            try await Task.sleep(for: pause)
            pause = min(pause * 2, Self.longestPause)
            if control.isEnding { deadline = min(deadline, ContinuousClock.now + Self.patienceWhenStopping) }
            // What says that it must be asked again is found out by the next try.
            _ = try? await directory.refresh()
        }
    }

    private func heed(_ refusal: Refusal) async throws {
        switch refusal {
        case .fatal(let reason): throw RunError(.connection, "The target refuses to go on: \(reason)")
        case .ask(let place):
            await drop()
            importer = try directory.endpoint(named: place)
        case .moved:
            importer = nil
            await drop()
        case .later, .key, .keyExists: break
        }
    }

    private func open() async throws -> Connection {
        if let connection { return connection }
        let table = await directory.table
        let endpoint = importer ?? table.destinations[table.destination(of: slot)].primary
        let connection = try await directory.connect(to: endpoint, on: loop)
        // Where it is not allowed, or the connection is gone with its server, there is nothing to end.
        self.connection = connection
        self.endpoint = endpoint
        do {
            for client in formerClients where client.endpoint == endpoint {
                _ = try await connection.send("CLIENT", "KILL", "ID", client.id)
            }
            clientID = try await connection.send("CLIENT", "ID").integer
            if database != 0 { try Self.check(try await connection.send("SELECT", database)) }
        } catch {
            await drop()
            throw error
        }
        return connection
    }

    private func drop() async {
        if let clientID, let endpoint { formerClients.append((endpoint, clientID)) }
        clientID = nil
        await connection?.close()
        connection = nil
    }

    func close() async { await drop() }

    /// That a key is missing says nothing where the slot only arrives: it may be where the slot comes from.
    func expectAtHome() throws {
        if importer != nil { throw RefusedForNow(refusal: .moved(hint: nil)) }
    }

    // MARK: Commands

    /// Commands of which the target takes all or none.
    ///
    /// - Parameter commands: Encoded, one buffer behind another.
    /// - Returns: Their replies; an error among them came when they ran.
    func transact(_ commands: [ByteBuffer], count: Int, over connection: Connection) async throws -> [Reply] {
        var start = ByteBuffer()
        var size = count + 2
        if importer != nil {
            CommandEncoder.write(["ASKING"], to: &start)
            size += 1
        }
        CommandEncoder.write(["MULTI"], to: &start)
        let end = CommandEncoder.encode("EXEC")
        let replies = try await connection.pipeline(encoded: [start] + commands + [end], count: size)
        for reply in replies.dropLast() { try Self.check(reply) }
        guard let last = replies.last, let elements = last.elements else {
            if let error = replies.last?.error {
                // The reason stands behind it.
                let cause = "\(error)".split(separator: ": ", maxSplits: 1).last ?? ""
                throw RefusedForNow(refusal: .later("the target discards what is written: \(cause)"))
            }
            throw RefusedForNow(refusal: .later("the target does not carry out what it took"))
        }
        return elements
    }

    /// One command that reads.
    func ask(_ words: any CommandArgument..., over connection: Connection) async throws -> Reply {
        var commands: [[any CommandArgument]] = [words]
        if importer != nil { commands.insert(["ASKING"], at: 0) }
        guard let reply = try await connection.pipeline(commands).last else { return .null }
        return try Self.check(reply)
    }

    @discardableResult
    private static func check(_ reply: Reply) throws -> Reply {
        guard let error = reply.error else { return reply }
        let refusal = Refusal(error.description)
        switch refusal {
        case .key(let reason): throw KeyRefused(reason: reason)
        case .keyExists: throw KeyRefused(reason: refusal.reason)
        case .later, .moved, .ask, .fatal: throw RefusedForNow(refusal: refusal)
        }
    }
}
