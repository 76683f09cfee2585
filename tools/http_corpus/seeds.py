"""Requests written by hand: what real clients send, and the classic ways to be understood differently by two servers."""
from .cases import INVALID, OPEN, VALID, Case, Expected


def crlf(text):
    """Lines as written here, on the wire."""
    return text.lstrip("\n").replace("\n", "\r\n").encode("latin-1")


def valid(kind, text, *expected):
    return Case(VALID, kind, crlf(text) if isinstance(text, str) else text, [Expected(*e) for e in expected])


VALID_SEEDS = [
    valid("browser", """
GET /search?q=a%20b&lang=en HTTP/1.1
Host: www.example.com
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8
Accept-Language: en-GB,en;q=0.5
Accept-Encoding: gzip, deflate, br
Connection: keep-alive
Cookie: sid=31d4d96e407aad42; theme="dark"
Upgrade-Insecure-Requests: 1
Sec-Fetch-Dest: document

""", (b"GET", b"/search?q=a%20b&lang=en", b"www.example.com", b"", [
        (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), (b"accept-language", b"en-GB,en;q=0.5"),
        (b"accept-encoding", b"gzip, deflate, br"), (b"cookie", b'sid=31d4d96e407aad42; theme="dark"'),
        (b"upgrade-insecure-requests", b"1"), (b"sec-fetch-dest", b"document")])),
    valid("curl", "GET / HTTP/1.1\nHost: localhost:8080\nUser-Agent: curl/7.88.1\nAccept: */*\n\n",
          (b"GET", b"/", b"localhost:8080", b"", [(b"user-agent", b"curl/7.88.1"), (b"accept", b"*/*")])),
    valid("smallest", "GET / HTTP/1.1\nHost:a\n\n", (b"GET", b"/", b"a")),
    valid("api", 'POST /v1/items HTTP/1.1\nhost: api.test\ncontent-type: application/json\ncontent-length: 13\n\n{"a": [1, 2]}',
          (b"POST", b"/v1/items", b"api.test", b'{"a": [1, 2]}', [(b"content-type", b"application/json")])),
    valid("chunked", "PUT /up HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\n\n5\nhello\n6\n world\n0\n\n",
          (b"PUT", b"/up", b"a.test", b"hello world")),
    valid("trailers", "POST / HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\nTrailer: Digest\n\n1;last\nx\n0;y=\"z\"\nDigest: sha=1\n\n",
          (b"POST", b"/", b"a.test", b"x", [], [(b"digest", b"sha=1")])),
    valid("empty body", "POST /x HTTP/1.1\nHost: a.test\nContent-Length: 0\n\n", (b"POST", b"/x", b"a.test")),
    valid("no length", "POST /x HTTP/1.1\nHost: a.test\n\n", (b"POST", b"/x", b"a.test")),
    valid("empty chunks", "GET /x HTTP/1.1\nHost: a.test\nTransfer-Encoding: chunked\n\n0\n\n", (b"GET", b"/x", b"a.test")),
    valid("body looks like a request", b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n\r\n",
          (b"POST", b"/a", b"a", b"GET /b HTTP/1.1\r\nHost: b\r\n\r\n\r\n")),
    valid("body looks like chunks", b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", (b"POST", b"/a", b"a", b"0\r\n\r\n")),
    valid("two", "GET /1 HTTP/1.1\nHost: a\n\nGET /2 HTTP/1.1\nHost: b\n\n", (b"GET", b"/1", b"a"), (b"GET", b"/2", b"b")),
    valid("body, then another", "POST /1 HTTP/1.1\nHost: a\nContent-Length: 3\n\nabcPOST /2 HTTP/1.1\nHost: b\nTransfer-Encoding: chunked\n\n"
          "1\nz\n0\n\nHEAD /3 HTTP/1.1\nHost: c\n\n", (b"POST", b"/1", b"a", b"abc"), (b"POST", b"/2", b"b", b"z"), (b"HEAD", b"/3", b"c")),
    valid("absolute", "GET http://proxy.test:81/x?y HTTP/1.1\nHost: proxy.test:81\n\n", (b"GET", b"/x?y", b"proxy.test:81")),
    valid("absolute without path", "GET http://proxy.test HTTP/1.1\nHost: proxy.test\n\n", (b"GET", b"/", b"proxy.test")),
    valid("absolute with a query only", "GET http://proxy.test?x HTTP/1.1\nHost: proxy.test\n\n", (b"GET", b"/?x", b"proxy.test")),
    valid("absolute OPTIONS", "OPTIONS http://proxy.test HTTP/1.1\nHost: proxy.test\n\n", (b"OPTIONS", b"*", b"proxy.test")),
    valid("asterisk", "OPTIONS * HTTP/1.1\nHost: a.test\n\n", (b"OPTIONS", b"*", b"a.test")),
    valid("IPv6", "GET / HTTP/1.1\nHost: [2001:db8::7]:8080\n\n", (b"GET", b"/", b"[2001:db8::7]:8080")),
    valid("old client", "GET /old HTTP/1.0\nHost: a.test\n\n", (b"GET", b"/old", b"a.test")),
    valid("old client without Host", "GET /old HTTP/1.0\n\n", (b"GET", b"/old", b"default.test")),
    valid("expects", "PUT /e HTTP/1.1\nHost: a.test\nExpect: 100-continue\nContent-Length: 2\n\nok", (b"PUT", b"/e", b"a.test", b"ok")),
    valid("nominated", "GET / HTTP/1.1\nHost: a.test\nConnection: x-secret, close\nX-Secret: 1\nX-Kept: 2\n\n",
          (b"GET", b"/", b"a.test", b"", [(b"x-kept", b"2")])),
    valid("lists in lines", "GET / HTTP/1.1\nHost: a.test\nX: 1\nx: 2\nX:\nX:\t3\t \n\n",
          (b"GET", b"/", b"a.test", b"", [(b"x", b"1"), (b"x", b"2"), (b"x", b""), (b"x", b"3")])),
    valid("dots", "GET /a/./b/../../c//d/%2e%2E/;x HTTP/1.1\nHost: a.test\n\n", (b"GET", b"/a/./b/../../c//d/%2e%2E/;x", b"a.test")),
    valid("WebDAV", 'PROPFIND /dav/ HTTP/1.1\nHost: a.test\nDepth: 1\nContent-Type: application/xml\nContent-Length: 4\n\n<a/>',
          (b"PROPFIND", b"/dav/", b"a.test", b"<a/>", [(b"depth", b"1"), (b"content-type", b"application/xml")])),
    valid("WebSocket", "GET /chat HTTP/1.1\nHost: a.test\nConnection: keep-alive, Upgrade\nUpgrade: websocket\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n\n", (b"GET", b"/chat", b"a.test", b"", [
              (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"sec-websocket-version", b"13")])),
    valid("tunnel", "CONNECT a.test:443 HTTP/1.1\nHost: a.test:443\n\n", (b"CONNECT", b"a.test:443", b"a.test:443")),
]

INVALID_SEEDS = [Case(INVALID, kind, wire if isinstance(wire, bytes) else crlf(wire)) for kind, wire in [
    ("CL.TE", "POST / HTTP/1.1\nHost: a\nContent-Length: 6\nTransfer-Encoding: chunked\n\n0\n\nG"),
    ("TE.CL", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nContent-Length: 4\n\n12\nGPOST / HTTP/1.1\n\n0\n\n"),
    ("TE with a tab", "POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding:\tchunked\n\n0\n\n"),
    ("TE before its colon", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding : chunked\n\n0\n\n"),
    ("TE with a vertical tab", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding:\x0bchunked\n\n0\n\n"),
    ("TE in a folded line", "POST / HTTP/1.1\nHost: a\nX: y\n Transfer-Encoding: chunked\n\n0\n\n"),
    ("TE after a bare CR", b"POST / HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("TE after a bare LF", b"POST / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("TE and an underscore's twin", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked\nTransfer_Encoding: chunked\n\n0\n\n"),
    ("TE twice", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: identity\n\n0\n\n"),
    ("CL twice", "POST / HTTP/1.1\nHost: a\nContent-Length: 0\nContent-Length: 5\n\nhello"),
    ("CL with a sign", "POST / HTTP/1.1\nHost: a\nContent-Length: +5\n\nhello"),
    ("CL wraps", "POST / HTTP/1.1\nHost: a\nContent-Length: 18446744073709551617\n\nh"),
    ("chunk size wraps", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n100000000000000001\nh\n0\n\n"),
    ("chunk extension ends in a bare LF", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n"),
    ("chunk's end is a bare LF", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\n0\r\n\r\n"),
    ("spill after a chunk", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n2\nxxyy\n0\n\n"),
    ("NUL in a value", "GET / HTTP/1.1\nHost: a\nX: a\x00b\n\n"),
    ("NUL in Host", "GET / HTTP/1.1\nHost: a\x00b\n\n"),
    ("Host twice", "GET / HTTP/1.1\nHost: a\nHost: b\n\n"),
    ("no Host", "GET / HTTP/1.1\n\n"),
    ("Host before its colon", "GET / HTTP/1.1\nHost : a\n\n"),
    ("Host with userinfo", "GET / HTTP/1.1\nHost: a@b\n\n"),
    ("absolute with userinfo", "GET http://a@b/ HTTP/1.1\nHost: b\n\n"),
    ("fragment", "GET /a#b HTTP/1.1\nHost: a\n\n"),
    ("HTTP/0.9", "GET /\n"),
    ("version in small letters", "GET / http/1.1\nHost: a\n\n"),
    ("two targets", "GET /a /b HTTP/1.1\nHost: a\n\n"),
    ("form feed between words", "GET\x0c/ HTTP/1.1\nHost: a\n\n"),
    ("space at the end of the line", "GET / HTTP/1.1 \nHost: a\n\n"),
    ("TE to an old server", "POST / HTTP/1.0\nHost: a\nTransfer-Encoding: chunked\n\n0\n\n"),
    ("CONNECT to a path", "CONNECT /x HTTP/1.1\nHost: a:1\n\n"),
    ("body cut", "POST / HTTP/1.1\nHost: a\nContent-Length: 9\n\nhello"),
    ("chunks cut", "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n5\nhello\n"),
]]

OPEN_SEEDS = [Case(OPEN, "seed", crlf(text)) for text in [
    "GET / HTTP/1.1\nHost: a\nContent-Length: 5\nExpect: 100-continue\n\nhelloGET /2 HTTP/1.1\nHost: b\n\n",
    "GET //b.test/x HTTP/1.1\nHost: a\n\n", "GET /%00 HTTP/1.1\nHost: a\n\n", "GET /../../etc HTTP/1.1\nHost: a\n\n",
    "GET /a\\b HTTP/1.1\nHost: a\n\n", "GET /{a}|b HTTP/1.1\nHost: a\n\n", "GET /100% HTTP/1.1\nHost: a\n\n",
    "GET http://b/ HTTP/1.1\nHost: a\n\n", "GET https://b/ HTTP/1.1\nHost: b\n\n", "GET /x HTTP/1.1\nHost:\n\n",
    "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked\n\n0\n\n",
    "GET / HTTP/1.1\nHost: a\nUpgrade: h2c\nConnection: Upgrade, HTTP2-Settings\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\n\n",
    "POST / HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade\nContent-Length: 3\n\nabcGET /2 HTTP/1.1\nHost: b\n\n",
    "\n\n\nGET / HTTP/1.1\nHost: a\n\n",
]]

SEEDS = VALID_SEEDS + INVALID_SEEDS + OPEN_SEEDS
