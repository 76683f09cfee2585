"""What a case of the corpus is."""
import dataclasses
import random

VALID, INVALID, OPEN = "valid", "invalid", "open"


@dataclasses.dataclass
class Expected:
    """What must arrive of one valid request."""
    method: bytes
    target: bytes
    host: bytes
    body: bytes = b""
    fields: list = dataclasses.field(default_factory=list)  # end-to-end ones: (name in lower case, value), in order
    trailers: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Case:
    """Bytes for one connection, after which the client sends no more.

    VALID: every request is right by construction, each must arrive as `expected` says.
    INVALID: the request after the first `leading` ones is wrong by construction, it must not arrive whole.
    OPEN: mutations of the others, and what a recipient may take or refuse: whatever arrives must mean one thing to all.
    """
    label: str
    kind: str
    wire: bytes
    expected: list = dataclasses.field(default_factory=list)
    leading: int = 0


class Chance(random.Random):
    """Only what gives the same numbers with every version of Python is used: getrandbits."""

    def below(self, n):
        return self.getrandbits(32) % n

    def between(self, low, high):
        return low + self.below(high - low + 1)

    def one(self, things):
        return things[self.below(len(things))]

    def in_ten(self, n):
        return self.below(10) < n

    def text(self, alphabet, low, high):
        return bytes(alphabet[self.below(len(alphabet))] for _ in range(self.between(low, high)))
