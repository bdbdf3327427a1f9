import NIOCore
import NIOPosix
import RESP
import TestServers

/// The event loop of all tests here.
let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()

extension TestServer {
    var endpoint: Endpoint { .tcp(host: "127.0.0.1", port: port) }

    func connect(_ settings: ConnectionSettings = ConnectionSettings(side: .source)) async throws -> Connection {
        try await Connection.open(endpoint, settings: settings, on: loop)
    }

    /// A replica of this server, on its way to be in sync.
    func startReplica() async throws -> TestServer {
        var options = ServerOptions()
        options.replicaOf = port
        return try await TestServer.start(name, options)
    }
}

extension ServerOptions {
    init(password: String) {
        self.init()
        self.password = password
    }
}

/// A port on which nobody listens while the server lives to which it belongs.
func unusedPort() async throws -> (port: Int, owner: TestServer) {
    let server = try await TestServer.start("valkey-9.1.2")
    server.kill()
    return (server.port, server)
}

/// Waits for a server that a test started by itself.
func connectSoon(port: Int) async throws -> Connection {
    let endpoint = Endpoint.tcp(host: "127.0.0.1", port: port)
    for _ in 0..<200 {
        do throws(ConnectionError) {
            return try await Connection.open(endpoint, settings: ConnectionSettings(side: .source), on: loop)
        } catch {
            guard error.code == .refused || error.code == .closed else { throw error }
        }
        try await Task.sleep(for: .milliseconds(50))
    }
    return try await Connection.open(endpoint, settings: ConnectionSettings(side: .source), on: loop)
}

/// What `body` throws, as a connection error.
func connectionError(_ body: () async throws -> Void) async -> ConnectionError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? ConnectionError
    }
}
