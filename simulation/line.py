"""A telephone line without sound: who holds it, what plays on it, and what the caller says into it."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import NamedTuple

from simulation.durable import Signal

MS_PER_CHARACTER = 18.0  # faster than a real voice, so that calls are short


class Said(NamedTuple):
    """What the ears make of the caller. ``what``: began, quiet, voiced, words, paused, resumed, ended, dismissed, hung_up."""

    what: str
    text: str = ""
    speech_ended_s: float = 0.0


class LineState(StrEnum):
    """What is going on between the two ends."""

    RINGING = "ringing"
    QUIET = "quiet"
    CALLER_SPEAKS = "caller_speaks"
    CALLER_WAITS = "caller_waits"
    AGENT_HOLDS = "agent_holds"  # a holding line plays
    AGENT_SPEAKS = "agent_speaks"
    BOTH_SPEAK = "both_speak"  # the caller follows or interrupts
    OVER = "over"


_CALLER = {
    "began": LineState.CALLER_SPEAKS,
    "voiced": LineState.CALLER_SPEAKS,
    "resumed": LineState.CALLER_SPEAKS,
    "paused": LineState.CALLER_WAITS,
    "ended": LineState.CALLER_WAITS,
    "dismissed": LineState.QUIET,
}


class Holder:
    """A gateway's end of the line. It may have lost the line and not know it: then it plays into nothing."""

    def __init__(self, line: Line) -> None:
        self.heard: asyncio.Queue[Said] = asyncio.Queue()
        self.done = False  # with the call: only what it knows of it is still to be put
        self.playing: str | None = None
        self._line = line

    @property
    def state(self) -> LineState:
        """As the gateway knows it: by what it plays itself, and till it is done with the call."""
        return _state(self._line.answered, self.done, self.playing, self._line.caller)


class Line:
    """One call's line. The last who joined holds it; what others play isn't heard."""

    def __init__(self) -> None:
        self.holder: Holder | None = None
        self.answered = False
        self.closed = False
        self.playing: str | None = None  # the kind of what is heard now
        self.said = ""  # what was heard last, of any kind
        self.phone: list[tuple[str, str]] = []  # number and text of what the caller's phone got
        self.handed_on = False  # to somebody who didn't hear what was said, and hasn't asked yet
        self.endings = 0  # replies and closing lines that were heard to their end, or cut off
        self.changed = Signal()
        self.caller = LineState.QUIET  # where nothing plays

    @property
    def state(self) -> LineState:
        return _state(self.answered, self.closed, self.playing, self.caller)

    def join(self, holder: Holder) -> None:
        self.holder = holder
        self.playing = None
        self.changed.ring()

    def say(self, said: Said) -> None:
        self.caller = _CALLER.get(said.what, self.caller)
        if self.holder is not None:
            self.holder.heard.put_nowait(said)

    def answer(self) -> None:
        self.answered = True
        self.changed.ring()

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.say(Said("hung_up"))
            self.changed.ring()

    def began(self, holder: Holder, kind: str, text: str) -> None:
        holder.playing = kind
        if holder is self.holder:
            self.playing, self.said = kind, text
            if kind != "hold" and self.caller is LineState.CALLER_WAITS:
                self.caller = LineState.QUIET
            self.changed.ring()

    def fell_silent(self, holder: Holder, *, goes_on: bool = False) -> None:
        """``goes_on``: more of the reply is to come."""
        holder.playing = None
        if holder is self.holder and self.playing is not None:
            self.endings += self.playing != "hold" and not goes_on
            self.playing = None
            self.changed.ring()

    async def until_change(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self.changed.wait()
        except TimeoutError:
            pass


def _state(answered: bool, over: bool, playing: str | None, caller: LineState) -> LineState:
    if over or not answered:
        return LineState.OVER if over else LineState.RINGING
    if playing is None:
        return caller
    if caller is LineState.CALLER_SPEAKS:
        return LineState.BOTH_SPEAK
    return LineState.AGENT_HOLDS if playing == "hold" else LineState.AGENT_SPEAKS


def duration_s(text: str) -> float:
    return max(0.2, len(text) * MS_PER_CHARACTER / 1000)


def spoken_part(text: str, played_s: float) -> str:
    """Whole words that were heard after ``played_s``."""
    share = min(1.0, played_s / duration_s(text))
    tokens = text.split()
    return " ".join(tokens[: int(len(tokens) * share)])
