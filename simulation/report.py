"""What many seeds showed, counted as they come in: it doesn't grow with their number."""

from __future__ import annotations

from collections import Counter

import msgspec

from simulation.faults import ALL, Fault
from simulation.violation import Violation

MOST_TOLD = 200  # violations that a report tells in words; it counts all of them


class Failing(msgspec.Struct, frozen=True):
    """``command`` replays the seed with its timeline."""

    seed: int
    invariant: str
    message: str
    command: str


class Report(msgspec.Struct, frozen=True):
    """``failing``: the first of the ``violations``. ``coverage``: crash point → fault that had struck by then → crashes;
    ``none`` where the crash was the first fault.

    ``states``: crash point → state of the line → crashes; ``passed``: how often a process stood there that might have died.
    ``cells``: of crash point × fault × state, how many saw a crash. ``struck``: fault → seeds in which it happened. ``fewest_turns``: of any seed.
    """

    seeds: int
    violations: int
    failing: tuple[Failing, ...]
    coverage: dict[str, dict[str, int]]
    struck: dict[str, int]
    states: dict[str, dict[str, int]]
    passed: dict[str, dict[str, int]]
    cells: int
    fewest_turns: int | None


class Played(msgspec.Struct, frozen=True):
    """What one seed showed. ``crashes``: (crash point, state of the line, faults that had struck) of each."""

    seed: int
    violations: list[Violation]
    crashes: list[tuple[str, str, tuple[str, ...]]]
    passed: dict[tuple[str, str], int]
    struck: list[str]
    turns: int


class Tally:
    """``add`` each seed; ``report`` says what they showed so far."""

    def __init__(self, faults: frozenset[Fault]) -> None:
        self.seeds = 0
        self._faults = faults
        self._violations = 0
        self._failing: list[Failing] = []
        self._struck: Counter[str] = Counter()
        self._beside: Counter[tuple[str, str]] = Counter()
        self._crashed: Counter[tuple[str, str]] = Counter()
        self._passed: Counter[tuple[str, str]] = Counter()
        self._cells: set[tuple[str, str, str]] = set()
        self._fewest_turns: int | None = None

    def add(self, played: Played) -> None:
        self.seeds += 1
        self._violations += len(played.violations)
        for violation in played.violations[: MOST_TOLD - len(self._failing)]:
            command = command_of(played.seed, self._faults)
            self._failing.append(Failing(played.seed, violation.invariant, violation.message, command))
        self._struck.update(played.struck)
        self._passed.update(played.passed)
        for point, state, struck in played.crashes:
            beside = struck or ("none",)
            self._crashed[point, state] += 1
            self._beside.update((point, fault) for fault in beside)
            self._cells.update((point, fault, state) for fault in beside)
        if self._fewest_turns is None or played.turns < self._fewest_turns:
            self._fewest_turns = played.turns

    def report(self) -> Report:
        return Report(
            seeds=self.seeds,
            violations=self._violations,
            failing=tuple(self._failing),
            coverage=_by_point(self._beside),
            struck=dict(sorted(self._struck.items())),
            states=_by_point(self._crashed),
            passed=_by_point(self._passed),
            cells=len(self._cells),
            fewest_turns=self._fewest_turns,
        )


def command_of(seed: int, faults: frozenset[Fault]) -> str:
    names = "all" if faults == ALL else ",".join(sorted(faults)) or "none"
    return f"ledgerline simulate --seeds 1 --first-seed {seed} --faults {names} --timeline"


def _by_point(counted: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (point, beside), count in sorted(counted.items()):
        found.setdefault(point, {})[beside] = count
    return found
