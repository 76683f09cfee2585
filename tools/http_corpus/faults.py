"""Requests that are wrong by construction: a valid frame with exactly one fault that no recipient may pass on."""
from . import grammar
from .cases import INVALID, Case

CONTROLS = [bytes([c]) for c in list(range(0, 9)) + [11, 12] + list(range(14, 32)) + [127]]


def fields(chance, single=None):
    return b"".join(grammar.end_to_end(chance, 3, single)[0])


def plain(chance, method=b"GET", target=None, version=b"HTTP/1.1", host=b"Host: a.test\r\n", more=b"", body=b""):
    """A request of which single parts are replaced by wrong ones. The parts that are not given are right."""
    target = grammar.path(chance) if target is None else target
    single = set()
    before, after = fields(chance, single), fields(chance, single)
    return method + b" " + target + b" " + version + b"\r\n" + before + host + more + after + b"\r\n" + body


def chunks(chance, body, more=b""):
    return plain(chance, chance.one([b"POST", b"PUT", b"GET"]), more=more + b"Transfer-Encoding: chunked\r\n", body=body)


def request_line(chance):
    bad = chance.one([b"(", b")", b"/", b":", b"@", b"[", b'"', b"\\", b"{", b"\xe9", b","] + CONTROLS)
    method = b"GE" + bad + b"T"
    return chance.one([
        lambda: plain(chance, method),
        lambda: plain(chance, b""),
        lambda: plain(chance, b" GET"),
        lambda: plain(chance, b"GET "),
        lambda: plain(chance, b"GET\t"),
        lambda: plain(chance, target=b""),
        lambda: plain(chance, target=grammar.path(chance) + b" " + grammar.path(chance)),
        lambda: plain(chance, target=grammar.path(chance) + chance.one([b"\t", b"\x0b", b"\x0c", b"\xa0"] + CONTROLS) + b"x"),
        lambda: plain(chance, target=grammar.path(chance) + b"#part"),
        lambda: plain(chance, target=grammar.path(chance) + chance.one([b"\xc3\xa9", b"\x80", b"\xff"])),
        lambda: plain(chance, target=chance.one([b"a.test", b"a/b", b"?a=b", b"**", b"*/x", b"%2Fa", b"..", b"\\a", b":80"])),
        lambda: plain(chance, b"GET", b"*"),
        lambda: b"GET " + grammar.path(chance) + b"\r\nHost: a.test\r\n\r\n",  # HTTP/0.9 with a head
        lambda: b"GET " + grammar.path(chance) + b"\r\n\r\n",
        lambda: b"GET\r\nHost: a.test\r\n\r\n",
    ])()


def version(chance):
    wrong = [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3", b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/11", b"HTTP/1.1.1", b"HTTP/1.10", b"http/1.1",
             b"Http/1.1", b"HTTP/+1.1", b"HTTP/-1.1", b"HTTP/ 1.1", b"HTTP /1.1", b"HTTP/1 .1", b"HTTP/1,1", b"HTTP/01.1", b"HTTPS/1.1",
             b"HTTP/1.1 x", b"HTTP/1.1 ", b" HTTP/1.1", b"HTTP/1.1\t", b"\tHTTP/1.1", b"HTTP\\1.1", b"HTP/1.1", b"HTTP/1.a", b"HTTP/a.1",
             b"ICY/1.1", b"HTTP/\xb1.1", b"HTTP/1.1\x00", b"HTTP/9.9"]
    return plain(chance, version=chance.one(wrong))


