"""Compares what was sent, what the proxy says it saw, what arrived, and what each backend makes of that."""
import asyncio
import collections
import dataclasses
import hashlib

from . import limits
from .cases import INVALID, VALID

# Of these the proxy writes its own, by the framing, the hop and its configuration.
OWN = {b"host", b"content-length", b"transfer-encoding", b"connection", b"te", b"expect", b"trailer", b"upgrade", b"x-forwarded-proto",
       b"x-forwarded-for", b"max-forwards"}


@dataclasses.dataclass
class Finding:
    what: str
    sent: bytes
    forwarded: bytes = b""

    def __str__(self):
        text = f"FINDING {self.what}\n  sent      {shorten(self.sent)}"
        return text + (f"\n  forwarded {shorten(self.forwarded)}" if self.forwarded else "")


def shorten(data, most=500):
    return repr(data) if len(data) <= most else repr(data[:most]) + f"... {len(data)} bytes"


def end_to_end(fields):
    return [field for field in fields if field[0] not in OWN]


def unlike(expected, request):
    """How what arrived differs from what was meant, or None."""
    for name in ("method", "target", "host", "body"):
        if getattr(expected, name) != getattr(request, name):
            return f"{name} {getattr(expected, name)[:80]!r} arrived as {getattr(request, name)[:80]!r}"
    for name in ("fields", "trailers"):
        wanted, got = end_to_end(getattr(expected, name)), end_to_end(getattr(request, name))
        if wanted != got:
            lost = [pair for pair in wanted if pair not in got]
            return f"{name} differ: lost {lost[:3]!r}, new {[pair for pair in got if pair not in wanted][:3]!r}"
    return None


def unlogged(outcome):
    """How the proxy's own account differs from what arrived, or None."""
    records = [record for record in outcome.records if record["upstream"] not in (None, "-")]
    for request, _ in outcome.forwarded:
        said = {"method": request.method.decode("latin-1"), "authority": request.host.decode("latin-1")}
        if request.method != b"CONNECT":
            said["path"] = request.target.decode("latin-1")
        match = next((record for record in records if all(record[key] == value for key, value in said.items()) and
                      (request.tunnel or int(record["body"]) == len(request.body))), None)
        if match is None:
            return f"no line of the access log for {said} with {len(request.body)} bytes"
        records.remove(match)
    answered = [record for record in records if record["status"] in (101, 200, "101", "200")]
    return f"the access log has {len(answered)} answered requests more than arrived" if answered else None


def judge(outcome):
    """Findings about one case on its way to the recorder."""
    case, forwarded = outcome.case, outcome.forwarded
    wrong = []
    if not outcome.closed:
        wrong.append("the connection stayed open")
    for connection in outcome.connections:
        if connection.problem is not None:
            wrong.append(f"forwarded what is no request: {connection.problem}")
        if not connection.between:
            wrong.append("a cut request stayed open")
    if case.label == VALID and len(forwarded) != len(case.expected):
        wrong.append(f"{len(case.expected)} valid requests, {len(forwarded)} arrived, answers {outcome.statuses}")
    if case.label == INVALID and len(forwarded) != case.leading:
        wrong.append(f"{len(forwarded) - case.leading} more arrived than the {case.leading} valid ones, answers {outcome.statuses}")
    for expected, (request, _) in zip(case.expected, forwarded):
        difference = unlike(expected, request)
        if difference:
            wrong.append(difference)
    account = unlogged(outcome)
    if account:
        wrong.append(account)
    unwhole = b"".join(connection.raw for connection in outcome.connections)
    return [Finding(f"{case.label}, {case.kind}: {what}", case.wire, unwhole) for what in wrong]


class Verdicts:
    """What one backend made of the distinct forwarded messages."""

    def __init__(self):
        self.same = 0
        self.known = collections.Counter()
        self.findings = []

    def add(self, name, message, request, seen, closed):
        statuses = [status for status, _ in seen]
        if not seen or seen[0][1] is None:
            status = statuses[0] if seen else 0
            why = limits.reason(name, request, status)
            if why:
                self.known[why] += 1
            else:
                self.findings.append(Finding(f"{name} refuses, with {status or ('a close' if closed else 'silence')}", b"", message))
            return
        difference = self.unlike(request, seen[0][1])
        why = difference and limits.known_difference(name, request, seen[0][1])
        if why:
            self.known[why] += 1
            return
        after = [one for _, one in seen[1:]]
        if difference is None and not self.proper_end(request, after):
            difference = f"{'' if closed else 'waits for more, and '}takes {len(seen)} requests, answers {statuses}, targets {[one and one['target'] for _, one in seen]}"
        if difference:
            self.findings.append(Finding(f"{name}: {difference}", b"", message))
        else:
            self.same += 1

    @staticmethod
    def unlike(request, seen):
        wanted = {"method": request.method, "target": request.target, "host": request.host}
        for key, value in wanted.items():
            if seen[key] != value.decode("latin-1"):
                return f"{key} {value[:80]!r} is seen as {seen[key]!r}"
        if (seen["size"], seen["sha1"]) != (len(request.body), hashlib.sha1(request.body).hexdigest()):
            return f"a body of {len(request.body)} bytes is seen as {seen['size']} other ones"
        return None

    @staticmethod
    def proper_end(request, after):
        """Behind the message only the request that was put there, or none if the message is the connection's last."""
        next_one = len(after) == 1 and after[0] is not None and after[0]["target"] == "/after"
        if request.tunnel:
            return not after or next_one
        return not after if request.close else next_one


async def give_to(backend, messages, width=12):
    """Gives each of {bytes: request} to a backend, a few at a time."""
    verdicts, queue = Verdicts(), list(messages.items())

    async def work():
        while queue:
            message, request = queue.pop()
            seen, closed = await backend.give(message)
            verdicts.add(backend.name, message, request, seen, closed)
            if backend.process.poll() is not None:
                raise RuntimeError(f"{backend.name} ended")
    await asyncio.gather(*(work() for _ in range(width)))
    return verdicts
