import Foundation
import Synchronization

/// A real Redis or Valkey on a free port of 127.0.0.1, with a temporary folder. It ends with this object, or the tests.
package final class TestServer: Sendable {
    /// Such as `redis-7.0.15`.
    package let name: String
    package let options: ServerOptions
    /// The server's working folder: configuration, log, what it saves.
    package let folder: String
    private let reservation: PortReservation
    private let tlsReservation: PortReservation?
    private let child = Mutex<ChildProcess?>(nil)

    /// Starts a server and waits until it answers.
    package static func start(_ name: String, _ options: ServerOptions = ServerOptions()) async throws -> TestServer {
        var attempts = 3
        while true {
            let server = try TestServer(name, options)
            do {
                try await server.launch()
                return server
            } catch let error as TestError where attempts > 1 && server.log.contains("ddress already in use") {
                _ = error
                attempts -= 1
            }
        }
    }

    private init(_ name: String, _ options: ServerOptions) throws {
        self.name = name
        self.options = options
        folder = try TestFolder.make(name)
        reservation = try PortReservation()
        tlsReservation = try options.tls.map { _ in try PortReservation() }
        if let password = options.password {
            try Data(password.utf8).write(to: URL(fileURLWithPath: folder + "/password"))
        }
        let text = configuration().joined(separator: "\n") + "\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/server.conf"))
    }

    deinit {
        kill()
        TestFolder.remove(folder)
    }

    package var port: Int { reservation.port }
    package var tlsPort: Int? { tlsReservation?.port }
    package var unixSocket: String? { options.unixSocket ? folder + "/socket" : nil }
    /// A file that holds the password, where there is one.
    package var passwordFile: String? { options.password.map { _ in folder + "/password" } }
    package var url: String { "redis://127.0.0.1:\(port)" }
    package var tlsURL: String? { tlsPort.map { "rediss://127.0.0.1:\($0)" } }
    package var unixURL: String? { unixSocket.map { "unix://\($0)" } }
    package var pid: Int32? { child.withLock { $0?.pid } }
    package var isRunning: Bool { child.withLock { $0?.exit() == nil && $0 != nil } }
    /// What it logged so far.
    package var log: String { (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "" }

    /// The version, such as [7, 0, 15].
    package var version: [Int] { name.split(separator: "-")[1].split(separator: ".").compactMap { Int($0) } }
    package var isValkey: Bool { name.hasPrefix("valkey") }
    /// Whether it has what Redis 7.0 brought.
    var isSeven: Bool { isValkey || version[0] >= 7 }

    /// Connects as the default user, with its password.
    package func client(timeout: Duration = .seconds(30)) throws -> TestClient {
        try TestClient(port: port, password: options.password, timeout: timeout)
    }

    /// SIGTERM, and SIGKILL where that does not end it within 5 seconds.
    package func stop() async throws {
        guard let running = child.withLock({ $0 }) else { return }
        running.send(SIGCONT)
        running.send(SIGTERM)
        if try await running.wait(limit: .seconds(5)) == nil { running.kill() }
        child.withLock { $0 = nil }
    }

    /// SIGKILL: nothing is saved, no connection closed in order.
    package func kill() {
        child.withLock { child in
            child?.kill()
            child = nil
        }
    }

    /// SIGSTOP: connections stay open and nothing answers.
    package func pause() { child.withLock { $0?.send(SIGSTOP) } }

    /// Ends a pause.
    package func resume() { child.withLock { $0?.send(SIGCONT) } }

    /// Starts it again on the same port, in the same folder, with the same configuration; stops it first where it runs.
    package func restart() async throws {
        try await stop()
        try await launch()
    }

    /// Polls until `condition` holds.
    /// - Throws: `TestError` with `what` and the end of the log after `limit`.
    package func wait(
        until what: String, limit: Duration = .seconds(20), _ condition: (TestClient) throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + limit
        let client = try client()
        while try !condition(client) {
            guard ContinuousClock.now < deadline else { throw TestError("\(name): not \(what) in \(limit)\n\(logEnd)") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func launch() async throws {
        let executable = "\(TestFolder.servers)/\(name)/\(isValkey ? "valkey" : "redis")-server"
        guard FileManager.default.isExecutableFile(atPath: executable) else {
            throw TestError("there is no \(executable): run scripts/servers \(name)")
        }
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        let log = open(folder + "/log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { for descriptor in [null, log] { close(descriptor) } }
        let mode = options.isSentinel ? ["--sentinel"] : []
        let started = try ChildProcess(
            executable, [folder + "/server.conf"] + mode, input: null, output: log, error: log)
        child.withLock { $0 = started }
        let deadline = ContinuousClock.now + .seconds(20)
        while (try? client().command(["PING"])) != .simple("PONG") {
            guard started.exit() == nil else { throw TestError("\(name) ended at its start\n\(logEnd)") }
            guard ContinuousClock.now < deadline else { throw TestError("\(name) does not answer\n\(logEnd)") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private var logEnd: String { String(log.suffix(1500)) }

    /// Starts a Sentinel that watches a primary and fails over by itself, a second after it is gone.
    package static func startSentinel(
        _ name: String, watching primary: TestServer, as group: String
    ) async throws -> TestServer {
        var options = ServerOptions([
            "sentinel monitor \(group) 127.0.0.1 \(primary.port) 1", "sentinel down-after-milliseconds \(group) 1000",
            "sentinel failover-timeout \(group) 5000",
        ])
        options.isSentinel = true
        return try await start(name, options)
    }

    private func configuration() -> [String] {
        var lines = ["port \(port)", "bind 127.0.0.1", "daemonize no", "dir \(folder)"]
        if options.isSentinel { return lines + options.directives }
        lines.append("save \"\"")
        lines += ["repl-diskless-sync yes", "repl-diskless-sync-delay 0"]
        if isSeven { lines.append("enable-debug-command local") }
        if let password = options.password { lines += ["requirepass \(password)", "masterauth \(password)"] }
        lines += options.users.map { "user \($0)" }
        if let tls = options.tls, let tlsPort {
            lines += ["tls-port \(tlsPort)", "tls-ca-cert-file \(tls.authority.certificate)"]
            lines += ["tls-cert-file \(tls.identity.certificate)", "tls-key-file \(tls.identity.key)"]
            lines.append("tls-auth-clients \(tls.asksClients ? "yes" : "no")")
        }
        if let unixSocket { lines.append("unixsocket \(unixSocket)") }
        if let primary = options.replicaOf { lines.append("replicaof 127.0.0.1 \(primary)") }
        if options.isClusterNode {
            // The bus takes port + 10,000, which the reservation covers; before 7.0 there is no choice.
            lines += ["cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-node-timeout 2000"]
        }
        return lines + options.directives
    }
}
