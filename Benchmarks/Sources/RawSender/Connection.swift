import Glibc

/// A TCP connection to the target, driven by hand with `poll`.
struct Connection: ~Copyable {
    private let descriptor: Int32

    /// - Parameter sendBuffer: Bytes for the kernel to hold unsent; it takes up to twice that.
    init(port: UInt16, sendBuffer: Int32) throws(Failure) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw .system("socket") }
        try set(SOL_SOCKET, SO_SNDBUF, sendBuffer)
        try set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard result == 0 else { throw .system("connect to 127.0.0.1:\(port)") }
    }

    deinit {
        _ = close(descriptor)
    }

    /// Wakes the reader only once so many bytes have come: the target replies in hundreds of small writes a second.
    func setReceiveLowWater(_ bytes: Int) throws(Failure) {
        try set(SOL_SOCKET, SO_RCVLOWAT, Int32(bytes))
    }

    /// Waits until replies have come or, where wanted, there is room to send.
    func wait(forRoom: Bool) throws(Failure) -> (hasReplies: Bool, hasRoom: Bool) {
        let events = Int16(POLLIN) | (forRoom ? Int16(POLLOUT) : 0)
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        while poll(&entry, 1, -1) < 0 {
            guard errno == EINTR else { throw .system("poll") }
        }
        // A hang-up counts as readable: the read then says what happened.
        let hasReplies = entry.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0
        return (hasReplies, entry.revents & Int16(POLLOUT) != 0)
    }

    /// Sends what fits without waiting, and returns how many bytes that were.
    func send(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> Int {
        let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
        let sent = Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags)
        guard sent < 0 else { return sent }
        guard errno == EAGAIN || errno == EINTR else { throw .system("send") }
        return 0
    }

    /// Receives what is there without waiting, and returns how many bytes that were.
    func receive(into buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        let received = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
        guard received != 0 else { throw Failure("the target closed the connection") }
        guard received < 0 else { return received }
        guard errno == EAGAIN || errno == EINTR else { throw .system("receive") }
        return 0
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) throws(Failure) {
        var value = value
        guard setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
            throw .system("setsockopt \(option)")
        }
    }
}
