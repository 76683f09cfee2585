"""What a backend is known to refuse although the message is right: each as narrow as its cause, with the statuses it then answers."""
import re

NODE_METHODS = b"""ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH
POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE""".split()


def climbs(path):
    """Do the dot segments of a path, decoded as nginx does, lead above the root?"""
    path = path.partition(b"?")[0]
    path = re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match.group(1), 16)]), path)
    depth = 0
    for segment in re.sub(rb"/+", b"/", path).split(b"/")[1:]:
        depth += -1 if segment == b".." else 0 if segment in (b".", b"") else 1
        if depth < 0:
            return True
    return False


NGINX_SINGLE = [b"if-modified-since", b"if-unmodified-since", b"if-match", b"if-none-match", b"user-agent", b"referer", b"content-type", b"range", b"if-range",
                b"authorization", b"expect", b"te", b"trailer", b"upgrade", b"accept", b"from", b"date", b"content-range"]

# (backend, is it this?, statuses; 0 is a close without an answer, why)
KNOWN = [
    ("nginx", lambda r: r.method == b"CONNECT", {400, 405}, "nginx is no forward proxy: no CONNECT"),
    ("nginx", lambda r: r.method == b"TRACE", {405}, "nginx answers TRACE itself, with 405"),
    ("nginx", lambda r: not re.match(rb"[A-Z_-]+\Z", r.method), {400}, "nginx takes methods of capital letters, - and _ only"),
    ("nginx", lambda r: r.target == b"*", {400}, "nginx does not know the asterisk form"),
    ("nginx", lambda r: r.target[:1] == b"/" and climbs(r.target), {400}, "nginx refuses a path that climbs above its root"),
    ("nginx", lambda r: b"%00" in r.target.partition(b"?")[0], {400}, "nginx refuses an encoded NUL in a path"),
    ("nginx", lambda r: any(len(r.values(name)) > 1 for name in NGINX_SINGLE), {400},
     "nginx refuses two lines of a field that it reads itself and takes one of"),
    ("nginx", lambda r: b".." in r.host, {400}, "nginx refuses a host with an empty label"),
    ("python", lambda r: len(r.fields) >= 100, {431}, "http.server takes fewer than 100 field lines"),
    ("node", lambda r: r.method not in NODE_METHODS, {400}, "node takes the methods of http.METHODS only"),
    ("node", lambda r: r.values(b"expect") and r.values(b"expect")[0].lower() != b"100-continue", {417},
     "node answers an expectation it does not know with 417, as RFC 9110 10.1.1 lets it"),
    ("haproxy", lambda r: b"websocket" in b",".join(r.values(b"upgrade")).lower() and not r.values(b"sec-websocket-key"), {400},
     "HAProxy refuses a WebSocket handshake without its key"),
]

# (backend, is it this?, why): it took the message and saw the same with one documented change.
DIFFERENT = [
    ("haproxy", lambda r, seen: r.method == b"CONNECT" and r.host in (seen["host"].encode() + b":80", seen["host"].encode() + b":443"),
     "HAProxy passes the Host of a CONNECT on without a default port"),
]


def known_difference(backend, request, seen):
    """Why this difference is no finding, or None."""
    return next((why for name, matches, why in DIFFERENT if name == backend and matches(request, seen)), None)


def reason(backend, request, status):
    """Why this refusal is no finding, or None."""
    for name, matches, statuses, why in KNOWN:
        if name == backend and status in statuses and matches(request):
            return why
    return None
