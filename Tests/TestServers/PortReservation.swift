import Foundation
import Synchronization

/// A port that no other test of this user takes while the reservation lives, together with the one 10,000 above it,
/// which a cluster node's bus uses. Both lie below Linux's ephemeral ports (32,768).
final class PortReservation: Sendable {
    let port: Int
    private let lock: Int32

    private static let ports = 11_000..<22_000
    private static let next = Atomic<Int>(Int(getpid()) &* 97)
    private static let folder: String = {
        let path = "/tmp/backfill-test-ports-\(getuid())"
        mkdir(path, 0o700)
        return path
    }()

    init() throws {
        for _ in Self.ports {
            let port = Self.ports.lowerBound + Self.next.add(1, ordering: .relaxed).newValue % Self.ports.count
            let lock = open("\(Self.folder)/\(port)", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard lock >= 0 else { throw TestError("cannot write into \(Self.folder)") }
            if flock(lock, LOCK_EX | LOCK_NB) == 0, Self.isFree(port), Self.isFree(port + 10_000) {
                self.port = port
                self.lock = lock
                return
            }
            close(lock)
        }
        throw TestError("no free port in \(Self.ports)")
    }

    deinit { close(lock) }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        return withLoopback(port) { bind(descriptor, $0, $1) } == 0
    }
}

/// Calls `body` with the socket address of 127.0.0.1 and `port`.
func withLoopback<T>(_ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> T) -> T {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}
