"""Requests that are valid by construction: every part is made by the rules of RFC 9110, 9112 and 3986, none is parsed."""
import base64

from .cases import VALID, Case, Expected

ALPHA = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGIT = b"0123456789"
TCHAR = b"!#$%&'*+-.^_`|~" + DIGIT + ALPHA
PCHAR = ALPHA + DIGIT + b"-._~!$&'()*+,;=:@"
VCHAR = bytes(range(0x21, 0x7f))
HOST = ALPHA.lower() + DIGIT + b"-"
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH"]
OTHER_METHODS = [b"PROPFIND", b"MKCOL", b"REPORT", b"SEARCH", b"PURGE", b"LOCK", b"NOTIFY", b"M-SEARCH"]
NAMES = [b"Accept", b"Accept-Encoding", b"Accept-Language", b"User-Agent", b"Referer", b"Cookie", b"Authorization", b"Origin",
         b"If-None-Match", b"If-Modified-Since", b"Range", b"Cache-Control", b"Pragma", b"Content-Type", b"Via", b"Forwarded",
         b"From", b"Link", b"Prefer", b"Priority", b"Sec-Fetch-Mode", b"DNT", b"traceparent", b"X-Api-Key", b"Warning", b"Date"]
VALUES = [b"*/*", b"gzip, deflate, br", b"en-GB,en;q=0.5", b"Mozilla/5.0 (X11; Linux x86_64)", b"https://a.test/x?y=z#no",
          b"a=b; c=\"d e\"; f=", b"Basic dXNlcjpwYXNz", b"bytes=0-499,-1", b"W/\"x\", \"y\"", b"no-cache", b"1.1 other",
          b"for=\"[2001:db8::1]:80\";proto=http", b"Tue, 15 Nov 1994 08:12:31 GMT", b"\"quoted \\\" comma, inside\"", b"a:b:c",
          b"", b"-", b"chunked", b"HTTP/1.1", b"0", b"GET / HTTP/1.1", b"(comment (nested) \\) here)", b"caf\xc3\xa9", b"\xe9\xff\x80"]
# RFC 9110 5.3: what is no list stands in one line only. Of the usual ones these are lists.
LISTS = {b"accept", b"accept-encoding", b"accept-language", b"if-none-match", b"cache-control", b"pragma", b"via", b"forwarded", b"link",
         b"prefer", b"warning"}
TRAILERS = [b"Digest", b"Server-Timing", b"ETag", b"Content-MD5", b"grpc-status", b"grpc-message", b"X-Checksum", b"traceparent"]
# Names that mean something to HTTP itself or to the proxy are given only where the generator says what becomes of them.
SPECIAL = {b"host", b"connection", b"content-length", b"transfer-encoding", b"te", b"upgrade", b"expect", b"trailer", b"keep-alive",
           b"proxy-connection", b"max-forwards", b"http2-settings", b"x-request-id"}


def method(chance):
    if chance.in_ten(7):
        return chance.one(METHODS)
    if chance.in_ten(7):
        return chance.one(OTHER_METHODS)
    name = chance.text(TCHAR, 1, 20)
    return name + b"x" if name == b"CONNECT" else name


def escaped(chance):
    return b"%%%02X" % chance.below(256) if chance.in_ten(5) else b"%%%02x" % chance.below(256)


def segment(chance):
    if chance.in_ten(1):
        return chance.one([b".", b"..", b"", b"%2e%2e", b"%2F", b"%5c", b"a;b=c", b"..;", b"...", b":", b"@", b"a:b@c"])
    return b"".join(escaped(chance) if chance.below(12) == 0 else chance.text(PCHAR, 1, 4) for _ in range(chance.between(1, 6)))


def path(chance):
    if chance.in_ten(2):
        return b"/"
    return b"".join(b"/" + segment(chance) for _ in range(chance.between(1, 60 if chance.below(30) == 0 else 5)))


def query(chance):
    if chance.in_ten(5):
        return b""
    return b"?" + b"".join(escaped(chance) if chance.below(12) == 0 else chance.text(PCHAR + b"/?", 0, 12)
                           for _ in range(chance.between(0, 8)))


def port(chance):
    return chance.one([b"", b"", b":80", b":8080", b":443", b":65535", b":1", b":", b":00080", b":%d" % chance.between(1, 65535)])


def host(chance):
    kind = chance.below(8)
    if kind == 0:
        return b"%d.%d.%d.%d" % tuple(chance.below(256) for _ in range(4))
    if kind == 1:
        return chance.one([b"[::1]", b"[2001:db8::1]", b"[2001:DB8:0:0:1:2:3:4]", b"[::ffff:192.0.2.1]", b"[::]", b"[fe80::1]"])
    if kind == 2:
        return chance.one([b"localhost", b"a", b"EXAMPLE.com", b"example.com.", b"x_y.test", b"a%41b.test", b"xn--bcher-kva.example",
                           b"a!$&'()*+;=b", b"~.-_", b"1e3", b"0", b"a--b"])
    return b".".join(chance.text(HOST, 1, 12) for _ in range(chance.between(1, 4)))


