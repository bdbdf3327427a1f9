"""A small blocking RESP2 client for the scripts beside it: standard library only, nothing of Backfill.

Bytes in, bytes out. Error replies come back as `ServerError` values when pipelined, and are raised by `command`.
"""

import binascii
import socket
import ssl


class ServerError(Exception):
    """An error reply, such as `WRONGTYPE Operation against a key holding the wrong kind of value`."""


def encode(*arguments):
    """One command in RESP2; integers and strings are written as their bytes."""
    out = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        if not isinstance(argument, bytes):
            argument = str(argument).encode()
        out.append(b"$%d\r\n%b\r\n" % (len(argument), argument))
    return b"".join(out)


def slot(key):
    """The hash slot of a key: CRC-16/XMODEM of the hash tag, or of the whole key."""
    opening = key.find(b"{")
    if opening >= 0:
        closing = key.find(b"}", opening + 1)
        if closing > opening + 1:
            key = key[opening + 1 : closing]
    return binascii.crc_hqx(key, 0) & 16383


class Access:
    """How to reach the servers of one deployment: the same password and TLS for each of its nodes."""

    def __init__(self, username=None, password=None, tls_ca=None, timeout=60):
        self.username, self.password, self.timeout = username, password, timeout
        self.tls_ca = tls_ca

    def connect(self, host, port, db=0):
        connection = Connection(host, port, self)
        if db:
            connection.command("SELECT", db)
        return connection


class Connection:
    def __init__(self, host, port, access):
        self.address = (host, port)
        try:
            self.socket = socket.create_connection((host, port), timeout=access.timeout)
        except OSError as error:
            raise ConnectionError("%s:%d: %s" % (host, port, error.strerror or error)) from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if access.tls_ca:
            context = ssl.create_default_context(cafile=access.tls_ca)
            self.socket = context.wrap_socket(self.socket, server_hostname=host)
        self.file = self.socket.makefile("rb", buffering=1 << 18)
        if access.password is not None:
            self.command("AUTH", *([access.username] if access.username else []), access.password)

    def send(self, data):
        self.socket.sendall(data)

    def replies(self, count):
        """The next `count` replies; arrays as lists, nil as None."""
        line_of, read = self.file.readline, self.file.read
        out = []
        for _ in range(count):
            line = line_of()
            if not line:
                raise ConnectionError("%s:%d closed the connection" % self.address)
            kind = line[0]
            if kind == 36:  # $
                length = int(line[1:])
                if length < 0:
                    out.append(None)
                    continue
                data = read(length + 2)
                if len(data) != length + 2:
                    raise ConnectionError("%s:%d closed the connection" % self.address)
                out.append(data[:-2])
            elif kind == 42:  # *
                length = int(line[1:])
                out.append(None if length < 0 else self.replies(length))
            elif kind == 58:  # :
                out.append(int(line[1:]))
            elif kind == 43:  # +
                out.append(line[1:-2])
            elif kind == 45:  # -
                out.append(ServerError(line[1:-2].decode(errors="replace")))
            else:
                raise ConnectionError("%s:%d sent no RESP2: %r" % (*self.address, line[:40]))
        return out

    def pipeline(self, commands):
        """Sends encoded commands together and reads a reply for each."""
        self.send(b"".join(commands))
        return self.replies(len(commands))

    def command(self, *arguments):
        self.send(encode(*arguments))
        reply = self.replies(1)[0]
        if isinstance(reply, ServerError):
            raise reply
        return reply

    def close(self):
        self.file.close()
        self.socket.close()


def info(connection, section):
    """INFO of a section as a dictionary of strings."""
    lines = connection.command("INFO", section).decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def primaries(connection):
    """What the server belongs to: `None` when it is not a cluster, else [(host, port, [(first, last)])]."""
    if info(connection, "cluster").get("cluster_enabled") != "1":
        return None
    nodes = {}
    for first, last, primary, *_ in connection.command("CLUSTER", "SLOTS"):
        host = primary[0].decode() if primary[0] else connection.address[0]
        nodes.setdefault((host, primary[1]), []).append((first, last))
    return [(host, port, ranges) for (host, port), ranges in sorted(nodes.items())]
