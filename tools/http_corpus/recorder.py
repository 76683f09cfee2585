"""A backend that writes down every byte it is sent and answers what it could read."""
import asyncio
import base64
import hashlib
import json

from . import reader

WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3


def description(method, target, host, body):
    """What a backend saw of a request, as it tells it in the x-seen field of its answer."""
    said = {"method": method.decode("latin-1"), "target": target.decode("latin-1"), "host": host.decode("latin-1"),
            "size": len(body), "sha1": hashlib.sha1(body).hexdigest()}
    return base64.b64encode(json.dumps(said, sort_keys=True).encode())


class Recording(asyncio.Protocol):
    """One connection: `raw` is all that came; `requests` what could be read of it, `problem` why no more could be."""

    def __init__(self, log):
        self.log, self.raw, self.requests, self.at = log, b"", [], 0
        self.problem = None
        self.tunnel = self.continued = self.ended = False

    def connection_made(self, transport):
        self.transport = transport
        self.log.append(self)

    def data_received(self, data):
        self.raw += data
        while not self.tunnel and self.problem is None and self.at < len(self.raw):
            try:
                request = reader.read(self.raw, self.at)
            except reader.Incomplete:
                self.interim()
                return
            except reader.Refused as refusal:
                self.problem = str(refusal)
                self.transport.write(b"HTTP/1.1 400 Refused by the recorder\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                self.transport.close()
                return
            self.at += request.size
            self.requests.append(request)
            self.answer(request)

    def interim(self):
        if not self.continued and b"\r\n\r\n" in self.raw[self.at:] and b"\r\nexpect:" in self.raw[self.at:].lower():
            self.continued = True
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answer(self, request):
        self.continued = False
        seen = b"x-seen: " + description(request.method, request.target, request.host, request.body) + b"\r\n"
        if request.method == b"CONNECT":
            self.tunnel = True
            self.transport.write(b"HTTP/1.1 200 OK\r\n" + seen + b"\r\n")
        elif request.tunnel:
            self.tunnel = True
            protocol = request.values(b"upgrade")[0]
            for key in request.values(b"sec-websocket-key"):
                seen += b"sec-websocket-accept: " + base64.b64encode(hashlib.sha1(key + WEBSOCKET).digest()) + b"\r\n"
            self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: " + protocol + b"\r\n" + seen + b"\r\n")
        else:
            self.transport.write(b"HTTP/1.1 200 OK\r\n" + seen + b"content-length: 0\r\n\r\n")
            if request.close:
                self.transport.close()

    def eof_received(self):
        return False

    def connection_lost(self, error):
        self.ended = True

    @property
    def between(self):
        """Nothing of an unfinished request has come."""
        return self.ended or self.tunnel or self.problem is not None or self.at == len(self.raw)


async def serve(log):
    """Listens on a free port; (server, port). Connections are appended to `log`."""
    server = await asyncio.get_running_loop().create_server(lambda: Recording(log), "127.0.0.1", 0, backlog=1024)
    return server, server.sockets[0].getsockname()[1]
