"""Random draws that depend on what is asked, never on when.

Two runs that ask the same things in another order, or at another speed, see the same latencies and the same faults: a
draw is a function of (seed, label, prompt kind, attempt) and of the name of the quantity drawn.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

LABEL_HEADER = "x-ledgerline-label"  # "label|prompt kind|attempt"
_Z95 = NormalDist().inv_cdf(0.95)


@dataclass(frozen=True, slots=True)
class Draw:
    """One source of draws. ``kind`` is the kind of prompt; the services use their own name where there is none."""

    seed: int
    label: str
    kind: str
    attempt: int

    def digest(self, quantity: str) -> str:
        """32 hex digits that differ for every quantity and every draw."""
        key = json.dumps([self.seed, self.label, self.kind, self.attempt, quantity])
        return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()

    def uniform(self, quantity: str, low: float = 0.0, high: float = 1.0) -> float:
        """A value in [low, high), from 53 bits of the digest."""
        unit = int(self.digest(quantity)[:14], 16) >> 3
        return low + (high - low) * (unit / (1 << 53))

    def lognormal(self, quantity: str, *, median: float, p95: float) -> float:
        """A lognormal value given by its median and 95th percentile, in their unit. ``p95 == median`` is a constant."""
        sigma = math.log(p95 / median) / _Z95
        u = min(max(self.uniform(quantity), 1e-9), 1 - 1e-9)
        return median * math.exp(sigma * NormalDist().inv_cdf(u))


def draw_for(seed: int, headers: Mapping[str, str], *, fallback: str, kind: str) -> Draw:
    """The draw that a request names in its label header, else one named by ``fallback``, what the request asks for.

    A header that isn't ``label|kind|attempt`` counts as a bare label.
    """
    header = headers.get(LABEL_HEADER, "")
    if not header:
        named = hashlib.blake2b(fallback.encode(), digest_size=16).hexdigest()
        return Draw(seed=seed, label=named, kind=kind, attempt=0)
    parts = header.rsplit("|", 2)
    if len(parts) == 3 and parts[2].isdecimal():
        return Draw(seed=seed, label=parts[0], kind=parts[1], attempt=int(parts[2]))
    return Draw(seed=seed, label=header, kind=kind, attempt=0)
