import Foundation
import Synchronization

/// A small blocking RESP2 client over POSIX sockets, sharing nothing with the code that it helps to test.
package final class TestClient: Sendable {
    private struct State {
        var received: [UInt8] = []
        var position = 0
    }

    private let descriptor: Int32
    private let peer: String
    private let state = Mutex(State())

    /// Connects to 127.0.0.1. Without `username`, `password` is the one of the default user.
    /// - Parameter timeout: Longest wait for a reply; default 30 s.
    package init(port: Int, username: String? = nil, password: String? = nil, timeout: Duration = .seconds(30)) throws {
        peer = "127.0.0.1:\(port)"
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let connected = withLoopback(port) { [descriptor] in connect(descriptor, $0, $1) }
        try prepare(connected, username, password, timeout)
    }

    /// Connects to a Unix socket.
    package init(unixSocket path: String, password: String? = nil, timeout: Duration = .seconds(30)) throws {
        peer = path
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else { throw TestError("socket path too long: \(path)") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try prepare(connected, nil, password, timeout)
    }

    deinit { close(descriptor) }

    private func prepare(_ connected: Int32, _ username: String?, _ password: String?, _ timeout: Duration) throws {
        guard connected == 0 else { throw failure("connect") }
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        var limit = timeval(tv_sec: Int(timeout.components.seconds), tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        if let password {
            let reply = try command(["AUTH"] + (username.map { [$0] } ?? []) + [password])
            guard !reply.isError else { throw TestError("\(peer): \(reply.text ?? "")") }
        }
    }

    /// Sends a command and gives its reply, an error reply too.
    @discardableResult
    package func command(_ arguments: [String]) throws -> TestReply {
        try command(arguments.map { Array($0.utf8) })
    }

    /// Sends a command of bytes and gives its reply, an error reply too.
    @discardableResult
    package func command(_ arguments: [[UInt8]]) throws -> TestReply {
        try pipeline([arguments])[0]
    }

    /// Sends a command and throws when the reply is an error.
    @discardableResult
    package func require(_ arguments: String...) throws -> TestReply {
        let reply = try command(arguments)
        if case .error(let message) = reply {
            throw TestError("\(peer): \(arguments.joined(separator: " ").prefix(80)): \(message)")
        }
        return reply
    }

    /// Sends all commands together and gives a reply for each. Small enough for the socket's buffers: some 100 KB.
    @discardableResult
    package func pipeline(_ commands: [[String]]) throws -> [TestReply] {
        try pipeline(commands.map { $0.map { Array($0.utf8) } })
    }

    /// Sends all commands of bytes together and gives a reply for each.
    @discardableResult
    package func pipeline(_ commands: [[[UInt8]]]) throws -> [TestReply] {
        try state.withLock { state in
            try write(commands.flatMap(Self.encode))
            return try commands.map { _ in try reply(&state) }
        }
    }

    /// Sends bytes as they are; `receive` reads what comes back.
    package func send(raw bytes: [UInt8]) throws {
        try state.withLock { _ in try write(bytes) }
    }

    /// Reads one reply, or one pushed message of a subscription or MONITOR.
    package func receive() throws -> TestReply {
        try state.withLock { state in try reply(&state) }
    }

    /// The fields of INFO, of one section or all.
    package func info(_ section: String = "everything") throws -> [String: String] {
        let text = try require("INFO", section).text ?? ""
        let pairs = text.split(whereSeparator: \.isNewline).compactMap { line -> (String, String)? in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
        }
        return Dictionary(pairs) { first, _ in first }
    }

    private static func encode(_ arguments: [[UInt8]]) -> [UInt8] {
        arguments.reduce(into: Array("*\(arguments.count)\r\n".utf8)) { bytes, argument in
            bytes += Array("$\(argument.count)\r\n".utf8)
            bytes += argument
            bytes += [13, 10]
        }
    }

    private func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw failure("send") }
            sent += count
        }
    }

    private func fill(_ state: inout State) throws {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count != 0 else { throw TestError("\(peer) closed the connection") }
        guard count > 0 else { throw failure("receive") }
        if state.position > 1 << 20 {
            state.received.removeFirst(state.position)
            state.position = 0
        }
        state.received += chunk[..<count]
    }

    private func line(_ state: inout State) throws -> String {
        var from = state.position
        while true {
            if let end = state.received[from...].firstIndex(of: 10) {
                defer { state.position = end + 1 }
                return String(decoding: state.received[state.position..<(end - 1)], as: UTF8.self)
            }
            let searched = state.received.count - state.position
            try fill(&state)
            from = state.position + searched
        }
    }

    private func reply(_ state: inout State) throws -> TestReply {
        let line = try line(&state)
        let rest = String(line.dropFirst())
        switch line.first {
        case "+": return .simple(rest)
        case "-": return .error(rest)
        case ":":
            guard let integer = Int64(rest) else { break }
            return .integer(integer)
        case "$":
            guard let length = Int(rest) else { break }
            if length < 0 { return .bulk(nil) }
            while state.received.count - state.position < length + 2 { try fill(&state) }
            defer { state.position += length + 2 }
            return .bulk(Array(state.received[state.position..<(state.position + length)]))
        case "*":
            guard let count = Int(rest) else { break }
            return .array(count < 0 ? nil : try (0..<count).map { _ in try reply(&state) })
        default: break
        }
        throw TestError("\(peer) sent no RESP2: \(line.prefix(60))")
    }

    private func failure(_ what: String) -> TestError {
        TestError("\(peer): \(what): \(String(cString: strerror(errno)))")
    }
}
