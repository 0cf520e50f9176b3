"""Positions in the audio that was pushed, where a recogniser also got silence that nobody pushed."""

from __future__ import annotations


class AudioTimeline:
    """Counts what was sent; maps the recogniser's positions back. All in ms from the first audio sent."""

    def __init__(self) -> None:
        self.sent_ms = 0.0
        self._fills: list[tuple[float, float]] = []  # where each filling begins and how long it is, in order

    def pushed(self, ms: float) -> None:
        self.sent_ms += ms

    def filled(self, ms: float) -> None:
        if self._fills and sum(self._fills[-1]) == self.sent_ms:
            begins_ms, length_ms = self._fills[-1]
            self._fills[-1] = (begins_ms, length_ms + ms)
        else:
            self._fills.append((self.sent_ms, ms))
        self.sent_ms += ms

    def pushed_ms(self, sent_ms: float) -> float:
        """The position in the pushed audio; a position within filling is that of its start."""
        return sent_ms - sum(min(max(0.0, sent_ms - begins), length) for begins, length in self._fills)
