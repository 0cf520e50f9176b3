"""The plan of a run for who dies where."""

from __future__ import annotations

import random
from collections.abc import Mapping

from simulation.aims import Aim, Target
from simulation.crash_points import SELDOM
from simulation.faults import Fault
from simulation.stages import State

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
_ONCE_OR_TWICE = ("states", "snapshots.refresh", "snapshots.drop", "dead", "ledger.read_c", "ledger.end")
_NEWS = 6  # faults that must have struck before a crash at a target, for it to show much at once
_NEWS_AT_NARROWS = 4
_AT_NARROWS = 0.5  # of the narrow places: at the others nobody dies in this run


class CrashPlan:
    """``due(point, state)`` says whether the process that stands there dies now: once at each target, once at any of the
    ``narrow`` ones, and once at some point and pass that are drawn, counted over all processes. ``struck``: the faults that
    happened, as they do; ``after``: those of them that must have, for a target that is passed seldom, or that is
    ``alone``: then nobody dies at the narrow places."""

    def __init__(
        self,
        rng: random.Random,
        points: tuple[str, ...],
        targets: tuple[Target, ...],
        narrow: frozenset[Target],
        aim: Aim,
        struck: Mapping[Fault, int],
    ) -> None:
        self._struck, self._after, self._alone = struck, aim.after, aim.alone
        kinds = tuple(target.point.partition(":")[0] for target in targets if target.is_seldom and not aim.alone)
        self._once = {point for point in points if kinds and point.startswith(kinds)}
        self._targets: set[tuple[str, str]] = set(targets)
        self._narrow: set[tuple[str, str]] = {
            at for at in sorted(narrow) if not aim.alone and rng.random() < _AT_NARROWS
        }
        self._drawn = rng.choice(points)
        most = 80 if self._drawn in _OFTEN else 3 if self._drawn.startswith(_ONCE_OR_TWICE) else 10
        self._passes_left = rng.randint(1, most)
        self._watched = {self._drawn, *self._once, *(point for point, _ in (*targets, *self._narrow))}

    def due(self, point: str, state: State) -> bool:
        if point not in self._watched:
            return False
        if point in self._once and self._after <= self._struck.keys():
            self._once.remove(point)
            return True
        at = (point, state)
        if at in self._targets and self._is_time(point):
            self._targets.remove(at)
            return True
        if at in self._narrow and len(self._struck) >= _NEWS_AT_NARROWS:
            self._narrow.clear()
            return True
        self._passes_left -= point == self._drawn
        return point == self._drawn and self._passes_left == 0

    def _is_time(self, point: str) -> bool:
        if self._alone or point.startswith(SELDOM):
            return self._after <= self._struck.keys()
        return len(self._struck) >= _NEWS
