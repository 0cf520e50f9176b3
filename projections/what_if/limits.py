"""What of a what-if is too much: the limits of ``--fail-on``, for who stops a release by it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple

from projections.what_if.change import WhatIfError
from projections.what_if.report import WhatIfSummary

_LIMIT = re.compile(r"([a-z-]+)\s*(>=|>)\s*([0-9]+(?:\.[0-9]+)?)(%?)")
_OVER: dict[str, Callable[[float, float], bool]] = {">": operator.gt, ">=": operator.ge}
_OF_SUMMARY = {
    "reply-changed": "changed",
    "unknown": "unknown",
    "newly-blocked": "newly_blocked",
    "newly-escalated": "newly_escalated",
}
LIMITED = (*_OF_SUMMARY, "not-identical", "not-judged", "asks-failed", "cost")
_WITHOUT_JUDGING = ("not-judged", "asks-failed")  # are known though no call could be judged


class Verdict(Enum):
    HOLDS = "holds"
    BROKEN = "broken"
    UNDECIDED = "undecided"


class Doubts(NamedTuple):
    """How many turns may count besides those that are known to, were all known. ``costs``: turns of which it isn't known
    what would be said, so neither what it costs."""

    changed: int = 0
    newly_blocked: int = 0
    newly_escalated: int = 0
    costs: int = 0


class Limit(NamedTuple):
    """``reply-changed>1%``: of the turns; without %, so many. ``not-identical`` and ``not-judged`` are of the calls,
    ``asks-failed`` of what was asked anew, and ``cost`` is by how much what models cost would rise."""

    told: str
    what: str
    over: str
    value: float
    is_share: bool

    def verdict(self, summary: WhatIfSummary, not_identical: int, doubts: Doubts) -> Verdict:
        """Undecided where it holds by what is known, and what isn't known could break it."""
        if not summary.judged and self.what not in _WITHOUT_JUDGING:
            return Verdict.UNDECIDED
        if self.what == "cost":
            return self._of_cost(summary, doubts)
        count, whole = self._counted(summary, not_identical)
        if self._is_over(count, whole):
            return Verdict.BROKEN
        doubtful: int = getattr(doubts, _OF_SUMMARY.get(self.what, ""), 0)
        return Verdict.UNDECIDED if self._is_over(count + doubtful, whole) else Verdict.HOLDS

    def _counted(self, summary: WhatIfSummary, not_identical: int) -> tuple[int, int]:
        match self.what:
            case "not-identical":
                return not_identical, summary.calls
            case "not-judged":
                return summary.calls - summary.judged, summary.calls
            case "asks-failed":
                return summary.failed, summary.asked
        return getattr(summary, _OF_SUMMARY[self.what]), summary.turns

    def _is_over(self, count: int, whole: int) -> bool:
        return _OVER[self.over](100 * count / whole if self.is_share and whole else float(count), self.value)

    def _of_cost(self, summary: WhatIfSummary, doubts: Doubts) -> Verdict:
        cost = summary.cost_micros
        if cost.recorded is None or cost.what_if is None or summary.cost_unknown or doubts.costs:
            return Verdict.UNDECIDED
        return Verdict.BROKEN if self._costs_too_much(cost.recorded, cost.what_if) else Verdict.HOLDS

    def _costs_too_much(self, recorded: float, what_if: float) -> bool:
        rise = what_if - recorded
        if self.is_share:
            rise = 100 * rise / recorded if recorded else (float("inf") if rise > 0 else 0.0)
        return _OVER[self.over](rise, self.value)


def limits(given: Iterable[str]) -> tuple[Limit, ...]:
    """Raises ``WhatIfError``."""
    read: list[Limit] = []
    for text in given:
        match = _LIMIT.fullmatch(text.strip())
        if match is None or match[1] not in LIMITED:
            raise WhatIfError(f"--fail-on {text}: such as reply-changed>1%; there are {', '.join(LIMITED)}")
        read.append(Limit(text, match[1], match[2], float(match[3]), bool(match[4])))
    return tuple(read)


def of_verdict(
    wanted: Verdict, limited: Iterable[Limit], summary: WhatIfSummary, not_identical: int, doubts: Doubts
) -> tuple[str, ...]:
    """The limits of which it is so, as they were given. Who limits ``unknown`` has said how much of it they bear: what it
    allows doesn't leave the others in doubt."""
    each = tuple(limited)
    borne = any(limit.what == "unknown" for limit in each)
    remaining = Doubts() if borne else doubts
    return tuple(limit.told for limit in each if limit.verdict(summary, not_identical, remaining) is wanted)
