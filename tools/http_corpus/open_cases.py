"""Cases of which only this is asked: whatever arrives means the same to everybody."""
from . import faults, grammar
from .cases import OPEN, Case

PIECES = [b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\x00", b":", b",", b";", b"0\r\n\r\n", b"Transfer-Encoding: chunked\r\n",
          b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Host: b.test\r\n", b"Connection: close\r\n", b"chunked", b"GET / HTTP/1.1\r\n",
          b"GET /inner HTTP/1.1\r\nHost: inner.test\r\n\r\n", b"HTTP/1.0", b"http://b.test/", b"//", b"/../", b"%", b"%00", b"#", b"\x0b", b"\xff", b"\"",
          b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\n", b"Connection: upgrade\r\n", b"TE: trailers\r\n", b"@", b"\\", b"1", b"f", b"\x7f", b"_"]


def tolerable(chance):
    """Outside the grammar or left to the recipient by the RFCs: it may be refused, passed on, or passed on repaired."""
    raw = chance.one([b"|", b"{", b"}", b"^", b"`", b'"', b"<", b">", b"\\", b"[", b"]", b"%", b"%zz", b"%2"])
    authority = grammar.host(chance)
    return chance.one([
        lambda: faults.plain(chance, target=grammar.path(chance) + raw + b"x"),
        lambda: faults.plain(chance, target=grammar.path(chance) + b"?a=" + raw),
        lambda: faults.plain(chance, target=b"//" + authority + grammar.path(chance)),
        lambda: faults.plain(chance, target=b"http://" + authority + b"/x", host=b"Host: other.test\r\n"),
        lambda: faults.plain(chance, target=b"https://" + authority + b"/x", host=b"Host: " + authority + b"\r\n"),
        lambda: faults.plain(chance, target=b"ftp://" + authority + b"/x", host=b"Host: " + authority + b"\r\n"),
        lambda: faults.plain(chance, host=chance.one([b"Host:\r\n", b"Host: a,b\r\n", b"Host: a.test:\r\n", b"Host: a_b\r\n", b"Host: [::1]:\r\n", b"Host: -\r\n"])),
        lambda: faults.plain(chance, b"POST", more=b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n"),
        lambda: faults.plain(chance, more=b"Expect: other\r\n"),
        lambda: faults.plain(chance, more=b"Connection: upgrade\r\nUpgrade: " + chance.one([b"h2c", b"other", b"websocket, other", b"HTTP/2.0", b""]) + b"\r\n"),
        lambda: faults.plain(chance, more=b"Connection: " + chance.one([b"transfer-encoding", b"x\x80", b"(", b"a b", b"te, upgrade", b"authorization"]) + b"\r\n"),
        lambda: b"\r\n" * chance.between(2, 4) + faults.plain(chance),
        lambda: faults.plain(chance).replace(b"\r\n", b"\n"),
        lambda: faults.plain(chance, more=b"Max-Forwards: " + chance.one([b"0", b"1", b"x", b"-1", b"99999999999"]) + b"\r\n",
                             method=chance.one([b"OPTIONS", b"TRACE", b"GET"])),
        lambda: faults.plain(chance, more=b"X-N: v\r\n" * chance.one([95, 99, 100, 101, 200])),
        lambda: faults.plain(chance, more=b"X-Long: " + b"v" * chance.one([8000, 59000, 61000, 70000]) + b"\r\n"),
        lambda: faults.plain(chance, target=b"/" + b"t" * chance.one([4000, 8200, 59000, 62000])),
        lambda: faults.plain(chance, chance.text(grammar.TCHAR, 60, 70)),
        lambda: faults.plain(chance, b"TRACE", more=b"Content-Length: 5\r\n", body=b"hello"),
        lambda: faults.plain(chance, b"POST", version=b"HTTP/1.0", host=b"", more=b"Content-Length: 5\r\n", body=b"hello"),
        lambda: faults.plain(chance, b"GET", version=b"HTTP/1.0", more=b"Connection: keep-alive\r\n") + faults.plain(chance),
        lambda: faults.plain(chance, b"POST", more=b"Content-Length: 0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"),
        lambda: faults.plain(chance, b"POST", more=b"Content-Length: 5\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", body=b"hello") + faults.plain(chance),
        lambda: faults.chunks(chance, b"5" + b";x" * chance.one([400, 600]) + b"\r\nhello\r\n0\r\n\r\n"),
        lambda: faults.chunks(chance, b"5\r\nhello\r\n0\r\nConnection: close\r\nX-T: 1\r\nTE: x\r\nAuthorization: x\r\n\r\n"),
    ])()


def mutate(chance, wire, other):
    """One to four small damages, each at a place that is likelier to matter than others."""
    for _ in range(chance.one([1, 1, 1, 2, 2, 3, 4])):
        if not wire:
            break
        marks = [i for i, byte in enumerate(wire[:2000]) if byte in b"\r\n :,;/"]
        at = chance.one(marks) if marks and chance.in_ten(6) else chance.below(len(wire))
        kind = chance.below(9)
        if kind == 0:
            wire = wire[:at] + bytes([wire[at] ^ 1 << chance.below(8)]) + wire[at + 1:]
        elif kind == 1:
            wire = wire[:at] + wire[at + chance.one([1, 1, 1, 2, 4, 30]):]
        elif kind in (2, 3):
            wire = wire[:at] + chance.one(PIECES) + wire[at:]
        elif kind == 4:
            wire = wire[:at] + bytes([chance.below(256)]) + wire[at + 1:]
        elif kind == 5:  # a line twice
            begin = wire.rfind(b"\n", 0, at) + 1
            end = wire.find(b"\n", at) + 1 or len(wire)
            wire = wire[:end] + wire[begin:end] + wire[end:]
        elif kind == 6:  # a line gone
            begin = wire.rfind(b"\n", 0, at) + 1
            end = wire.find(b"\n", at) + 1 or len(wire)
            wire = wire[:begin] + wire[end:]
        elif kind == 7:  # the end of another one
            wire = wire[:at] + other[chance.below(len(other)):]
        else:  # letters of the other case, digits of the next value
            piece = wire[at:at + 12]
            wire = wire[:at] + piece.swapcase() + wire[at + 12:] if chance.in_ten(5) else wire[:at] + piece.replace(b"1", b"2").replace(b"5", b"6") + wire[at + 12:]
    return wire


def one(chance, seeds):
    kind = chance.below(10)
    if kind == 0:
        return Case(OPEN, "tolerable", tolerable(chance))

    def parent():
        which = chance.below(4)
        if which == 0:
            return chance.one(seeds).wire
        if which == 1:
            return faults.invalid(chance).wire
        return grammar.valid(chance).wire
    return Case(OPEN, "mutation", mutate(chance, parent(), parent()))
