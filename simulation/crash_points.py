"""Where processes touch the world, so where they may die, and the plan of a seed for who dies where."""

from __future__ import annotations

import random
from collections import Counter

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
    "executor:after",
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
MOST_CRASHES = 3


class CrashPlan:
    """``due(point)`` says whether the process that stands there dies now. Points are counted over all processes."""

    def __init__(self, rng: random.Random, points: tuple[str, ...]) -> None:
        self._passed: Counter[str] = Counter()
        self._due: dict[str, set[int]] = {}
        for _ in range(rng.randint(1, MOST_CRASHES)):
            point = rng.choice(points)
            most = 80 if point in _OFTEN else 10 if not point.startswith(("states", "dead", "ledger.read_c")) else 3
            self._due.setdefault(point, set()).add(rng.randint(1, most))

    def due(self, point: str) -> bool:
        if point not in self._due:
            return False
        self._passed[point] += 1
        return self._passed[point] in self._due[point]
