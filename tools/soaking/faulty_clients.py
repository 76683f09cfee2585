"""Clients of the faulty backend: each knows which answers the fault that it asked for explains."""
import asyncio
import collections
import os
import random
import ssl

from soaking.faulty_backend import BODY

WHOLE, CUT = "200, whole", "cut"
# What a fault explains, beside being killed. A stalled answer waits for the route's timeout, hence fewer of these.
EXPLAINS = {
    "ok": {WHOLE}, "chunked": {WHOLE}, "slow": {WHOLE}, "interim": {WHOLE}, "after": {WHOLE}, "early": {WHOLE},
    "stall": {"504"}, "stall-body": {CUT}, "reset": {"503", "502"}, "reset-body": {CUT}, "close": {"503", "502"}, "cut": {CUT},
    "cut-chunked": {CUT}, "bad-chunk": {CUT}, "garbage": {"502", "503"}, "huge-head": {"502", "503"}, "two-lengths": {"502", "503"},
    "unasked-101": {"502", "503"}, "half-head": {"502", "503"},
}
# Of a backend that is killed, stopped or starts at this moment.
OF_ABSENCE = {WHOLE, CUT, "502", "503", "504"}
FAULTS = [fault for fault in EXPLAINS for _ in range(1 if "stall" in fault else 4)]
PATIENCE = 30


class Wrong(Exception):
    """An answer that cannot be: the text says why."""


async def read_response(reader):
    """What the client says of one answer. Raises at the end of the connection before the head."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        if status >= 200 or status == 101:
            break
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    try:
        if "chunked" in fields.get("transfer-encoding", ""):
            body = b""
            while (size := int((await reader.readline()).split(b";")[0], 16)) > 0:
                body += (await reader.readexactly(size + 2))[:-2]
            while await reader.readline() not in (b"\r\n", b""):
                pass
        else:
            body = await reader.readexactly(int(fields.get("content-length", 0)))
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        return CUT, False
    if status == 200 and body != BODY:
        raise Wrong(f"200 with {len(body)} other bytes, not cut")
    return WHOLE if status == 200 else str(status), fields.get("connection") != "close"


class Clients:
    """`absent(begin, end)`: whether the backend was away at some time between."""

    def __init__(self, plain, secure, authority, absent, seed):
        self.plain, self.secure, self.absent = plain, secure, absent
        self.tls = ssl.create_default_context(cafile=authority)
        self.tls.check_hostname = False
        self.random = random.Random(seed)
        self.ending = False
        self.seen = collections.Counter()
        self.wrong = []

    async def run(self, seconds):
        loop = asyncio.get_running_loop()
        end = loop.call_later(seconds, lambda: setattr(self, "ending", True))
        ways = [self.http1] * 6 + [self.http1_tls] * 3 + [self.http2] * 2 + [self.websocket] * 3
        await asyncio.gather(*(self.forever(way) for way in ways))
        end.cancel()

    async def forever(self, way):
        while not self.ending:
            try:
                await asyncio.wait_for(way(), PATIENCE * 4)
            except (OSError, EOFError, asyncio.TimeoutError, Wrong, ValueError) as error:
                self.wrong.append(f"{way.__name__}: {type(error).__name__} {error}")
            await asyncio.sleep(self.random.uniform(0.01, 0.1))

    def judge(self, way, fault, began, outcome):
        now = asyncio.get_running_loop().time()
        self.seen[f"{way} {fault}: {outcome}"] += 1
        allowed = EXPLAINS[fault] | (OF_ABSENCE if self.absent(began, now) else set())
        if outcome not in allowed:
            self.wrong.append(f"{way} {fault}: {outcome} after {now - began:.1f} s; explained: {sorted(allowed)}")

    async def http1(self, tls=None, way="h1"):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.secure if tls else self.plain, ssl=tls, limit=1 << 20)
        try:
            for _ in range(self.random.randrange(1, 10)):
                fault, began = self.random.choice(FAULTS), asyncio.get_running_loop().time()
                body = os.urandom(self.random.choice((0, 10, 100_000)))
                method = "POST" if body else "GET"
                head = f"{method} /fault/{fault} HTTP/1.1\r\nhost: soak\r\n"
                writer.write((head + (f"content-length: {len(body)}\r\n" if body else "") + "\r\n").encode() + body)
                try:
                    outcome, keeps = await asyncio.wait_for(read_response(reader), PATIENCE)
                except (asyncio.IncompleteReadError, ConnectionError):
                    outcome, keeps = "nothing", False
                self.judge(way, fault, began, outcome)
                if not keeps:
                    return
                await asyncio.sleep(self.random.choice((0, 0.01)))
        finally:
            writer.close()

    async def http1_tls(self):
        await self.http1(self.tls, "h1 over TLS")

    async def http2(self):
        fault, began = self.random.choice(FAULTS), asyncio.get_running_loop().time()
        words = ["curl", "-s", "--http2-prior-knowledge", "-o", "-", "-w", "%{stderr}%{http_code}", "--max-time", str(PATIENCE),
                 f"http://127.0.0.1:{self.plain}/fault/{fault}"]
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        body, status = await process.communicate()
        status = status.decode()
        if process.returncode == 0 and status == "200" and body != BODY:
            raise Wrong(f"h2 {fault}: 200 with {len(body)} other bytes, not cut")
        whole = WHOLE if status == "200" else status
        self.judge("h2", fault, began, whole if process.returncode == 0 else CUT if process.returncode in (18, 92, 56) else
                   f"curl's error {process.returncode}")

    async def websocket(self):
        """Bytes there and back for a while; the backend is not killed for it: it has its own route."""
        began = asyncio.get_running_loop().time()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.plain)
        try:
            writer.write(b"GET /socket HTTP/1.1\r\nhost: soak\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise Wrong(f"no upgrade: {head[:60]}")
            for _ in range(self.random.randrange(1, 40)):
                piece = os.urandom(self.random.randrange(1, 50_000))
                writer.write(piece)
                if await asyncio.wait_for(reader.readexactly(len(piece)), PATIENCE) != piece:
                    raise Wrong("other bytes came back")
                await asyncio.sleep(self.random.uniform(0, 0.2))
            self.seen["websocket: echoed"] += 1
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Wrong(f"websocket cut after {asyncio.get_running_loop().time() - began:.1f} s: {error}") from error
        finally:
            writer.close()
