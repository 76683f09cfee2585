"""An HTTP/1.1 backend that does what the request's path says: /fault/NAME. Prints its port.

It may be killed and started again at the same port: faulty_backend.py [PORT].
"""
import asyncio
import os
import socket
import struct
import sys

BODY = bytes(range(256)) * 64
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


async def read_request(reader):
    """(method, path, fields) with its body read; None at the end."""
    line = await reader.readline()
    if not line:
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    fields = {}
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()
    return method, path, fields


async def read_body(reader, fields):
    if "content-length" in fields:
        await reader.readexactly(int(fields["content-length"]))
    elif fields.get("transfer-encoding") == "chunked":
        while (size := int((await reader.readline()).split(b";")[0], 16)) > 0:
            await reader.readexactly(size + 2)
        while await reader.readline() not in (b"\r\n", b""):
            pass


def reset(writer):
    """Closing sends RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Ended(Exception):
    """The connection is to be closed now."""


async def say(writer, *parts):
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.002)


async def echo(reader, writer):
    await say(writer, b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    raise Ended


async def answer(fault, reader, writer):
    """Raises Ended where the fault ends the connection."""
    whole = HEAD % len(BODY)
    if fault == "ok":
        return await say(writer, whole + BODY)
    if fault == "chunked":
        return await say(writer, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"4000\r\n" + BODY + b"\r\n", b"0\r\nx-end: 1\r\n\r\n")
    if fault == "slow":
        await say(writer, whole)
        for i in range(0, len(BODY), 1024):
            await say(writer, BODY[i:i + 1024])
        return None
    if fault == "interim":
        return await say(writer, *[b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"] * 20, whole + BODY)
    if fault in ("stall", "stall-body"):
        await say(writer, *([] if fault == "stall" else [whole, BODY[:1000]]))
        await asyncio.sleep(60)
    elif fault in ("reset", "reset-body"):
        await say(writer, *([] if fault == "reset" else [whole, BODY[:1000]]))
        reset(writer)
    elif fault == "cut":
        await say(writer, whole + BODY[:1000])
    elif fault == "cut-chunked":
        await say(writer, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4000\r\n" + BODY + b"\r\n")
    elif fault == "bad-chunk":
        await say(writer, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4000\r\n" + BODY + b"\r\n", b"xyz\r\n")
    elif fault == "after":
        await say(writer, whole + BODY + os.urandom(100))
    elif fault == "garbage":
        await say(writer, os.urandom(200))
    elif fault == "huge-head":
        await say(writer, b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000)
    elif fault == "two-lengths":
        await say(writer, b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx")
    elif fault == "unasked-101":
        await say(writer, b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    elif fault == "half-head":
        await say(writer, b"HTTP/1.1 200 OK\r\ncontent-le")
    raise Ended  # "close" does no more than this


async def serve(reader, writer):
    try:
        while (request := await read_request(reader)) is not None:
            fault = request[1].rpartition("/")[2]
            if request[2].get("upgrade") == "websocket":
                await echo(reader, writer)
            if fault != "early":
                await read_body(reader, request[2])
                await answer(fault, reader, writer)
            else:
                await answer("ok", reader, writer)
                await read_body(reader, request[2])
    except (Ended, OSError, ValueError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