def host(chance):
    name = chance.one([b"Host", b"host", b"HOST"])
    wrong = [b"a:80:80", b"[::1", b"::1", b"[::1]a", b"[::1]:x", b"a:x", b"a:65536", b"a:-1", b"a:+80", b"a: 80", b"a :80", b"a b", b"a\tb",
             b"a/b", b"a?b", b"a#b", b"a@b", b"user@a.test", b"user:pass@a.test", b"a\\b", b"a%", b"a%4", b"a%zz", b"a<b", b"a\"b", b"a^b",
             b"a|b", b"a`b", b"a{b}", b"[]", b"[a.test]", b"[1.2.3.4]", b"[::1]]", b"[[::1]]", b"[::1%25lo]", b"[::1::]", b"[1:2:3]",
             b"[:::1]", b"[12345::]", b"a]", b"http://a.test", b"a.test/", b"\xc3\xa9.test", b"a\xa0b", b":80", b":", b"[v1.x", b"a:999999"]
    return chance.one([
        lambda: plain(chance, host=name + b": " + chance.one(wrong) + b"\r\n"),
        lambda: plain(chance, host=name + b": " + chance.one(wrong) + b"\r\n"),
        lambda: plain(chance, host=name + b": " + chance.one(wrong) + b"\r\n"),
        lambda: plain(chance, host=b""),
        lambda: plain(chance, host=b"Host: a.test\r\n" + fields(chance) + b"hOST: " + chance.one([b"b.test", b"a.test", b""]) + b"\r\n"),
        lambda: plain(chance, host=b"X-Host: a.test\r\n"),
        lambda: plain(chance, target=b"http://a.test/x", host=b""),
        lambda: plain(chance, target=b"http://a.test/x", host=b"Host: a.test\r\nHost: a.test\r\n"),
    ])()


def absolute(chance):
    wrong = [b"http://", b"http:///x", b"http:/x", b"http:x", b"http//a.test/", b"://a.test/", b"http://user@a.test/", b"http://a.test:x/",
             b"http://a.test:80:80/", b"http://[::1/", b"http://::1/", b"http://a b/", b"http://a.test#x", b"http://@a.test/", b"http://?x",
             b"http://a.test\\@b.test/", b"http://a.test:99999/", b"http://a%zz/", b"1http://a.test/", b"http ://a.test/", b"http://a,b@c/"]
    return plain(chance, target=chance.one(wrong))


def field_line(chance):
    bad = chance.one([b" ", b"\t", b"(", b")", b"/", b"@", b"[", b"]", b'"', b"\\", b"{", b"}", b"<", b">", b"=", b"?", b",", b";", b"\xe9",
                      b"\x80"] + CONTROLS)
    lines = [
        lambda: b"X-A" + bad + b"B: c\r\n",
        lambda: b"X-A" + chance.one([b" ", b"\t", b"  "]) + b": b\r\n",
        lambda: chance.one([b"Host", b"Content-Length", b"Transfer-Encoding"]) + chance.one([b" ", b"\t", b"\x0b"]) + b": 1\r\n",
        lambda: b": novalue\r\n",
        lambda: b"no colon\r\n",
        lambda: b"nocolon\r\n",
        lambda: b"X-A: b" + chance.one(CONTROLS) + b"c\r\n",
        lambda: b"X-A: b\rc\r\n",
        lambda: b"X-A: b\r\r\n",
        lambda: b"X-A: b\rX-C: d\r\n",
        lambda: b"X-A: b\x00\r\n",
    ]
    return plain(chance, more=chance.one(lines)())


def folded(chance):
    """Folding, which RFC 9112 5.2 has a server refuse or repair: as it came it may not go on. And lines before the first field."""
    return chance.one([
        lambda: plain(chance, host=chance.one([b" ", b"\t"]) + b"Host: a.test\r\n", more=b"Host: b.test\r\n"),
        lambda: plain(chance, more=b"X-A: b\r\n" + chance.one([b" ", b"\t", b"  "]) + b"c: d\r\n"),
        lambda: plain(chance, more=b"Transfer-Encoding:\r\n chunked\r\n", body=b"0\r\n\r\n"),
        lambda: plain(chance, more=b"X-A: b\r\n \r\n"),
        lambda: b"GET / HTTP/1.1\r\n X-A: b\r\nHost: a.test\r\n\r\n",
    ])()


