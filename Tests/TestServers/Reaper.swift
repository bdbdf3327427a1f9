import Foundation
import Synchronization

/// Ends what this process started, and removes its files, when the process itself ends: also by SIGKILL or a crash.
///
/// A shell waits on a pipe whose other end only we hold. When it closes, the shell kills the pids that were not
/// reported as ended and removes the temporary folder (kept where `BACKFILL_TESTS_KEEP` is set).
final class Reaper: Sendable {
    static let shared = Reaper()

    private let pipe: Int32

    private static let script = """
        trap '' INT TERM HUP
        pids=' '
        while read -r word pid; do
            case $word in
                watch) pids="$pids$pid " ;;
                forget) pids="${pids%% $pid *} ${pids#* $pid }" ;;
            esac
        done
        for pid in $pids; do kill -KILL $pid; done
        [ -n "$BACKFILL_TESTS_KEEP" ] || rm -rf "$0"
        """

    private init() {
        // A closed peer is an error of write, not the end of the tests.
        signal(SIGPIPE, SIG_IGN)
        guard let ends = try? ChildProcess.pipe() else {
            pipe = -1
            return
        }
        pipe = ends.writing
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        // In a group of its own: Ctrl-C at the terminal must not reach it.
        _ = try? ChildProcess.spawn(
            "/bin/sh", ["-c", Self.script, TestFolder.root], input: ends.reading, output: null, error: null,
            ownGroup: true)
        close(ends.reading)
        close(null)
    }

    func watch(_ pid: pid_t) { tell("watch \(pid)\n") }

    func forget(_ pid: pid_t) { tell("forget \(pid)\n") }

    /// One write of a short line: atomic on a pipe.
    private func tell(_ line: String) {
        _ = Array(line.utf8).withUnsafeBytes { write(pipe, $0.baseAddress, $0.count) }
    }
}
