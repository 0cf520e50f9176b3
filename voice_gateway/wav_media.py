"""A call made of audio clips: a scripted caller on the event loop's clock, and a line that plays in real time.

Nothing here asks for the wall clock, so the same call runs in real time on an ordinary loop and in a moment on a loop
with a virtual clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from agent_core.ports import FRAME_BYTES, FRAME_MS
from voice_gateway.playout import PlayoutBuffer
from voice_gateway.recording import StereoRecorder
from voice_gateway.scripted_caller import CallerAct, Say, ScriptedCaller, Utterance

_FRAME_S = FRAME_MS / 1000


class WavMedia:
    """The ``Media`` port (``FollowsAgent`` and ``HasKeypad`` too) over clips. ``recorder`` is fed by it and closed by whoever made it.

    The caller's frame *i* is what was said from ``start + i * 20 ms`` and arrives when those 20 ms are over. The agent
    is heard from the moment when a frame goes out.
    """

    def __init__(
        self,
        acts: Sequence[CallerAct],
        *,
        hang_up_after_ms: float = 3000.0,
        patience_ms: float = 20_000.0,
        recorder: StereoRecorder | None = None,
    ) -> None:
        self._caller = ScriptedCaller(acts, hang_up_after_ms=hang_up_after_ms, patience_ms=patience_ms)
        self._recorder = recorder
        self._playout = PlayoutBuffer()
        self._keyed = asyncio.Event()
        self._line: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    def from_clips(
        cls, clips: Sequence[bytes], *, pause_ms: float = 500.0, recorder: StereoRecorder | None = None
    ) -> WavMedia:
        """One clip after the other, each once the agent has finished."""
        return cls([Say(pcm, pause_ms=pause_ms) for pcm in clips], recorder=recorder)

    @property
    def played_bytes(self) -> int:
        return self._playout.played_bytes

    @property
    def said(self) -> list[Utterance]:
        """What the caller has begun to say so far, in order, with times on the loop's clock."""
        return list(self._caller.utterances)

    @property
    def keyed_nothing(self) -> int:
        """How often the caller was to key in a code and had got none."""
        return self._caller.keyed_nothing

    @property
    def true_speech_end_at(self) -> list[float]:
        """For each clip said so far, in order: when its sound really ended, on the loop's clock.

        A clip of pure silence has none and is left out.
        """
        ends = (utterance.speech_end_s for utterance in self._caller.utterances)
        return [end for end in ends if end is not None]

    async def frames(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        line = self._line = loop.create_task(self._run_line(due_s))
        try:
            while True:
                began_at_s, due_s = due_s, due_s + _FRAME_S
                await asyncio.sleep(due_s - loop.time())
                if self._closed:
                    return
                if line.done():
                    line.result()  # the line broke: its error is the call's
                frame = self._caller.frame(began_at_s)
                if frame is None:
                    return
                if self._caller.pressed:
                    self._keyed.set()
                if self._recorder is not None:
                    self._recorder.caller(frame, began_at_s)
                yield frame
        finally:
            await self.close()

    async def keys(self) -> AsyncIterator[str]:
        while not self._closed:
            await self._keyed.wait()
            self._keyed.clear()
            while self._caller.pressed:
                yield self._caller.pressed.pop(0)

    async def play(self, pcm: bytes) -> None:
        await self._playout.put(pcm)

    def clear(self) -> int:
        return self._playout.clear()

    async def close(self) -> None:
        self._closed = True
        self._keyed.set()
        self._playout.close()
        if self._line is not None:
            self._line.cancel()
            await asyncio.wait([self._line])
            self._line = None

    async def agent_started(self) -> None:
        self._caller.agent_started(asyncio.get_running_loop().time())

    async def agent_idle(self) -> None:
        self._caller.agent_idle(asyncio.get_running_loop().time())

    async def _run_line(self, due_s: float) -> None:
        """Takes what is to be played at the line's pace, whether or not anyone reads the caller's frames."""
        loop = asyncio.get_running_loop()
        while True:
            sent = self._playout.take(FRAME_BYTES)
            if sent:
                self._caller.agent_audible(due_s + _FRAME_S)
                if self._recorder is not None:
                    self._recorder.agent(sent, due_s)
            due_s += _FRAME_S
            await asyncio.sleep(due_s - loop.time())
