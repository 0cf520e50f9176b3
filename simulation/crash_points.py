"""Where processes touch the world, so where they may die, and the plan of a seed for who dies where.

Most seeds aim at one pair of (crash point, fault that struck before) of an owner and one of a gateway: seed after seed goes
through all pairs, so that a thousand seeds leave none out by chance.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from simulation.faults import ALL, Fault
from simulation.line import LineState

OWNER_POINTS = (
    "states.load:before",
    "states.load:after",
    "states.save:before",
    "states.save:after",
    "ledger.append:before",
    "ledger.append:after",
    "ledger.append:acknowledged",
    "ledger.read:before",
    "ledger.read:after",
    "ledger.read_conversation:before",
    "ledger.read_conversation:after",
    "ledger.sync:before",
    "ledger.sync:after",
    "inbox.follow:delivered",
    "dead_letters.put:before",
    "dead_letters.put:after",
    "executor:before",
    "executor:sentence",
    "executor:after",
    "tool:before",
    "tool:after",
    "write:before",
    "write:done",
    "write:after",
)
GATEWAY_POINTS = (
    "inbox.put:before",
    "inbox.put:landed",
    "inbox.put:after",
    "ledger.end:after",
    "ledger.read_conversation:before",
    "ledger.read_conversation:after",
    "ledger.follow:delivered",
    "ledger.read:before",
    "ledger.read:after",
    "caller:heard",
    "voice:first_audio",
    "sound.start:before",
    "sound.start:after",
    "sound.end:before",
)
_OFTEN = {
    "ledger.append:before",
    "ledger.append:after",
    "ledger.append:acknowledged",
    "inbox.follow:delivered",
    "ledger.follow:delivered",
    "inbox.put:before",
    "inbox.put:landed",
    "inbox.put:after",
    "executor:before",
    "executor:after",
}
_SELDOM = ("tool", "write")
"""Passed once or twice in a run. Who aims at one of these dies at each point of its kind once, the first time that it is
passed after the fault struck, in any state of the line: the next owner does it again, and passes them all again."""
_IN_THE_WAY = frozenset({Fault.STALL, Fault.VENDOR_ERROR, Fault.GUESTS_FAIL, Fault.VOICE_FAIL})
MOST_CRASHES = 3
_MOST_SKIPPED = 2  # how often the point is passed after the fault struck, before the process dies there


_STATES = tuple(LineState)


class Pair(NamedTuple):
    """A crash at ``point`` in a run in which ``fault`` has struck."""

    point: str
    fault: Fault


OWNER_PAIRS = tuple(Pair(point, fault) for fault in sorted(ALL) for point in OWNER_POINTS)
GATEWAY_PAIRS = tuple(Pair(point, fault) for fault in sorted(ALL) for point in GATEWAY_POINTS)


class Aim(NamedTuple):
    """What a seed aims at."""

    owner: Pair
    gateway: Pair
    state: LineState | None = None  # of the line when it strikes; None: any

    @property
    def at_tools(self) -> bool:
        """Whether callers must ask for what tools read, and channels must let them."""
        return self.owner.point.startswith("tool")

    @property
    def at_writes(self) -> bool:
        """Whether callers must want something changed, and be let."""
        return self.owner.point.startswith("write")

    def may_be_drawn(self, fault: Fault) -> bool:
        """A change stands at the end of four turns or more: with vendors, guests and voices that fail beside the fault
        that is aimed at, hardly a caller gets there."""
        return not self.at_writes or fault not in _IN_THE_WAY

    def faults(self) -> frozenset[Fault]:
        """What must be in play, so that the points are passed at all after the faults struck."""
        needed = {Fault.CRASH_OWNER, Fault.CRASH_GATEWAY, self.owner.fault, self.gateway.fault}
        if self.owner.point.startswith(("states", "ledger.read")):
            needed.add(Fault.ROLLING)  # passed when an owner takes over
        if self.owner.point.startswith("dead_letters"):
            needed.add(Fault.POISON)
        if self.gateway.point.startswith(("ledger.read", "ledger.end")):
            needed.add(Fault.GATEWAY_PAUSE)  # passed when a gateway takes over, or stood still
        return frozenset(needed)


def aim_of(seed: int) -> Aim | None:
    """One seed in four aims at nothing."""
    if seed % 4 == 0:
        return None
    number = seed - seed // 4
    lap = number // len(OWNER_PAIRS)  # the first aims at pairs, those after it at a state of the line as well
    state = random.Random(f"state/{number}").choice(_STATES) if lap else None
    owner, gateway = OWNER_PAIRS[number % len(OWNER_PAIRS)], GATEWAY_PAIRS[number % len(GATEWAY_PAIRS)]
    return Aim(owner, gateway, None if owner.point.startswith(_SELDOM) else state)


class CrashPlan:
    """``due(point, state)`` says whether the process that stands there dies now. Points are counted over all processes."""

    def __init__(
        self,
        rng: random.Random,
        points: tuple[str, ...],
        pair: Pair | None,
        struck: Mapping[Fault, int],
        state: LineState | None,
    ) -> None:
        self._pair, self._struck, self._state = pair, struck, state
        skipped = rng.randint(0, _MOST_SKIPPED)
        kind = next((kind for kind in _SELDOM if pair and pair.point.startswith(kind)), None)
        self._skip = 0 if kind else skipped
        self._aims = {point for point in points if (kind and point.startswith(kind)) or (pair and point == pair.point)}
        self._passed: Counter[str] = Counter()
        self._due: dict[str, set[int]] = {}
        for _ in range(rng.randint(1, MOST_CRASHES)):
            point = rng.choice(points)
            most = 80 if point in _OFTEN else 10 if not point.startswith(("states", "dead", "ledger.read_c")) else 3
            self._due.setdefault(point, set()).add(rng.randint(1, most))

    def due(self, point: str, state: str) -> bool:
        aimed = point in self._aims and self._state in (None, state)
        if aimed and self._pair and self._struck.get(self._pair.fault):
            self._skip -= 1
            if self._skip < 0:
                self._aims.remove(point)
                return True
        if point not in self._due:
            return False
        self._passed[point] += 1
        return self._passed[point] in self._due[point]
