"""Load that is about connections, not requests: one handshake per request, or many connections that stay open."""
import resource
import socket
import ssl
import struct
import time

from benchmarking.load import percentiles

H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def h1_request(path):
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n".encode()


def h2_frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def h2_opening(path):
    """The preface, empty SETTINGS and one GET, its headers as literals without indexing (RFC 7541, 6.2.2)."""
    def literal(name, value):
        return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    headers = b"\x82\x86" + literal(b":authority", b"bench") + literal(b":path", path.encode())
    return H2_PREFACE + h2_frame(4, 0, 0, b"") + h2_frame(1, 5, 1, headers)


def h2_ended(data):
    """Whether these frames end stream 1."""
    at = 0
    while at + 9 <= len(data):
        length, kind, flags = int.from_bytes(data[at:at + 3], "big"), data[at + 3], data[at + 4]
        if at + 9 + length > len(data):
            return False
        if kind in (0, 1) and flags & 1 and int.from_bytes(data[at + 5:at + 9], "big") == 1:
            return True
        at += 9 + length
    return False


def h1_ended(data):
    head, mark, body = data.partition(b"\r\n\r\n")
    if not mark:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return body.endswith(b"0\r\n\r\n")


def exchange(connection, opening, ended):
    """Sends and reads to the end of the answer; True if it came and was a success."""
    connection.sendall(opening)
    data = b""
    while not ended(data):
        more = connection.recv(65536)
        if not more:
            return False
        data += more
    return ended is h2_ended or data.startswith(b"HTTP/1.1 200")


def client_context(certificates):
    context = ssl.create_default_context(cafile=certificates.authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def connect(port, context=None, session=None):
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is None:
        return connection
    return context.wrap_socket(connection, server_hostname="bench", session=session)


def handshakes(scenario, port, count, certificates):
    """One connection after the other, a request on each; (answered, errors, p50, p99) of handshake and request together."""
    context, session = client_context(certificates), None
    resumed = scenario.name == "tls-resumed"
    request, answered, times = h1_request(scenario.path), 0, []
    for i in range(count):
        started = time.monotonic()
        try:
            with connect(port, context, session) as connection:
                good = exchange(connection, request, h1_ended)
                good = good and (not resumed or session is None or connection.session_reused)
                if resumed:
                    session = connection.session
        except OSError:
            good = False
        answered += good
        times.append(f"\t200\t{int((time.monotonic() - started) * 1e6)}")
    return (answered, count - answered) + percentiles(times)


class Idle:
    """Connections that made one request each and stay open until the end of the block."""

    def __init__(self, scenario, port, certificates):
        hop = scenario.hops[0]
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        context = client_context(certificates) if hop.tls_in else None
        opening, ended = (h2_opening(scenario.path), h2_ended) if hop.listen == "h2" else (h1_request(scenario.path), h1_ended)
        self.connections, self.errors = [], 0
        for _ in range(scenario.connections):
            try:
                self.connections.append(connect(port, context))
                self.errors += not exchange(self.connections[-1], opening, ended)
            except OSError:
                self.errors += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()
