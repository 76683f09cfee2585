"""Sends bytes on a connection of their own and reads answers until the other side closes it."""
import asyncio
import base64
import json
import re


class Sender(asyncio.Protocol):
    def __init__(self, data, half_close):
        self.data, self.half_close, self.got = data, half_close, b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.data)
        if self.half_close:
            transport.write_eof()

    def data_received(self, data):
        self.got += data

    def eof_received(self):
        return False

    def connection_lost(self, error):
        if not self.done.done():
            self.done.set_result(None)


async def exchange(port, data, half_close, patience, source=None):
    """(the answers' bytes, whether the connection was closed in time)."""
    loop = asyncio.get_running_loop()
    transport, sender = await loop.create_connection(lambda: Sender(data, half_close), "127.0.0.1", port,
                                                        local_addr=(source, 0) if source else None)
    try:
        await asyncio.wait_for(asyncio.shield(sender.done), patience)
        return sender.got, True
    except asyncio.TimeoutError:
        return sender.got, False
    finally:
        transport.abort()


def answers(data, heads=()):
    """The final answers in `data` as (status, what x-seen says or None). `heads`: the methods asked, for answers without a body."""
    found, at = [], 0
    while True:
        match = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[^\r\n]*\r\n").match(data, at)
        end = data.find(b"\r\n\r\n", at)
        if match is None or end < 0:
            return found
        head, status = data[at:end + 2], int(match.group(1))
        at = end + 4
        if status < 200 and status != 101:
            continue
        seen = re.search(rb"\r\nx-seen: ([A-Za-z0-9+/=]+)\r\n", head, re.I)
        asked = heads[len(found)] if len(found) < len(heads) else b""
        found.append((status, json.loads(base64.b64decode(seen.group(1))) if seen else None))
        length = re.search(rb"\r\ncontent-length: ([0-9]+)\r\n", head, re.I)
        if length and asked != b"HEAD" and status not in (204, 304):
            at += int(length.group(1))
