"""What is measured: for each mode, one run of ours and one of what it is compared with, each into an empty target."""

import contextlib
import json
import os
import signal
import threading
import time

from .datasets import SOURCE
from .processes import busy_cpu_seconds, run_process
from .resp import wait_until
from .servers import Server, cluster

TARGET = "valkey-8.0.1"
PAUSE = 10


class Bench:
    """The programs that are measured and the servers that they meet."""

    def __init__(self, servers, binary, raw_sender, limit, replica_load):
        self.servers = servers
        self.binary = binary
        self.raw_sender = raw_sender
        self.limit = limit
        self.replica_load = replica_load

    def target(self, options=()):
        return Server(self.servers, TARGET, options)

    @contextlib.contextmanager
    def source(self, data):
        with Server(self.servers, SOURCE, rdb=data.rdb) as source:
            if source.keys() != data.keys:
                raise AssertionError(f"the source holds {source.keys()} keys of data set {data.name}, not {data.keys}")
            yield source

    def ours(self, origin, data, targets, source=None, options=(), stall=False):
        """Runs `backfill run` and checks what it says against what the target then holds."""
        arguments = [self.binary, "run", "--from", origin, "--to", url(targets[0]), *options,
                     "--output", "json", "--progress", "none"]
        with measured(targets, source) as sample, stalled(targets[0], data.keys) if stall else unhindered() as stop:
            outcome = run_process(arguments, self.limit)
            sample.update(seconds=outcome.seconds, tool_cpu=outcome.cpu_seconds, peak_bytes=outcome.peak_bytes)
        sample["problem"] = (
            _wrong_outcome(outcome, data.keys) or _wrong_count(targets, data.keys)
            or ("the run ended before the target was stopped" if stop.missed() else None))
        return sample

    def verify(self, data, source, target, options=()):
        """Runs `backfill verify` over two servers with the same data."""
        arguments = [self.binary, "verify", "--from", url(source), "--to", url(target), *options,
                     "--output", "json", "--progress", "none"]
        with measured([target], source) as sample:
            outcome = run_process(arguments, self.limit)
            sample.update(seconds=outcome.seconds, tool_cpu=outcome.cpu_seconds, peak_bytes=outcome.peak_bytes)
        sample["problem"] = None
        if outcome.code != 0 or json.loads(outcome.output).get("coverage", {}).get("compared", data.keys) != data.keys:
            sample["problem"] = f"exit code {outcome.code}: {(outcome.errors or outcome.output)[-500:]}"
        return sample

    def drained(self, data, source, target):
        """Takes the snapshots of both servers at once, and throws them away."""
        with measured([target], source) as sample:
            drains = [Drain(server) for server in (source, target)]
            started = time.monotonic()
            for drain in drains:
                drain.start()
            for drain in drains:
                drain.join()
            sample["seconds"] = time.monotonic() - started
        sample["problem"] = next((drain.problem for drain in drains if drain.problem), None)
        return sample

    def raw(self, data):
        """The pre-encoded commands, pumped: what the target can take. Seconds run from first byte to last reply."""
        with self.target() as target:
            with measured([target]) as sample:
                outcome = run_process([self.raw_sender, target.port, data.resp, data.keys], self.limit)
                if outcome.code != 0:
                    raise ChildProcessError(f"raw-sender: {outcome.errors.strip()}")
                facts = json.loads(outcome.output)
                sample.update(seconds=facts["seconds"], tool_cpu=facts["cpu_seconds"])
            sample["problem"] = _wrong_count([target], data.keys)
        return sample

    def native(self, source, data):
        """REPLICAOF, from the command until the link is up and every key is there."""
        with self.target(["--repl-diskless-load", self.replica_load]) as target, target.client() as client:
            with measured([target], source) as sample:
                started = time.monotonic()
                client.call("REPLICAOF", "127.0.0.1", source.port)
                wait_until(lambda: client.info("replication")["master_link_status"] == "up", "link up", self.limit)
                wait_until(lambda: client.call("DBSIZE") == data.keys, "keys complete", self.limit)
                sample["seconds"] = time.monotonic() - started
            sample["problem"] = None
        return sample

    def cluster_import(self, source, data, nodes):
        """`valkey-cli --cluster import`, the whole process."""
        program = os.path.join(self.servers, TARGET, "valkey-cli")
        with measured(nodes, source) as sample:
            outcome = run_process([program, "--cluster", "import", f"127.0.0.1:{nodes[0].port}",
                                   "--cluster-from", f"127.0.0.1:{source.port}", "--cluster-copy"], self.limit)
            sample.update(seconds=outcome.seconds, tool_cpu=outcome.cpu_seconds)
        failure = f"exit code {outcome.code}: {outcome.output[-300:]}" if outcome.code else None
        sample["problem"] = failure or _wrong_count(nodes, data.keys)
        return sample


# Each mode yields two functions: one run of ours, one of the reference (None where there is nothing to compare with).


@contextlib.contextmanager
def file_mode(bench, data):
    def ours():
        with bench.target() as target:
            return bench.ours(data.rdb, data, [target])

    yield ours, lambda: bench.raw(data)


@contextlib.contextmanager
def psync_mode(bench, data):
    with bench.source(data) as source:
        def ours():
            with bench.target() as target:
                return bench.ours(url(source), data, [target], source)

        yield ours, lambda: bench.native(source, data)


@contextlib.contextmanager
def scan_mode(bench, data):
    with bench.source(data) as source:
        def ours():
            with bench.target() as target:
                return bench.ours(url(source), data, [target], source, options=["--read", "scan"])

        yield ours, lambda: bench.raw(data)


