"""Flux's messages into our recogniser events: pure, and tolerant of a lossy sender.

The port promises more than a socket can: after ``TurnMaybeEnded`` comes ``TurnEnded`` with the same text or
``TurnResumed``, and every turn that started ends. Messages may arrive twice or go missing, so what a lost message must
have said is made good from the next one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent_core.ports import (
    FailureReason,
    ProviderError,
    RecogniserEvent,
    RecogniserFailed,
    TurnEnded,
    TurnMaybeEnded,
    TurnResumed,
    TurnStarted,
    TurnUpdated,
)
from agent_core.whole_text import whole_text


@dataclass(slots=True)
class _OpenTurn:
    index: int
    text: str = ""
    confidence: float = 0.0
    speech_end_ms: float | None = None
    eager_text: str | None = None  # None: not awaiting its end
    eager_ms: float = 0.0


class FluxTurns:
    """``position`` maps Flux's ms of audio to ours. ``stuck_ms``: audio after an eager end that nothing followed."""

    def __init__(self, provider: str, position: Callable[[float], float], *, stuck_ms: float) -> None:
        self._provider = provider
        self._position = position
        self._stuck_ms = stuck_ms
        self._sequence = -1
        self._ended = -1  # the highest turn that ended
        self._turn: _OpenTurn | None = None

    def take(self, message: Mapping[str, Any]) -> list[RecogniserEvent]:
        """The events that one message means; none for a repeated message or one of no interest."""
        sequence = message.get("sequence_id")
        if isinstance(sequence, int):
            if sequence <= self._sequence:
                return []
            self._sequence = sequence
        kind = message.get("type")
        if kind == "Error":
            detail = str(message.get("code") or "")
            return [RecogniserFailed(ProviderError(FailureReason.UNAVAILABLE, self._provider, detail))]
        if kind != "TurnInfo":
            return []
        try:
            return list(self._turn_info(message))
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            error = ProviderError(FailureReason.INVALID, self._provider, "a TurnInfo that isn't one")
            return [RecogniserFailed(error)]

    def _turn_info(self, message: Mapping[str, Any]) -> Iterator[RecogniserEvent]:
        index, event = int(message["turn_index"]), message["event"]
        text = whole_text(str(message["transcript"]))
        heard_ms = _seconds(message["audio_window_end"]) * 1000
        audio_ms = self._position(heard_ms)
        if index <= self._ended:
            return  # what was already ended here
        if self._turn is not None and index > self._turn.index:
            yield from self._end(self._turn, self._turn.text, audio_ms)  # its EndOfTurn was lost
        if self._turn is None:
            if event == "Update" and not text:
                return
            self._turn = _OpenTurn(index)
            yield TurnStarted(audio_ms)
        turn = self._turn
        turn.confidence = float(message.get("end_of_turn_confidence") or 0.0)
        turn.speech_end_ms = self._speech_end_ms(message)
        if event == "EagerEndOfTurn":
            yield from self._eager(turn, text, heard_ms, audio_ms)
        elif event == "EndOfTurn":
            yield from self._resumed_unless_same(turn, text, audio_ms)
            yield from self._end(turn, text, audio_ms)
        elif event == "TurnResumed":
            yield from self._resumed(turn, text, audio_ms)
        else:
            yield from self._updated(turn, text, heard_ms, audio_ms)

    def _eager(self, turn: _OpenTurn, text: str, heard_ms: float, audio_ms: float) -> Iterator[RecogniserEvent]:
        yield from self._resumed_unless_same(turn, text, audio_ms)
        if text and turn.eager_text is None:
            turn.text, turn.eager_text, turn.eager_ms = text, text, heard_ms
            yield TurnMaybeEnded(text, turn.confidence, turn.speech_end_ms, audio_ms)

    def _updated(self, turn: _OpenTurn, text: str, heard_ms: float, audio_ms: float) -> Iterator[RecogniserEvent]:
        yield from self._resumed_unless_same(turn, text, audio_ms)
        if turn.eager_text is not None:
            if heard_ms - turn.eager_ms >= self._stuck_ms:
                yield from self._end(turn, turn.eager_text, audio_ms)
        elif text != turn.text:
            turn.text = text
            yield TurnUpdated(text, audio_ms)

    def _resumed_unless_same(self, turn: _OpenTurn, text: str, audio_ms: float) -> Iterator[RecogniserEvent]:
        """Another text after an eager end: its TurnResumed was lost."""
        if turn.eager_text is not None and text != turn.eager_text:
            yield from self._resumed(turn, text, audio_ms)

    def _resumed(self, turn: _OpenTurn, text: str, audio_ms: float) -> Iterator[RecogniserEvent]:
        if turn.eager_text is not None:
            turn.eager_text, turn.text = None, text
            yield TurnResumed(text, audio_ms)

    def _end(self, turn: _OpenTurn, text: str, audio_ms: float) -> Iterator[RecogniserEvent]:
        self._turn, self._ended = None, turn.index
        yield TurnEnded(text, turn.confidence, turn.speech_end_ms, audio_ms)

    def _speech_end_ms(self, message: Mapping[str, Any]) -> float | None:
        words = message.get("words") or []
        end_s = words[-1].get("end") if words else None
        return None if end_s is None else self._position(_seconds(end_s) * 1000)


def _seconds(told: Any) -> float:
    """Raises ``ValueError``: JSON as Python reads it has NaN and Infinity."""
    found = float(told)
    if not math.isfinite(found):
        raise ValueError("not a time")
    return found
