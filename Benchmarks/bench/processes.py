"""Runs one program and says what it cost."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

LONGEST_TEXT = 1 << 16


@dataclass
class Outcome:
    """`seconds` is the whole process, from exec to exit; `peak_bytes` its largest resident set."""

    code: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str
    errors: str


def run_process(arguments, limit):
    """Runs a program to its end; one that takes longer than `limit` seconds is killed."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        process = subprocess.Popen(list(map(str, arguments)), stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        timer = threading.Timer(limit, process.send_signal, [signal.SIGKILL])
        timer.start()
        try:
            # wait4 and not wait: its usage is of this child alone.
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            timer.cancel()
        return Outcome(process.returncode, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024,
                       _text(output), _text(errors))


def busy_cpu_seconds():
    """CPU seconds that all processes of the machine have used since it started."""
    with open("/proc/stat") as file:
        fields = list(map(int, file.readline().split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def _text(file):
    # The end is enough: an import prints a line for each key.
    file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_TEXT))
    return file.read().decode(errors="replace")
