"""When a turn begins, pauses and ends, from the voice detector's probabilities alone. Pure: time is audio time.

::

    probability  ___/‾‾‾‾‾‾‾‾‾\\_____/‾‾‾‾‾\\_________________
    phase        QUIET| SPEAKING |PAUSED|SPEAKING|PAUSED   |QUIET
    said         Began         Paused Resumed   Paused   Ended
                  ↑ after min_speech  ↑ after eager_silence ↑ after end_silence

A voice that only clicks (shorter than ``min_speech_ms``) begins no turn and resumes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """Times in ms of audio; the detector gives a probability every 32 ms, so multiples of 32 are exact.

    A lower ``stay_probability`` than ``start_probability`` keeps a quiet syllable from ending a word.
    """

    start_probability: float = 0.5
    stay_probability: float = 0.35
    min_speech_ms: float = 96.0
    eager_silence_ms: float = 192.0
    end_silence_ms: float = 512.0

    def __post_init__(self) -> None:
        if not 0 < self.stay_probability <= self.start_probability < 1:
            raise ValueError("needs 0 < stay_probability <= start_probability < 1")
        if self.min_speech_ms <= 0 or not 0 < self.eager_silence_ms <= self.end_silence_ms:
            raise ValueError("needs 0 < min_speech_ms and 0 < eager_silence_ms <= end_silence_ms")


@dataclass(frozen=True, slots=True)
class Began:
    speech_start_ms: float
    at_ms: float


@dataclass(frozen=True, slots=True)
class Paused:
    """Silent for ``eager_silence_ms``: probably over."""

    speech_end_ms: float
    at_ms: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """Not over: speech again before ``end_silence_ms`` had passed."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class Ended:
    speech_end_ms: float
    at_ms: float


Endpoint = Began | Paused | Resumed | Ended


class _Phase(Enum):
    QUIET = auto()
    SPEAKING = auto()
    PAUSED = auto()


class Endpointer:
    """Feed it each window's probability in order; it says at most one thing a window."""

    def __init__(self, options: EndpointOptions | None = None) -> None:
        self._options = options or EndpointOptions()
        self._phase = _Phase.QUIET
        self._onset_ms: float | None = None  # since when it sounds like speech, while that isn't certain yet
        self._speech_end_ms = 0.0

    def step(self, probability: float, start_ms: float, end_ms: float) -> Endpoint | None:
        """``start_ms`` and ``end_ms`` are the window's place in the audio."""
        match self._phase:
            case _Phase.SPEAKING:
                return self._while_speaking(probability, end_ms)
            case _Phase.QUIET:
                return self._while_quiet(probability, start_ms, end_ms)
            case _Phase.PAUSED:
                return self._while_paused(probability, start_ms, end_ms)

    def _while_quiet(self, probability: float, start_ms: float, end_ms: float) -> Began | None:
        onset_ms = self._certain_onset(probability, start_ms, end_ms)
        if onset_ms is None:
            return None
        self._phase, self._speech_end_ms = _Phase.SPEAKING, end_ms
        return Began(onset_ms, end_ms)

    def _while_speaking(self, probability: float, end_ms: float) -> Paused | None:
        if probability >= self._options.stay_probability:
            self._speech_end_ms = end_ms
        elif end_ms - self._speech_end_ms >= self._options.eager_silence_ms:
            self._phase = _Phase.PAUSED
            return Paused(self._speech_end_ms, end_ms)
        return None

    def _while_paused(self, probability: float, start_ms: float, end_ms: float) -> Resumed | Ended | None:
        if self._certain_onset(probability, start_ms, end_ms) is not None:
            self._phase, self._speech_end_ms = _Phase.SPEAKING, end_ms
            return Resumed(end_ms)
        if self._onset_ms is None and end_ms - self._speech_end_ms >= self._options.end_silence_ms:
            self._phase = _Phase.QUIET
            return Ended(self._speech_end_ms, end_ms)
        return None

    def _certain_onset(self, probability: float, start_ms: float, end_ms: float) -> float | None:
        """Where speech began, once there is enough of it in a row."""
        threshold = self._options.start_probability if self._onset_ms is None else self._options.stay_probability
        if probability < threshold:
            self._onset_ms = None
            return None
        if self._onset_ms is None:
            self._onset_ms = start_ms
        if end_ms - self._onset_ms < self._options.min_speech_ms:
            return None
        onset_ms, self._onset_ms = self._onset_ms, None
        return onset_ms
