"""The caller's voice over the agent's: whether it has to stop the agent. Pure; times are ms on the gateway's clock.

    voice ──┬── other words, or words that go on          stops the agent at once
            ├── yield_after_ms of voice, no word known    stops it: a word may be a long time coming; half of
            │                                             a backchannel ("got" of "got it") is no word yet, nor
            │                                             is an "uh"
            ├── backchannel_ms of voice, whatever words   stops it
            └── a final text of backchannels, or "uh"     nothing stops: the caller follows

It lasts as long as the sound. A voice that goes on when the sound is over is speech like any other.
"""

from __future__ import annotations

from agent_core.barge_in import asks, hesitates, is_made_of, may_become
from schemas.decisions import YieldGranted
from voice_gateway.commands import Sound


class Overlap:
    """``sound``: what the caller speaks over. ``fillers``: as granted."""

    def __init__(self, granted: YieldGranted, fillers: tuple[str, ...], sound: Sound, now_ms: float) -> None:
        self.sound_id, self.began_ms = sound.sound_id, now_ms
        self._granted, self._fillers = granted, fillers
        self._phrases = _backchannels(granted, sound.text)
        self._voice_since_ms: float | None = now_ms
        self._words = ""

    @property
    def voiced(self) -> bool:
        """Whether the caller's voice is heard now."""
        return self._voice_since_ms is not None

    @property
    def wordy(self) -> bool:
        """Whether a word of the caller is known."""
        return bool(self._words)

    def voice(self, active: bool, now_ms: float) -> None:
        if active != self.voiced:
            self._voice_since_ms = now_ms if active else None

    def words(self, text: str) -> None:
        """All that is known of what the caller says."""
        self._words = text

    def is_backchannel(self, text: str) -> bool:
        return is_made_of(text, self._phrases, self._granted.most_words)

    def stops(self, now_ms: float) -> bool:
        """Whether the agent must stop now."""
        follows = bool(self._words)
        if self._words and not self.is_backchannel(self._words):
            begun = may_become(self._words, self._phrases, self._granted.most_words)
            if not begun and not hesitates(self._words, self._fillers):
                return True
            follows = False  # "got" may be all that is known yet of "got it": as good as no word
        most_ms = self._granted.backchannel_ms if follows else self._granted.yield_after_ms
        return self._voice_since_ms is not None and now_ms - self._voice_since_ms >= most_ms


def _backchannels(granted: YieldGranted, line: str) -> tuple[str, ...]:
    """A "yes" while the agent asks is an answer."""
    if asks(line):
        return tuple(phrase for phrase in granted.backchannels if phrase not in granted.answers)
    return granted.backchannels
