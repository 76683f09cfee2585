"""A strict reader of HTTP/1 requests by RFC 9112, written for this comparison and sharing nothing with the proxy.

It judges what the proxy forwards: bytes that it does not take as whole, unambiguous requests are a finding.
"""
import dataclasses
import re

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
VALUE = re.compile(rb"[\t \x21-\x7e\x80-\xff]*\Z")
TARGET = re.compile(rb"[\x21\x24-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+\Z")  # what RFC 3986 lets stand in one; no "#"
PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+)(?::[0-9]{0,5})?\Z")
# What users' programs send raw although the grammar wants it encoded: no recipient reads it in two ways.
RAW = re.compile(rb"[\x21\x22\x24-\x7e]+\Z")


class Refused(Exception):
    """The bytes are no request; says why."""


class Incomplete(Exception):
    """The bytes are the beginning of a request."""


@dataclasses.dataclass
class Request:
    method: bytes
    target: bytes
    host: bytes
    fields: list  # (name in lower case, value)
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)
    size: int = 0  # bytes on the wire
    raw_target: bool = False  # outside the grammar of RFC 3986

    def values(self, name):
        return [value for key, value in self.fields if key == name]

    def options(self):
        joined = b",".join(self.values(b"connection"))
        return {option.strip(b" \t").lower() for option in joined.split(b",")}

    @property
    def tunnel(self):
        """What follows belongs to another protocol, if the answer agrees."""
        return self.method == b"CONNECT" or (b"upgrade" in self.options() and bool(self.values(b"upgrade")))

    @property
    def close(self):
        return b"close" in self.options()


def read_line(data, at):
    end = data.find(b"\n", at)
    if end < 0:
        if b"\r" in data[at:-1]:
            raise Refused("a bare CR")
        raise Incomplete
    if end == at or data[end - 1] != 13:
        raise Refused("a bare LF")
    return data[at:end - 1], end + 1


def read_fields(data, at):
    fields = []
    while True:
        line, at = read_line(data, at)
        if not line:
            return fields, at
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise Refused(f"field name {name[:40]!r}")
        if not VALUE.match(value):
            raise Refused(f"field value {value[:40]!r}")
        fields.append((name.lower(), value.strip(b" \t")))


def read_chunks(data, at):
    body = []
    while True:
        line, at = read_line(data, at)
        if not re.match(rb"[0-9A-Fa-f]{1,15}\Z", line):
            raise Refused(f"chunk size {line[:40]!r}")
        size = int(line, 16)
        if size == 0:
            trailers, at = read_fields(data, at)
            return b"".join(body), trailers, at
        if len(data) < at + size + 2:
            raise Incomplete
        if data[at + size:at + size + 2] != b"\r\n":
            raise Refused("chunk without its end")
        body.append(data[at:at + size])
        at += size + 2


def check_target(method, target):
    raw = not TARGET.match(target) or bool(PERCENT.search(target))
    if raw and not RAW.match(target):
        raise Refused(f"target {target[:40]!r}")
    if method == b"CONNECT":
        if not re.search(rb":[0-9]+\Z", target) or not HOST.match(target):
            raise Refused(f"target {target[:40]!r}")
    elif target[:1] != b"/" and not (target == b"*" and method == b"OPTIONS"):
        raise Refused(f"target {target[:40]!r}")
    return raw


def read(data, at=0):
    """The request at data[at:]. Raises Refused or Incomplete."""
    begin = at
    line, at = read_line(data, at)
    words = line.split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1" or not TOKEN.match(words[0]):
        raise Refused(f"request line {line[:60]!r}")
    method, target = words[0], words[1]
    raw = check_target(method, target)
    fields, at = read_fields(data, at)
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) != 1 or not HOST.match(hosts[0]):
        raise Refused(f"Host {hosts!r}")
    request = Request(method, target, hosts[0], fields, raw_target=raw)
    lengths, codings = request.values(b"content-length"), request.values(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Refused("two framings")
    if codings:
        if codings[0].lower() != b"chunked":
            raise Refused(f"transfer coding {codings[0][:40]!r}")
        request.body, request.trailers, at = read_chunks(data, at)
    elif lengths:
        if not re.match(rb"[0-9]{1,15}\Z", lengths[0]):
            raise Refused(f"Content-Length {lengths[0][:40]!r}")
        size = int(lengths[0])
        if len(data) < at + size:
            raise Incomplete
        request.body = data[at:at + size]
        at += size
    request.size = at - begin
    return request
