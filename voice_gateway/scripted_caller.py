"""A caller who follows a script: what it says, and when, as a function of time and of what the agent does.

Pure of clocks and I/O: every time comes in as an argument, in seconds on one clock, so a whole call can be tried in
microseconds. One frame of 20 ms is asked for at a time::

    waiting for the cue ──▶ pause ──▶ saying a clip ──▶ waiting for the next cue … ──▶ last silence ──▶ hung up
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent_core.audio import speech_bounds
from agent_core.ports import FRAME_BYTES, FRAME_MS

SILENT_FRAME = bytes(FRAME_BYTES)


class Cue(StrEnum):
    AGENT_FINISHED = "agent_finished"  # the agent has said all it has to say for now
    AGENT_STARTED = "agent_started"  # the agent began a reply: speaking now interrupts it


@dataclass(frozen=True, slots=True)
class Say:
    """Say ``pcm`` (16 kHz PCM16) ``pause_ms`` after the cue."""

    pcm: bytes
    after: Cue = Cue.AGENT_FINISHED
    pause_ms: float = 500.0


@dataclass(frozen=True, slots=True)
class KeepSilent:
    """Say nothing for so long after the agent has finished, whatever the agent says meanwhile."""

    duration_ms: float


@dataclass(frozen=True, slots=True)
class Press:
    """Key in what ``keys`` gives then, all at once, ``pause_ms`` after the cue."""

    keys: Callable[[], str]
    after: Cue = Cue.AGENT_FINISHED
    pause_ms: float = 500.0


CallerAct = Say | KeepSilent | Press


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something that the caller has said. ``speech_end_s`` is the true end of its sound, the clip's trailing silence
    left out; None for a clip that is silent from end to end."""

    began_at_s: float
    speech_end_s: float | None


class ScriptedCaller:
    """Says its acts in turn, then waits for the agent a last time and hangs up.

    An agent that never answers doesn't hold the call up for ever: after ``patience_ms`` without a sound from it the
    caller goes on.
    """

    def __init__(
        self, acts: Sequence[CallerAct], *, hang_up_after_ms: float = 3000.0, patience_ms: float = 20_000.0
    ) -> None:
        self._acts: tuple[CallerAct, ...] = (*acts, KeepSilent(hang_up_after_ms))
        self._bounds = [speech_bounds(act.pcm) if isinstance(act, Say) else None for act in acts]  # slow for an hour
        self._next = 0
        self._hang_up_after_s = hang_up_after_ms / 1000
        self._patience_s = patience_ms / 1000
        self._saying: bytes | None = None
        self._said_bytes = 0
        self._silent_until_s: float | None = None
        self._quiet_since_s: float | None = None  # the last sound of either side
        self._agent_idle_at_s: float | None = None
        self._agent_started_at_s: float | None = None
        self.utterances: list[Utterance] = []
        self.pressed: list[str] = []  # keys, until somebody takes them
        self.keyed_nothing = 0  # times that the keys to be pressed weren't known: no code had come

    def agent_started(self, now_s: float) -> None:
        self._agent_started_at_s = now_s
        self._agent_idle_at_s = None

    def agent_idle(self, now_s: float) -> None:
        self._agent_idle_at_s = now_s

    def agent_audible(self, until_s: float) -> None:
        """Sound of the agent, of any kind, reaches the caller until then."""
        self._quiet_since_s = until_s

    def frame(self, began_at_s: float) -> bytes | None:
        """What the caller's microphone picks up in the 20 ms from ``began_at_s``; None once the caller has hung up."""
        if self._quiet_since_s is None:
            self._quiet_since_s = began_at_s
        if self._silent_until_s is not None and began_at_s >= self._silent_until_s:
            if self._next < len(self._acts) - 1:
                self._silent_until_s = None
                self._next += 1
            elif began_at_s >= self._quiet_since_s + self._hang_up_after_s:
                return None
        if self._saying is None and self._silent_until_s is None:
            self._begin_next(began_at_s)
        return SILENT_FRAME if self._saying is None else self._say_on(self._saying, began_at_s)

    def _begin_next(self, now_s: float) -> None:
        act = self._acts[self._next]
        cue_at_s = self._cue_time(Cue.AGENT_FINISHED if isinstance(act, KeepSilent) else act.after, now_s)
        if cue_at_s is None:
            return
        if isinstance(act, KeepSilent):
            self._silent_until_s = cue_at_s + act.duration_ms / 1000
        elif now_s < cue_at_s + act.pause_ms / 1000:
            return
        elif isinstance(act, Press):
            keys = act.keys()
            self.pressed.extend(keys)
            self.keyed_nothing += not keys
            self._quiet_since_s = now_s
            self._over_with_it()
        else:
            bounds = self._bounds[self._next]
            self.utterances.append(Utterance(now_s, None if bounds is None else now_s + bounds.end_ms / 1000))
            self._saying, self._said_bytes = act.pcm, 0

    def _cue_time(self, cue: Cue, now_s: float) -> float | None:
        """When the cue was given; None while it wasn't."""
        quiet_since_s = now_s if self._quiet_since_s is None else self._quiet_since_s
        if cue is Cue.AGENT_STARTED and self._agent_started_at_s is not None:
            return self._agent_started_at_s
        if cue is Cue.AGENT_FINISHED and self._agent_idle_at_s is not None:
            return max(self._agent_idle_at_s, quiet_since_s)
        lost_patience_at_s = quiet_since_s + self._patience_s
        return lost_patience_at_s if now_s >= lost_patience_at_s else None

    def _say_on(self, pcm: bytes, now_s: float) -> bytes:
        frame = pcm[self._said_bytes : self._said_bytes + FRAME_BYTES]
        self._said_bytes += FRAME_BYTES
        self._quiet_since_s = now_s + FRAME_MS / 1000
        if self._said_bytes >= len(pcm):
            self._saying = None
            self._over_with_it()
        return frame.ljust(FRAME_BYTES, b"\0")

    def _over_with_it(self) -> None:
        """What the agent did before the caller had finished answers nothing: the next cue must be a fresh one."""
        self._next += 1
        self._agent_idle_at_s = self._agent_started_at_s = None
