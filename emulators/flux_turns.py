"""Flux's turn state machine, in audio time alone: 20 ms frames of speech or silence in, happenings out.

    WAITING --StartOfTurn--> ONGOING --EagerEndOfTurn--> AWAITING_END --EndOfTurn--> WAITING
                                ^-------TurnResumed----------'
    ONGOING --EndOfTurn--> WAITING     with eager off, on a timeout, or when forced

Nothing here looks at a clock: where no audio flows, no turn ever ends, as at the vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

FRAME_MS = 20
_RESUME_MS = 40  # speech in a row that takes back an eager end; shorter sounds are clicks


class Event(StrEnum):
    """As Flux spells them."""

    UPDATE = "Update"
    START = "StartOfTurn"
    EAGER = "EagerEndOfTurn"
    RESUMED = "TurnResumed"
    END = "EndOfTurn"


class Trigger(StrEnum):
    MODEL = "model"
    TIMEOUT = "timeout"
    MANUAL = "manual"


class _State(Enum):
    WAITING = auto()
    ONGOING = auto()
    AWAITING_END = auto()


@dataclass(frozen=True, slots=True)
class TurnRules:
    """How one turn ends; durations in ms of silence. None: never in this way."""

    eager_ms: float | None
    end_ms: float | None
    timeout_ms: float | None
    not_before_ms: float = 0.0  # audio since the turn's start before which it can't end
    eager_twice: bool = False  # an eager end with a word missing, taken back, then the real one


@dataclass(frozen=True, slots=True)
class Happening:
    """Positions are ms of audio since the connection opened. ``short``: the eager end that misses its last word."""

    event: Event
    turn: int
    window_start_ms: float
    audio_ms: float
    speech_start_ms: float | None = None
    speech_end_ms: float | None = None
    trigger: Trigger | None = None
    short: bool = False


class TurnMachine:
    """``rules`` gives the rules of a turn when it starts, None where no turn may start (there is nothing to hear)."""

    def __init__(self, rules: Callable[[int], TurnRules | None], *, start_ms: float, update_every_ms: float) -> None:
        self._rules_for = rules
        self._start_ms = start_ms
        self._update_every_ms = update_every_ms
        self._state = _State.WAITING
        self._rules = TurnRules(None, None, None)
        self.audio_ms = 0.0
        self.turn = 0
        self._window_start_ms = 0.0
        self._speech_run_ms = 0.0
        self._speech_start_ms = 0.0
        self._speech_end_ms = 0.0
        self._said_ms = 0.0  # position of the last message
        self._short_eager_due = False

    @property
    def in_turn_ms(self) -> float | None:
        """Audio since the start of the open turn; None between turns."""
        return None if self._state is _State.WAITING else self.audio_ms - self._speech_start_ms

    def frame(self, speech: bool) -> Iterator[Happening]:
        """Take the next 20 ms."""
        self.audio_ms += FRAME_MS
        self._speech_run_ms = self._speech_run_ms + FRAME_MS if speech else 0.0
        if self._state is _State.WAITING:
            yield from self._waiting()
        elif self._state is _State.ONGOING:
            if speech:
                self._speech_end_ms = self.audio_ms
            yield from self._ongoing()
        else:
            yield from self._awaiting_end()
        if self.audio_ms - self._said_ms >= self._update_every_ms:
            yield self._say(Event.UPDATE)

    def force_end(self) -> Iterator[Happening]:
        """``ForceEndTurn``: nothing happens where no turn is open."""
        if self._state is not _State.WAITING:
            yield self._end(Trigger.MANUAL)

    def retime(self, rules: TurnRules) -> None:
        """Other rules for the open turn (the client sent ``Configure``)."""
        self._rules = rules

    def _waiting(self) -> Iterator[Happening]:
        if self._speech_run_ms < self._start_ms:
            return
        rules = self._rules_for(self.turn)
        if rules is None:
            return
        self._rules = rules
        self._short_eager_due = rules.eager_twice
        self._state = _State.ONGOING
        self._speech_start_ms = self.audio_ms - self._speech_run_ms
        self._speech_end_ms = self.audio_ms
        yield self._say(Event.START)

    def _ongoing(self) -> Iterator[Happening]:
        if self._due(self._rules.eager_ms):
            short, self._short_eager_due = self._short_eager_due, False
            self._state = _State.AWAITING_END
            yield self._say(Event.EAGER, short=short)
            if short:
                self._state = _State.ONGOING
                yield self._say(Event.RESUMED, short=True)
                return
        yield from self._ending()

    def _awaiting_end(self) -> Iterator[Happening]:
        if self._speech_run_ms >= _RESUME_MS:
            self._state = _State.ONGOING
            self._speech_end_ms = self.audio_ms
            yield self._say(Event.RESUMED)
            return
        yield from self._ending()

    def _ending(self) -> Iterator[Happening]:
        if self._due(self._rules.end_ms):
            yield self._end(Trigger.MODEL)
        elif self._due(self._rules.timeout_ms):
            yield self._end(Trigger.TIMEOUT)

    def _due(self, silence_ms: float | None) -> bool:
        if silence_ms is None or self.audio_ms - self._speech_start_ms < self._rules.not_before_ms:
            return False
        return self.audio_ms - self._speech_end_ms >= max(silence_ms, FRAME_MS)

    def _end(self, trigger: Trigger) -> Happening:
        ended = self._say(Event.END, trigger=trigger)
        self._state = _State.WAITING
        self.turn += 1
        self._window_start_ms = self.audio_ms
        return ended

    def _say(self, event: Event, *, trigger: Trigger | None = None, short: bool = False) -> Happening:
        self._said_ms = self.audio_ms
        in_turn = self._state is not _State.WAITING
        return Happening(
            event=event,
            turn=self.turn,
            window_start_ms=self._window_start_ms,
            audio_ms=self.audio_ms,
            speech_start_ms=self._speech_start_ms if in_turn else None,
            speech_end_ms=self._speech_end_ms if in_turn else None,
            trigger=trigger,
            short=short,
        )