def spaces(chance):
    return chance.one([b" ", b" ", b" ", b" ", b"", b"  ", b"\t", b" \t "])


def spelled(chance, name):
    style = chance.below(4)
    return [name, name, name.lower(), name.upper()][style]


def field_name(chance):
    if chance.in_ten(6):
        return chance.one(NAMES)
    while True:
        name = chance.text(TCHAR, 1, 24)
        if name.lower() not in SPECIAL and not name.lower().startswith((b"x-envoy", b"x-forwarded")):
            return name


def field_value(chance):
    if chance.in_ten(6):
        return chance.one(VALUES)
    if chance.below(60) == 0:
        return chance.text(VCHAR, 500, 4000)
    words = [chance.text(VCHAR + (b"\x80\xc3\xa9\xff" if chance.in_ten(1) else b""), 1, 16) for _ in range(chance.between(1, 5))]
    return chance.one([b" ", b", ", b"\t", b"; "]).join(words)


def line(chance, name, value):
    return spelled(chance, name) + b":" + spaces(chance) + value + chance.one([b"", b"", b"", b" ", b"\t", b" \t"]) + b"\r\n"


def end_to_end(chance, most, single=None):
    """Field lines, and what must arrive of them. `single`: names that may not come again, more are added."""
    lines, kept, single = [], [], set() if single is None else single
    for _ in range(chance.between(0, most)):
        name, value = field_name(chance), field_value(chance)
        if name.lower() in single:
            continue
        if name in NAMES and name.lower() not in LISTS:
            single.add(name.lower())
        lines.append(line(chance, name, value))
        kept.append((name.lower(), value))
        if chance.below(10) == 0 and name.lower() not in single:  # a list in two lines
            value = field_value(chance)
            lines.append(line(chance, name, value))
            kept.append((name.lower(), value))
    return lines, kept


def trailer_lines(chance):
    """Field lines behind a body, and what must arrive of them: fields that RFC 9110 6.5.1 lets stand there."""
    lines, kept = [], []
    for _ in range(chance.between(0, 3)):
        name, value = chance.one(TRAILERS) if chance.in_ten(5) else b"x-" + chance.text(TCHAR, 1, 12), field_value(chance)
        lines.append(line(chance, name, value))
        kept.append((name.lower(), value))
    return lines, kept


def content(chance):
    style = chance.below(8)
    if style == 0:
        return b""
    if style == 1:
        return chance.one([b"GET /inner HTTP/1.1\r\nHost: inner\r\n\r\n", b"0\r\n\r\n", b"\r\n\r\n", b"\n", b"\r", b"5\r\nhello\r\n0\r\n\r\n",
                           b"0\r\n\r\nGET /inner HTTP/1.1\r\nHost: inner\r\n\r\n", b"\x00" * 9, bytes(range(256))])
    if style == 2:
        return chance.text(bytes(range(256)), 1, 3000)
    if style == 3 and chance.below(20) == 0:
        return b"0123456789abcdef" * chance.between(1000, 6000)
    return chance.text(VCHAR + b" \r\n", 1, 200)


def chunk_extension(chance):
    if chance.in_ten(8):
        return b""
    text = b""
    for _ in range(chance.between(1, 3)):
        blank = lambda: chance.one([b"", b"", b"", b" ", b"\t"])  # noqa: E731
        text += blank() + b";" + blank() + chance.text(TCHAR, 1, 8)
        if chance.in_ten(6):
            value = chance.text(TCHAR, 1, 8) if chance.in_ten(5) else b'"' + chance.one([b"", b"a b", b'q\\"q', b"; x=1", b"\\\\", b"0"]) + b'"'
            text += blank() + b"=" + blank() + value
    return text


