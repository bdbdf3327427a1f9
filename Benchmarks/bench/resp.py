"""A small RESP2 client on a blocking socket: enough to fill servers, ask them, and pass replies on as bytes."""

import socket
import time


class ReplyError(Exception):
    """An error reply of the server."""


def command(*parts):
    """The RESP bytes of one command."""
    encoded = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    pieces = [b"*%d\r\n" % len(encoded)]
    for part in encoded:
        pieces.append(b"$%d\r\n%b\r\n" % (len(part), part))
    return b"".join(pieces)


class Client:
    def __init__(self, port, timeout=600):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb", 1 << 18)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.reader.close()
        self.socket.close()

    def send(self, *parts):
        self.socket.sendall(command(*parts))

    def call(self, *parts):
        self.send(*parts)
        return self.read()

    def info(self, section):
        """The fields of one section of INFO, as text."""
        lines = self.call("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def read(self):
        """The next reply; raises ReplyError for an error."""
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise ReplyError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            if rest == b"-1":
                return None
            return self.reader.read(int(rest) + 2)[:-2]
        if kind == b"*":
            # Every element is read even when one is an error, so that the connection stays in step.
            return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
        raise ConnectionError(f"not a reply: {line!r}")


def wait_until(condition, what, seconds=60, every=0.005):
    """Polls until the condition holds, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(every)
