"""What many seeds showed, counted as they come in: it doesn't grow with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from simulation.cells import NO_FAULT, Cell, reachable
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
    """``failing``: the first violations, of ``violations`` in all. ``struck``: fault → seeds in which it happened.
    ``fewest_turns``: of any seed.

    ``coverage``: crash point → fault that had struck by then → crashes; ``none`` where the crash was the first fault.
    ``crashes``: the same by crash point → state of the call → fault. ``passed``: crash point → state → how often a process
    stood there that might have died. ``cells``: of crash point × state × fault, those that can be reached
    (``simulation/cells.py``); ``empty`` of them saw no crash; ``surprises``: pairs of point and state in which a process
    stood though none should.
    """

    seeds: int
    violations: int
    failing: tuple[Failing, ...]
    coverage: dict[str, dict[str, int]]
    struck: dict[str, int]
    crashes: dict[str, dict[str, dict[str, int]]]
    passed: dict[str, dict[str, int]]
    cells: int
    empty: int
    surprises: tuple[str, ...]
    fewest_turns: int | None


class Played(msgspec.Struct):
    """What one seed showed. ``struck``: faults in the order in which each struck first. ``crashes``: (crash point, state,
    how many of them had struck by then) of each; ``passed``: (crash point, state) → how often a process stood there.
    """

    seed: int
    violations: list[Violation]
    struck: list[str]
    crashes: list[tuple[str, str, int]]
    passed: dict[tuple[str, str], int]
    turns: int

    def cells(self) -> Iterator[Cell]:
        """Those in which a process died."""
        for point, state, struck in self.crashes:
            yield from (Cell(point, state, fault) for fault in self.struck[:struck] or (NO_FAULT,))


class Tally:
    """``add`` each seed; ``report`` says what they showed so far."""

    def __init__(self, faults: frozenset[Fault]) -> None:
        self._faults = faults
        self._failing: list[Failing] = []
        self._struck: Counter[str] = Counter()
        self._crashes: Counter[Cell] = Counter()
        self._passed: Counter[tuple[str, str]] = Counter()
        self.seeds = 0
        self.violations = 0
        self._fewest_turns: int | None = None

    def add(self, played: Played) -> None:
        self.seeds += 1
        self.violations += len(played.violations)
        for violation in played.violations[: MOST_TOLD - len(self._failing)]:
            command = command_of(played.seed, self._faults)
            self._failing.append(Failing(played.seed, violation.invariant, violation.message, command))
        self._struck.update(played.struck)
        self._crashes.update(played.cells())
        self._passed.update(played.passed)
        if self._fewest_turns is None or played.turns < self._fewest_turns:
            self._fewest_turns = played.turns

    def report(self) -> Report:
        can_be = reachable()
        pairs = {(cell.point, cell.state) for cell in can_be}
        coverage: dict[str, Counter[str]] = {}
        crashes: dict[str, dict[str, dict[str, int]]] = {}
        for (point, state, fault), count in sorted(self._crashes.items()):
            coverage.setdefault(point, Counter())[fault] += count
            crashes.setdefault(point, {}).setdefault(state, {})[fault] = count
        passed: dict[str, dict[str, int]] = {}
        for (point, state), count in sorted(self._passed.items()):
            passed.setdefault(point, {})[state] = count
        return Report(
            seeds=self.seeds,
            violations=self.violations,
            failing=tuple(self._failing),
            coverage={point: dict(sorted(faults.items())) for point, faults in coverage.items()},
            struck=dict(sorted(self._struck.items())),
            crashes=crashes,
            passed=passed,
            cells=len(can_be),
            empty=len(can_be - self._crashes.keys()),
            surprises=tuple(f"{point} × {state}" for point, state in sorted(self._passed.keys() - pairs)),
            fewest_turns=self._fewest_turns,
        )


def empty_cells(report: Report) -> list[Cell]:
    """The cells that can be reached, and saw no crash."""
    return sorted(
        cell for cell in reachable() if cell.fault not in report.crashes.get(cell.point, {}).get(cell.state, {})
    )


def command_of(seed: int, faults: frozenset[Fault]) -> str:
    names = "all" if faults == ALL else ",".join(sorted(faults)) or "none"
    return f"ledgerline simulate --seeds 1 --first-seed {seed} --faults {names} --timeline"
