"""Words and their times from the times of single characters."""

from __future__ import annotations

from collections.abc import Sequence

from agent_core.ports import WordTiming
from agent_core.whole_text import whole_text


class WordsFromCharacters:
    """Joins characters to words across pieces of audio: a word may begin in one piece and end in the next."""

    def __init__(self) -> None:
        self._word = ""
        self._start_ms = 0.0
        self._end_ms = 0.0

    def take(
        self, chars: Sequence[str], starts_ms: Sequence[float], durations_ms: Sequence[float], offset_ms: float
    ) -> tuple[WordTiming, ...]:
        """The words that these characters complete. Times count from ``offset_ms`` into the utterance."""
        finished: list[WordTiming] = []
        for char, start_ms, duration_ms in zip(chars, starts_ms, durations_ms, strict=False):
            if char.isspace():
                finished += self.finish()
                continue
            if not self._word:
                self._start_ms = offset_ms + start_ms
            self._word += char
            self._end_ms = offset_ms + start_ms + duration_ms
        return tuple(finished)

    def finish(self) -> tuple[WordTiming, ...]:
        """The word that is still open, if there is one."""
        word, self._word = self._word, ""
        return (WordTiming(whole_text(word), self._start_ms, self._end_ms),) if word else ()
