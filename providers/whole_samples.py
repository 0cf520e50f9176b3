"""PCM16 that comes in pieces of any size: half a sample waits for its other half, else all behind it would be noise."""

from __future__ import annotations


class WholeSamples:
    """For one stream of audio."""

    def __init__(self) -> None:
        self._half = b""

    def take(self, piece: bytes) -> bytes:
        """The whole samples so far; may be none."""
        joined = self._half + piece
        cut = len(joined) // 2 * 2
        self._half = joined[cut:]
        return joined[:cut]
