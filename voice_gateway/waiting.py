"""A caller who waits for an answer, and the granted marks that keep the line from going dead."""

from __future__ import annotations

from typing import NamedTuple

from schemas.decisions import GrantedPhrase, StandingGranted


class Mark(NamedTuple):
    at_ms: int
    phrase_id: str


class Waiting:
    """``since_ms``: end of speech on the gateway's clock. Marks are ms after it; each is played once at most. Phrases are played
    in their order, each leading to the next, however late the first mark is noticed."""

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
        self._marks_ms, self._phrases = marks_ms, phrases
        self._passed = self._played = 0  # of the marks; of the phrases

    def plan(self, marks_ms: tuple[int, ...], phrases: tuple[str, ...], hard_ms: int) -> None:
        """The turn's own plan in place of the standing one; marks that have passed stay so, phrases that were played too."""
        self._marks_ms, self._phrases = marks_ms, phrases
        self.hard_ms = hard_ms

    def due(self, since_ms: float) -> Mark | None:
        """The last mark that has come, taken, with the next phrase. Marks that were missed while a line played, or before the
        caller's words were known, are not made up for: one line for all of them."""
        due = [at_ms for at_ms in self._marks_ms[self._passed :] if at_ms <= since_ms]
        if not due or self._played >= len(self._phrases):
            return None
        self._passed += len(due)
        phrase_id = self._phrases[self._played]
        self._played += 1
        return Mark(due[-1], phrase_id)


_ORDER = (
    ("looking_up",),
    ("still_working",),
    ("offer_person", "offer_callback"),
)  # of what the lines say, mark by mark


def granted_line(grant: StandingGranted, phrase_id: str, last: str) -> GrantedPhrase | None:
    """The line to play where ``phrase_id`` is planned. Where the caller heard that one ``last``, another one that says
    the same, or any other. None: it wasn't granted, so it may not be played."""
    planned = next((p for p in grant.phrases if p.phrase_id == phrase_id), None)
    if planned is None or phrase_id != last:
        return planned
    others = [p for p in _holding_lines(grant) if p.phrase_id != last]
    return next((p for p in others if p.pragmatic == planned.pragmatic), next(iter(others), planned))


def _holding_lines(grant: StandingGranted) -> list[GrantedPhrase]:
    """Without those that only go on after the agent itself was cut off."""
    return [p for p in grant.phrases if p.pragmatic != "repair"]


def standing_plan(grant: StandingGranted, turn: int) -> tuple[str, ...]:
    """Which granted phrase for which mark, where no turn says so: looking up, still working, then a person.

    Empty where no phrase was granted: then only the hard mark is left.
    """
    usable = _holding_lines(grant)
    if not usable:
        return ()
    plan: list[str] = []
    for mark in range(len(grant.hold_marks_ms)):
        fitting = [p for p in usable if p.pragmatic in _ORDER[min(mark, len(_ORDER) - 1)]] or usable
        fresh = [p for p in fitting if p.phrase_id not in plan] or fitting
        plan.append(fresh[turn % len(fresh)].phrase_id)
    return tuple(plan)