def length(chance):
    wrong = [b"+5", b"-5", b"0x5", b"5 5", b"5,5", b"5, 5", b"5,6", b"5;", b"5.0", b"five", b"", b"5a", b"a5", b"\xb5", b"1e1", b"5\x0b", b"5,",
             b",5", b"'5'", b'"5"', b"18446744073709551621", b"9223372036854775813", b"99999999999999999999999", b"5\t5", b"--5", b"_5", b"5_0"]
    name = chance.one([b"Content-Length: ", b"content-length:", b"CONTENT-LENGTH: "])
    return chance.one([
        lambda: plain(chance, b"POST", more=name + chance.one(wrong) + b"\r\n", body=b"hello"),
        lambda: plain(chance, b"POST", more=name + chance.one(wrong) + b"\r\n", body=b"hello"),
        lambda: plain(chance, b"POST", more=name + b"5\r\n" + fields(chance) + name + chance.one([b"5", b"6", b"0", b"05"]) + b"\r\n", body=b"hello"),
        lambda: plain(chance, b"GET", more=name + b"0\r\n" + name + b"0\r\n"),
    ])()


def coding(chance):
    wrong = [b"identity", b"chunked, identity", b"identity, chunked", b"chunked, chunked", b"chunked,", b",chunked", b"chunked;q=1", b"xchunked",
             b"chunkedx", b"chunk", b"\x0bchunked", b"chunked\x0b", b'"chunked"', b"chunked chunked", b"chun ked", b"", b"chunked\x00",
             b"chunked, gzip", b"cow", b"'chunked'", b"chunked\xa0", b"chunked;x", b"\x00chunked", b"CHUNKED, cow"]
    te, body = b"Transfer-Encoding: ", b"5\r\nhello\r\n0\r\n\r\n"
    both = [te + b"chunked\r\n", b"Content-Length: " + chance.one([b"5", b"0", b"15", b"3"]) + b"\r\n"]
    if chance.in_ten(5):
        both.reverse()
    return chance.one([
        lambda: plain(chance, b"POST", more=te + chance.one(wrong) + b"\r\n", body=body),
        lambda: plain(chance, b"POST", more=te + chance.one(wrong) + b"\r\n", body=body),
        lambda: plain(chance, b"POST", more=both[0] + fields(chance) + both[1], body=body),
        lambda: plain(chance, b"POST", more=te + b"chunked\r\n" + fields(chance) + te + chance.one([b"chunked", b"identity", b"cow"]) + b"\r\n", body=body),
        lambda: plain(chance, b"POST", version=b"HTTP/1.0", more=te + b"chunked\r\n", body=body),
        lambda: plain(chance, b"POST", more=te + b"cow\r\nContent-Length: 5\r\n", body=b"hello"),
        lambda: plain(chance, b"CONNECT", b"a.test:80", host=b"Host: a.test:80\r\n", more=te + b"chunked\r\n", body=body),
    ])()


def chunk(chance):
    sizes = [b"", b"g", b"0x5", b"-5", b"+5", b"5 ", b" 5", b"5\t", b"5;\x00", b"5;a=\"", b"5;a=", b"5;=b", b"5;", b"5 x", b"5,", b"5:", b"5.", b"5\x00",
             b"5\r", b"5;a=b c", b"5;a b", b"\xb5", b"5;a=\"x\r\n\"", b"10000000000000005", b"fffffffffffffffff", b"8000000000000000", b"5;a=\x7f",
             b"5;a=\"\x01\"", b"5;(a)", b"h", b"0_5", b"5_"]
    return chance.one([
        lambda: chunks(chance, chance.one(sizes) + b"\r\nhello\r\n0\r\n\r\n"),
        lambda: chunks(chance, chance.one(sizes) + b"\r\nhello\r\n0\r\n\r\n"),
        lambda: chunks(chance, b"3\r\nabc\r\n" + chance.one(sizes) + b"\r\nhello\r\n0\r\n\r\n"),
        lambda: chunks(chance, b"5\r\nhello" + chance.one([b"0\r\n\r\n", b"\r0\r\n\r\n", b"\n0\r\n\r\n", b"x\r\n0\r\n\r\n", b"\n\r0\r\n\r\n", b" \r\n0\r\n\r\n"])),
        lambda: chunks(chance, b"5\r\nhell\r\n0\r\n\r\n"),
        lambda: chunks(chance, b"5" + chance.one([b"\n", b"\r", b"\r\r\n", b"\n\r", b";a\n"]) + b"hello\r\n0\r\n\r\n"),
        lambda: chunks(chance, b"5\r\nhello\r\n0" + chance.one([b"\n\r\n", b"\r\n\n", b"\r\n\r", b"\n\n", b";\n\r\n", b"\r\r\n"])),
        lambda: chunks(chance, b"5\r\nhello\r\n0\r\n"),
        lambda: chunks(chance, b"5\r\nhello\r\n"),
        lambda: chunks(chance, b"\r\n5\r\nhello\r\n0\r\n\r\n"),
    ])()