def chunked(chance, body, trailers):
    out, at = [], 0
    most = max(1, len(body) // chance.between(1, 6))
    while at < len(body):
        size = min(chance.between(1, most), len(body) - at)
        digits = chance.one([b"%x", b"%x", b"%X", b"0%x", b"0000%x"]) % size
        out.append(digits + chunk_extension(chance) + b"\r\n" + body[at:at + size] + b"\r\n")
        at += size
    return b"".join(out) + chance.one([b"0", b"0", b"0", b"00", b"0000"]) + chunk_extension(chance) + b"\r\n" + b"".join(trailers) + b"\r\n"


def framed(chance, body, headers):
    """Adds the framing to `headers`; the bytes after the head and the trailers that must arrive."""
    if chance.in_ten(5):
        headers.append(line(chance, b"Content-Length", chance.one([b"%d", b"%d", b"%d", b"0%d", b"000%d"]) % len(body)))
        return body, []
    headers.append(line(chance, b"Transfer-Encoding", chance.one([b"chunked", b"chunked", b"chunked", b"Chunked", b"CHUNKED"])))
    lines, kept = trailer_lines(chance) if chance.in_ten(3) else ([], [])
    if kept and chance.in_ten(5):
        headers.append(line(chance, b"Trailer", b", ".join(name for name, _ in kept)))
    return chunked(chance, body, lines), kept


def hop_by_hop(chance, headers):
    """Fields for the next hop only: none of them may arrive. May nominate a field of its own."""
    kind = chance.below(8)
    if kind == 0:
        headers.append(line(chance, b"Connection", b"keep-alive"))
        headers.append(line(chance, b"Keep-Alive", b"timeout=5"))
    elif kind == 1:
        headers.append(line(chance, b"Connection", chance.one([b"x-hop", b"X-Hop, keep-alive", b",x-hop ,", b"keep-alive,\tX-HOP"])))
        headers.append(line(chance, b"X-Hop", field_value(chance)))
    elif kind == 2:
        headers.append(line(chance, b"TE", chance.one([b"trailers", b"trailers, deflate;q=0.5", b"gzip;q=0.1"])))
        headers.append(line(chance, b"Connection", b"TE"))
    elif kind == 3:
        headers.append(line(chance, b"Proxy-Connection", b"keep-alive"))


def shuffled(chance, headers):
    """Framing, Host and hop-by-hop fields anywhere between the others, whose order stays."""
    out = []
    for header in headers:
        out.insert(chance.below(len(out) + 1), header)
    return out


def merged(chance, ordered, others):
    out = list(ordered)
    for other in others:
        out.insert(chance.below(len(out) + 1), other)
    return out


def request(chance, last=True):
    """One valid request: (bytes, Expected). One that is not the last on its connection leaves it open."""
    name, authority = method(chance), host(chance) + port(chance)
    where, seek = path(chance), query(chance)
    target = arrives = where + seek
    form = chance.below(12)
    if form == 0:
        where = b"" if chance.in_ten(3) else where
        target = chance.one([b"http://", b"HTTP://", b"hTtP://"]) + authority + where + seek
        arrives = (where or b"/") + seek
        if name == b"OPTIONS" and not where + seek:
            arrives = b"*"
    elif form == 1:
        name, target, arrives = b"OPTIONS", b"*", b"*"
    others = [line(chance, b"Host", authority)]
    most = 70 if chance.below(40) == 0 else 8
    ordered, kept = end_to_end(chance, most)
    version, rest, trailers, body = b"HTTP/1.1", b"", [], b""
    if last and chance.below(15) == 0:
        version = chance.one([b"HTTP/1.0", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/1.9"])
    may_have_body = name != b"TRACE" and version != b"HTTP/1.0"
    if may_have_body and chance.in_ten(9 if name in (b"POST", b"PUT", b"PATCH") else 3):
        body = content(chance)
        if body and chance.below(12) == 0:
            others.append(line(chance, b"Expect", chance.one([b"100-continue", b"100-Continue"])))
        rest, trailers = framed(chance, body, others)
    elif version == b"HTTP/1.0" and name == b"POST":
        body = rest = content(chance)
        others.append(line(chance, b"Content-Length", b"%d" % len(body)))
    hop_by_hop(chance, others)
    if last and chance.below(10) == 0:
        others.append(line(chance, b"Connection", chance.one([b"close", b"Close", b"close, x-none"])))
    head = name + b" " + target + b" " + version + b"\r\n"
    headers = merged(chance, ordered, shuffled(chance, others))
    wire = head + b"".join(headers) + b"\r\n" + rest
    return wire, Expected(name, arrives, authority, body, kept, trailers)


def upgrade(chance):
    """A request for a tunnel, which the backend grants."""
    authority = host(chance) + port(chance)
    lines, kept = end_to_end(chance, 4)
    if chance.in_ten(5):
        authority = host(chance) + b":%d" % chance.between(1, 65535)
        wire = b"CONNECT " + authority + b" HTTP/1.1\r\n" + line(chance, b"Host", authority) + b"".join(lines) + b"\r\n"
        return wire, Expected(b"CONNECT", authority, authority, b"", kept)
    extra = [b"Host: " + authority + b"\r\n", b"Connection: Upgrade\r\n", b"Upgrade: websocket\r\n"]
    key = base64.b64encode(chance.text(bytes(range(256)), 16, 16))
    lines.append(b"Sec-WebSocket-Key: " + key + b"\r\n")
    kept.append((b"sec-websocket-key", key))
    target = path(chance) + query(chance)
    wire = b"GET " + target + b" HTTP/1.1\r\n" + b"".join(merged(chance, lines, extra)) + b"\r\n"
    return wire, Expected(b"GET", target, authority, b"", kept)


def valid(chance):
    kind = chance.below(40)
    if kind == 0:
        wire, expected = upgrade(chance)
        return Case(VALID, "tunnel", wire, [expected])
    if kind < 9:
        pieces = [request(chance, last=False) for _ in range(chance.between(1, 3))] + [request(chance)]
        return Case(VALID, "pipelined", b"".join(wire for wire, _ in pieces), [expected for _, expected in pieces])
    wire, expected = request(chance)
    first = b"\r\n" if chance.below(50) == 0 else b""  # RFC 9112 2.2: one empty line before is to be ignored
    return Case(VALID, "single", first + wire, [expected])
