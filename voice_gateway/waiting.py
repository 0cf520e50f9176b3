"""A caller who waits for an answer, and the granted marks that keep the line from going dead."""

from __future__ import annotations

from typing import NamedTuple

from schemas.decisions import StandingGranted


class Mark(NamedTuple):
    at_ms: int
    phrase_id: str


class Waiting:
    """``since_ms``: end of speech on the gateway's clock. Marks are ms after it; each is played once at most."""

    def __init__(
        self,
        since_ms: float,
        utterance_id: str,
        marks_ms: tuple[int, ...],
        phrases: tuple[str, ...],
        hard_ms: int,
        *,
        final: bool,
    ) -> None:
        self.since_ms = since_ms
        self.utterance_id = utterance_id
        self.hard_ms = hard_ms
        self.final = final
        self._marks = [Mark(at_ms, phrase_id) for at_ms, phrase_id in zip(marks_ms, phrases, strict=False)]
        self._played = 0

    def plan(self, marks_ms: tuple[int, ...], phrases: tuple[str, ...], hard_ms: int) -> None:
        """The turn's own plan in place of the standing one; marks that were played stay played."""
        self._marks = [Mark(at_ms, phrase_id) for at_ms, phrase_id in zip(marks_ms, phrases, strict=False)]
        self.hard_ms = hard_ms

    def due(self, since_ms: float) -> Mark | None:
        """The next mark that has come, taken. Marks that were missed while a line played are not made up for."""
        due = [mark for mark in self._marks[self._played :] if mark.at_ms <= since_ms]
        if not due:
            return None
        self._played += len(due)
        return due[-1]


def standing_plan(grant: StandingGranted, turn: int) -> tuple[str, ...]:
    """Which granted phrase for which mark, where no turn says so: looking up, still working, then a person.

    Empty where no phrase was granted: then only the hard mark is left.
    """
    if not grant.phrases:
        return ()
    order = ("looking_up", "still_working", "offer_person")
    plan: list[str] = []
    for mark in range(len(grant.hold_marks_ms)):
        fitting = [p for p in grant.phrases if p.pragmatic == order[min(mark, 2)]] or list(grant.phrases)
        fresh = [p for p in fitting if p.phrase_id not in plan] or fitting
        plan.append(fresh[turn % len(fresh)].phrase_id)
    return tuple(plan)