def trailer(chance):
    wrong = [b"X-A : b", b" X-A: b", b"X-A", b": b", b"X-A: b\rc", b"X-A: b\x00", b"X A: b", b"X-A: b\r\n c", b"X-\xe9: b", b"Content-Length: 5",
             b"Transfer-Encoding: chunked", b"Host: b.test", b"X-A: b\nX-C: d", b"X-A: b\x0b", b"(: x", b"GET / HTTP/1.1"]
    good = chance.one([b"", b"X-Good: 1\r\n"])
    return chunks(chance, b"5\r\nhello\r\n0\r\n" + good + chance.one(wrong) + b"\r\n\r\n", chance.one([b"", b"Trailer: X-A\r\n"]))


def short(chance):
    """The client leaves before its request is whole."""
    kind = chance.below(3)
    if kind == 0:
        return plain(chance, b"POST", more=b"Content-Length: %d\r\n" % chance.between(6, 90000), body=b"hello")
    if kind == 1:
        whole = chunks(chance, b"5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\nX-T: v\r\n\r\n")
        return whole[:-chance.between(1, 36)]
    whole = plain(chance)
    return whole[:chance.between(1, len(whole) - 1)]


def connection(chance):
    """What a client must not send, and what would take away from the next hop what it needs."""
    return chance.one([
        lambda: plain(chance, b"POST", more=b"Connection: " + chance.one([b"content-length", b"close, Content-Length"]) + b"\r\nContent-Length: 5\r\n", body=b"hello"),
        lambda: plain(chance, more=b"Connection: " + chance.one([b"Host", b"keep-alive, host"]) + b"\r\n"),
        lambda: plain(chance, b"CONNECT", chance.one([b"/", b"a.test", b"http://a.test/", b"*", b"a.test:", b"a.test:0x50", b":80", b"a:80/x"]),
                      host=b"Host: a.test:80\r\n"),
        lambda: plain(chance, b"CONNECT", b"a.test:80", host=b"Host: a.test:80\r\n", more=b"Content-Length: 5\r\n", body=b"hello"),
    ])()


def other_protocol(chance):
    return chance.one([
        lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.text(bytes(range(256)), 20, 300),
        lambda: b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        lambda: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        lambda: chance.text(bytes(range(256)), 5, 400) + b"\r\n\r\n",
        lambda: b"EHLO a.test\r\nMAIL FROM:<a@a.test>\r\n\r\n",
    ])()


KINDS = [request_line, version, host, absolute, field_line, folded, length, coding, chunk, trailer, short, connection, other_protocol]


def invalid(chance):
    make = chance.one(KINDS)
    leading = []
    if chance.below(6) == 0:
        leading = [grammar.request(chance, last=False) for _ in range(chance.between(1, 2))]
    wire = b"".join(wire for wire, _ in leading) + make(chance)
    return Case(INVALID, make.__name__.replace("_", " "), wire, [expected for _, expected in leading], len(leading))
