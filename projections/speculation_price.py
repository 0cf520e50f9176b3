"""What working on eager ends of turns cost a call, next to how often it was right."""

from __future__ import annotations

import msgspec

from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event

_CALLS = f.CompletionReturned | f.EffectFailed | f.EffectCancelled


class SpeculationPrice(msgspec.Struct, frozen=True, kw_only=True):
    """``eager_ends``: ends of turn that were taken for the caller's last word, ``wrong`` of them too early, or with other
    words. ``answer_calls``: attempts of models at answers; ``wasted_calls``: those for ends that were wrong.
    ``wasted_renderings``: audio that was begun and never played, whatever for."""

    eager_ends: int
    wrong: int
    answer_calls: int
    wasted_calls: int
    wasted_renderings: int


class SpeculationFold:
    def __init__(self) -> None:
        self._eager: set[tuple[str, int]] = set()  # turn, speculation
        self._dropped: set[tuple[str, int]] = set()
        self._asked_for: dict[str, tuple[str, int]] = {}  # ask of an answer -> what it was for
        self._calls: dict[str, int] = {}  # ask -> attempts that ended, however
        self._renderings = 0
        self._newest = 0
        self._heard_eager = False

    def take(self, event: Event) -> None:
        payload, turn = event.payload, event.turn_id or ""
        if isinstance(payload, f.UtteranceHeard):
            self._heard_eager = not payload.final
        elif isinstance(payload, d.SpeculationOpened):
            self._newest = payload.speculation
            if self._heard_eager:
                self._eager.add((turn, payload.speculation))
        elif isinstance(payload, d.SpeculationDropped):
            self._dropped.add((turn, payload.speculation))
        elif isinstance(payload, d.CompletionAsked):
            self._asked_for[payload.ask_id] = (turn, self._newest)
        elif isinstance(payload, _CALLS) and payload.ask_id in self._asked_for:
            self._calls[payload.ask_id] = self._calls.get(payload.ask_id, 0) + 1
        elif isinstance(payload, f.RenderingWasted):
            self._renderings += 1

    def price(self) -> SpeculationPrice:
        wrong = self._eager & self._dropped
        return SpeculationPrice(
            eager_ends=len(self._eager),
            wrong=len(wrong),
            answer_calls=sum(self._calls.values()),
            wasted_calls=sum(calls for ask_id, calls in self._calls.items() if self._asked_for[ask_id] in wrong),
            wasted_renderings=self._renderings,
        )