@contextlib.contextmanager
def cluster_mode(bench, data):
    with bench.source(data) as source, cluster(bench.servers, TARGET) as nodes:
        def emptied(measure):
            for node in nodes:
                with node.client() as client:
                    client.call("FLUSHALL", "SYNC")
            return measure()

        yield (lambda: emptied(lambda: bench.ours(url(source), data, nodes, source)),
               lambda: emptied(lambda: bench.cluster_import(source, data, nodes)))


@contextlib.contextmanager
def stall_file_mode(bench, data):
    def ours():
        with bench.target() as target:
            return bench.ours(data.rdb, data, [target], stall=True)

    yield ours, None


@contextlib.contextmanager
def stall_psync_mode(bench, data):
    with bench.source(data) as source:
        def ours():
            with bench.target() as target:
                return bench.ours(url(source), data, [target], source, stall=True)

        yield ours, None


@contextlib.contextmanager
def verify_mode(bench, data):
    with bench.source(data) as source, Server(bench.servers, TARGET, rdb=data.rdb) as target:
        yield (lambda: bench.verify(data, source, target), lambda: bench.drained(data, source, target))


@contextlib.contextmanager
def verify_scan_mode(bench, data):
    with bench.source(data) as source, Server(bench.servers, TARGET, rdb=data.rdb) as target:
        yield (lambda: bench.verify(data, source, target, ["--read", "scan"]), lambda: bench.raw(data))


# Mode → (how it runs, the data sets it is run on).
MODES = {
    "file": (file_mode, "ABC"),
    "psync": (psync_mode, "ABC"),
    "scan": (scan_mode, "A"),
    "cluster": (cluster_mode, "K"),
    "verify": (verify_mode, "AB"),
    "verify-scan": (verify_scan_mode, "A"),
    "stall-file": (stall_file_mode, "ABC"),
    "stall-psync": (stall_psync_mode, "ABC"),
}


def url(server):
    return f"redis://127.0.0.1:{server.port}"


@contextlib.contextmanager
def measured(targets, source=None):
    """Fills a sample with the CPU seconds of the servers, and with those of processes that have no part in it."""
    sample = {"tool_cpu": 0.0}
    busy, started = busy_cpu_seconds(), time.monotonic()
    target_cpu = sum(target.cpu_seconds() for target in targets)
    source_cpu = source.cpu_seconds() if source else 0
    yield sample
    if source:
        # A forked snapshot is in the books only once the server has waited for it.
        with source.client() as client:
            wait_until(lambda: client.info("persistence")["rdb_bgsave_in_progress"] == "0", "snapshot ended")
        sample["source_cpu"] = source.cpu_seconds() - source_cpu
    sample["target_cpu"] = sum(target.cpu_seconds() for target in targets) - target_cpu
    known = sample["tool_cpu"] + sample["target_cpu"] + sample.get("source_cpu", 0)
    elapsed = time.monotonic() - started
    # As a share of the whole machine. Ours included: the kernel's own work for the sockets lands here too.
    sample["other_load"] = max(0, busy_cpu_seconds() - busy - known) / elapsed / os.cpu_count()


class Stopper(threading.Thread):
    """Stops a target for ten seconds as soon as it holds a quarter of the keys."""

    def __init__(self, target, keys):
        super().__init__()
        self.target = target
        self.keys = keys
        self.has_stopped = False
        self.over = threading.Event()

    def missed(self):
        return not self.has_stopped

    def run(self):
        with self.target.client() as client:
            while client.call("DBSIZE") < self.keys // 4:
                if self.over.wait(0.005):
                    return
        if self.over.is_set():
            return
        self.target.process.send_signal(signal.SIGSTOP)
        self.has_stopped = True
        self.over.wait(PAUSE)
        self.target.process.send_signal(signal.SIGCONT)


class Drain(threading.Thread):
    """Reads a server's snapshot to its last byte."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.problem = None

    def run(self):
        with self.server.client() as client:
            client.call("REPLCONF", "capa", "eof", "capa", "psync2")
            client.send("PSYNC", "?", "-1")
            client.reader.readline()
            header = b""
            while not header.startswith(b"$"):
                header = client.reader.readline()
            if not header.startswith(b"$EOF:"):
                self.problem = f"no diskless snapshot: {header[:60]!r}"
                return
            marker = header[5:45]
            buffer = bytearray(1 << 20)
            tail = b""
            while not tail.endswith(marker):
                count = client.reader.readinto1(buffer)
                if not count:
                    self.problem = "the snapshot ended before its time"
                    return
                tail = (tail + buffer[max(0, count - 40):count])[-40:]


class NotStopped:
    def missed(self):
        return False


@contextlib.contextmanager
def stalled(target, keys):
    stopper = Stopper(target, keys)
    stopper.start()
    try:
        yield stopper
    finally:
        stopper.over.set()
        stopper.join()


@contextlib.contextmanager
def unhindered():
    yield NotStopped()


def _wrong_outcome(outcome, keys):
    if outcome.code != 0:
        return f"exit code {outcome.code}: {outcome.errors.strip()[-500:] or outcome.output[-500:]}"
    try:
        summary = json.loads(outcome.output)
    except ValueError:
        return f"not JSON: {outcome.output[:200]!r}"
    for count in ("read", "copied"):
        if summary.get(count) != keys:
            return f"{count} is {summary.get(count)}, not {keys}"
    return None


def _wrong_count(targets, keys):
    count = sum(target.keys() for target in targets)
    return None if count == keys else f"the target holds {count} keys, not {keys}"
