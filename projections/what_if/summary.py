"""What a what-if would change over many calls, gathered call by call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from projections.what_if.limits import Doubts
from projections.what_if.report import (
    CHANGED,
    IMPORTED,
    UNKNOWN,
    CallWhatIf,
    Compared,
    Outcomes,
    Said,
    TurnWhatIf,
    WentOn,
    WhatIfSummary,
)


class _Sides:
    """A figure of both sides, added up over the turns of which both are known."""

    def __init__(self) -> None:
        self.recorded: list[float] = []
        self.what_if: list[float] = []

    def add(self, recorded: float | None, what_if: float | None) -> None:
        if recorded is not None and what_if is not None:
            self.recorded.append(recorded)
            self.what_if.append(what_if)

    def total(self) -> Compared:
        return self._told(sum)

    def quantile(self, share: float) -> Compared:
        return self._told(lambda values: sorted(values)[min(len(values) - 1, int(share * len(values)))])

    def _told(self, of: Callable[[Sequence[float]], float]) -> Compared:
        if not self.recorded:
            return Compared(recorded=None, what_if=None)
        return Compared(recorded=round(of(self.recorded), 3), what_if=round(of(self.what_if), 3))


class Gathered:
    """Feed it one call after the other: it keeps figures, not calls."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._costs, self._decisions, self._holds = _Sides(), _Sides(), _Sides()
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self.not_identical = 0

    @property
    def identical(self) -> bool | None:
        return self.not_identical == 0 if self._count["judged"] else None

    def add(self, call: CallWhatIf) -> None:
        self._count["calls"] += 1
        self._count["judged"] += call.identical is not None
        self.not_identical += call.identical is False
        for turn in call.turns:
            self._add_turn(turn)
        if call.went_on is not None:
            self._add_end(call.went_on)

    def _add_end(self, went_on: WentOn) -> None:
        self._count["went_on"] += 1
        if went_on.what_if is None:
            self._count["end_unknown"] += 1
            return
        self._outcomes["then", went_on.recorded.outcome or "none"] += 1
        self._outcomes["now", went_on.what_if.outcome or "none"] += 1

    def _add_turn(self, turn: TurnWhatIf) -> None:
        count, here, there = self._count, turn.recorded, turn.what_if
        count["turns"] += 1
        count[turn.reply] += 1
        count["not_comparable"] += turn.reply == CHANGED and not turn.comparable
        count["older_code"] += turn.older_code
        count["reused"] += turn.reused
        count["asked"] += turn.asked
        count["failed"] += turn.failed
        self._add_trait("blocked", then=bool(here.blocked), now=bool(turn.blocked))
        if there is None:
            count["perhaps blocked"] += not here.blocked and not turn.blocked
            count["cost not judged"] += turn.cause != IMPORTED
            count["perhaps escalated"] += not _TRAITS["escalated"](here)
            return
        count["known"] += 1
        if turn.cause != IMPORTED:  # models of ours were never asked there
            count["cost unknown"] += here.cost_micros is None or there.cost_micros is None
            self._costs.add(here.cost_micros, there.cost_micros)
        self._decisions.add(here.decision_ms, there.decision_ms)
        self._holds.add(here.holds, there.holds)
        for name, is_so in _TRAITS.items():
            self._add_trait(name, then=is_so(here), now=is_so(there))

    def _add_trait(self, name: str, *, then: bool, now: bool) -> None:
        self._count[name] += then
        self._count[f"{name}, what if"] += now
        self._count[f"newly {name}"] += now and not then
        self._count[f"no longer {name}"] += then and not now

    @property
    def doubts(self) -> Doubts:
        count = self._count
        return Doubts(
            changed=count[UNKNOWN],
            newly_blocked=count["perhaps blocked"],
            newly_escalated=count["perhaps escalated"],
            costs=count["cost not judged"],
        )

    def summary(self) -> WhatIfSummary:
        count = self._count
        return WhatIfSummary(
            calls=count["calls"],
            judged=count["judged"],
            turns=count["turns"],
            same=count["turns"] - count[CHANGED] - count[UNKNOWN],
            changed=count[CHANGED],
            unknown=count[UNKNOWN],
            not_comparable=count["not_comparable"],
            older_code=count["older_code"],
            newly_blocked=count["newly blocked"],
            no_longer_blocked=count["no longer blocked"],
            newly_escalated=count["newly escalated"],
            no_longer_escalated=count["no longer escalated"],
            blocked=self._both("blocked", count["turns"]),
            escalated=self._both("escalated", count["known"]),
            fallbacks=self._both("fallbacks", count["known"]),
            holds=self._holds.total(),
            cost_micros=self._costs.total(),
            decision_p50_ms=self._decisions.quantile(0.5),
            decision_p95_ms=self._decisions.quantile(0.95),
            reused=count["reused"],
            asked=count["asked"],
            went_on=count["went_on"],
            end_unknown=count["end_unknown"],
            failed=count["failed"],
            cost_unknown=count["cost unknown"],
            outcomes=tuple(
                Outcomes(outcome=name, recorded=self._outcomes["then", name], what_if=self._outcomes["now", name])
                for name in sorted({name for _, name in self._outcomes})
            ),
        )

    def _both(self, name: str, turns: int) -> Compared:
        if not turns:
            return Compared(recorded=None, what_if=None)
        return Compared(recorded=self._count[name], what_if=self._count[f"{name}, what if"])


_TRAITS: dict[str, Callable[[Said], bool]] = {
    "escalated": lambda said: said.kind == "escalation",
    "fallbacks": lambda said: said.action == "fallback" or said.kind == "closing_line",
}
