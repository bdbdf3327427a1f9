"""Real servers for the length of a measurement: started on free loopback ports in folders of their own, and always
stopped by the process ID that we started."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile

from .resp import Client, ReplyError, wait_until

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    """A port that nobody listens on now, low enough for a cluster bus beside it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One running server. `name` is a folder of the servers folder, such as `valkey-8.0.1`."""

    def __init__(self, servers, name, options=(), rdb=None):
        self.program = os.path.join(servers, name, name.split("-")[0] + "-server")
        if not os.path.exists(self.program):
            raise FileNotFoundError(f"{self.program}: no such server; BACKFILL_SERVERS names their folder")
        self.name = name
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="backfill-bench-")
        if rdb:
            # A link to a file that is only read: the server is told never to save.
            os.symlink(os.path.abspath(rdb), os.path.join(self.folder, "dump.rdb"))
        arguments = ["--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                     "--appendonly", "no", "--daemonize", "no", "--repl-diskless-sync", "yes",
                     "--repl-diskless-sync-delay", "0", *options]
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen([self.program, *map(str, arguments)], stdout=log, stderr=log,
                                            cwd=self.folder)
        try:
            wait_until(self._is_ready, f"{name} ready", seconds=300)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def client(self):
        return Client(self.port)

    def keys(self):
        with self.client() as client:
            return client.call("DBSIZE")

    def cpu_seconds(self):
        """CPU seconds of the process and of its children that have ended and been waited for (forked snapshots)."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / CLOCK_TICKS

    def _is_ready(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "log"), errors="replace") as log:
                raise ChildProcessError(f"{self.name} ended at its start:\n{log.read()[-2000:]}")
        try:
            with self.client() as client:
                return client.call("PING") == b"PONG"
        except (OSError, ReplyError):
            return False


@contextlib.contextmanager
def cluster(servers, name, primaries=3):
    """A cluster of so many primaries without replicas, its slots spread evenly."""
    with contextlib.ExitStack() as stack:
        nodes = []
        for _ in range(primaries):
            options = ["--cluster-enabled", "yes", "--cluster-port", free_port(), "--cluster-node-timeout", 15000]
            nodes.append(stack.enter_context(Server(servers, name, options)))
        for index, node in enumerate(nodes):
            with node.client() as client:
                first, last = 16384 * index // primaries, 16384 * (index + 1) // primaries - 1
                client.call("CLUSTER", "ADDSLOTSRANGE", first, last)
                client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
                bus = nodes[0].process.args[nodes[0].process.args.index("--cluster-port") + 1]
                if index > 0:
                    client.call("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, bus)
        wait_until(lambda: all(_is_whole(node, primaries) for node in nodes), "cluster whole", every=0.05)
        yield nodes


def _is_whole(node, primaries):
    with node.client() as client:
        lines = client.call("CLUSTER", "INFO").decode().splitlines()
    return "cluster_state:ok" in lines and f"cluster_size:{primaries}" in lines
