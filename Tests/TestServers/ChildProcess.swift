import Foundation
import Synchronization

/// A child process by `posix_spawn`: no shell, no run loop, signals by pid and only while the pid is ours.
final class ChildProcess: Sendable {
    let pid: pid_t
    /// How it ended, once that was asked for.
    private let ended = Mutex<ProgramExit?>(nil)

    /// Held while a process starts or a pipe is made, so that no process inherits another's pipe before it is marked.
    private static let starting = Mutex(())

    /// A pipe whose ends no child inherits.
    static func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        let code = starting.withLock { _ in
            let code = Foundation.pipe(&ends)
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return code
        }
        guard code == 0 else { throw TestError("pipe: \(String(cString: strerror(errno)))") }
        return (ends[0], ends[1])
    }

    /// Starts `executable`; the descriptors become its standard streams.
    init(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:],
        input: Int32, output: Int32, error: Int32
    ) throws {
        // The reaper first: it must outlive whatever it has to end.
        let reaper = Reaper.shared
        pid = try Self.spawn(
            executable, arguments, environment: environment, input: input, output: output, error: error)
        reaper.watch(pid)
    }

    deinit { kill() }

    /// How it ended, or `nil` while it runs.
    func exit() -> ProgramExit? {
        ended.withLock { collect(&$0, WNOHANG) }
    }

    /// Sends a signal. Does nothing when it has ended.
    func send(_ signal: Int32) {
        ended.withLock { ended in
            if collect(&ended, WNOHANG) == nil { _ = Foundation.kill(pid, signal) }
        }
    }

    /// Ends it by SIGKILL and waits until it is gone.
    func kill() {
        ended.withLock { ended in
            guard collect(&ended, WNOHANG) == nil else { return }
            _ = Foundation.kill(pid, SIGKILL)
            _ = collect(&ended, 0)
        }
    }

    /// Waits for the end; `nil` when it still runs after `limit`.
    func wait(limit: Duration) async throws -> ProgramExit? {
        let deadline = ContinuousClock.now + limit
        while true {
            if let ended = exit() { return ended }
            if ContinuousClock.now >= deadline { return nil }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Starts a process that nobody watches. Descriptors other than its streams close by themselves (`O_CLOEXEC`).
    static func spawn(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:],
        input: Int32, output: Int32, error: Int32, ownGroup: Bool = false
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (descriptor, stream) in [(input, 0), (output, 1), (error, 2)] {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(stream))
        }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGPIPE, SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        if ownGroup { flags |= Int32(POSIX_SPAWN_SETPGROUP) }
        posix_spawnattr_setflags(&attributes, Int16(flags))

        let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var argumentPointers = ([executable] + arguments).map { strdup($0) } + [nil]
        var environmentPointers = merged.map { strdup("\($0)=\($1)") } + [nil]
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        var pid = pid_t()
        let code = starting.withLock { _ in
            posix_spawn(&pid, executable, &actions, &attributes, &argumentPointers, &environmentPointers)
        }
        guard code == 0 else { throw TestError("cannot start \(executable): \(String(cString: strerror(code)))") }
        return pid
    }

    private func collect(_ ended: inout ProgramExit?, _ options: Int32) -> ProgramExit? {
        if let ended { return ended }
        var status: Int32 = 0
        var result: pid_t
        repeat { result = waitpid(pid, &status, options) } while result == -1 && errno == EINTR
        guard result == pid else { return nil }
        Reaper.shared.forget(pid)
        let signal = status & 0x7f
        ended = signal == 0 ? .code((status >> 8) & 0xff) : .signal(signal)
        return ended
    }
}
