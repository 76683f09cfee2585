"""The corpus: the seeds, then as many valid, invalid and open cases as are asked for. One seed gives one corpus, everywhere."""
import hashlib

from . import faults, grammar, open_cases
from .cases import Chance
from .seeds import SEEDS


def make(seed, valid, invalid, opened):
    chance = Chance(seed)
    cases = list(SEEDS)
    cases += [grammar.valid(chance) for _ in range(valid)]
    cases += [faults.invalid(chance) for _ in range(invalid)]
    cases += [open_cases.one(chance, SEEDS) for _ in range(opened)]
    return cases


def digest(cases):
    whole = hashlib.sha256()
    for case in cases:
        whole.update(b"%d " % len(case.wire) + case.wire)
    return whole.hexdigest()[:16]
