"""What the caller hears of a call, and when: a recorder that notes each audible frame of the agent as it leaves."""

from __future__ import annotations

import asyncio
import os

import numpy as np

from voice_gateway.recording import StereoRecorder

_AUDIBLE = 104  # root mean square, -50 dBFS: what a voice puts before its first sound isn't heard


class Meter(StereoRecorder):
    """``audible_at``: on the event loop's clock, in s.

    The line stamps a frame with the time at which it was due; a loop that is late sends it later than that.
    """

    def __init__(self, path: str | os.PathLike[str], started_at_s: float) -> None:
        super().__init__(path, started_at_s)
        self.audible_at: list[float] = []

    def agent(self, pcm: bytes, began_at_s: float) -> None:
        samples = np.frombuffer(pcm, np.int16).astype(np.float32)
        if samples.size and float(samples @ samples) >= _AUDIBLE**2 * samples.size:
            self.audible_at.append(max(began_at_s, asyncio.get_running_loop().time()))
        super().agent(pcm, began_at_s)
