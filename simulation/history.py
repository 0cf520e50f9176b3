"""What a run leaves behind for the checker: what each gateway was told, read, put and let out, on one clock (s)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from schemas.base import Fact
from schemas.event import Event


class Did(StrEnum):
    """Something that happened at a gateway."""

    ANSWERED = "answered"
    CALLER_BEGAN = "caller_began"
    CALLER_QUIET = "caller_quiet"  # their voice went silent
    CALLER_VOICED = "caller_voiced"  # it came back
    CALLER_WORDS = "caller_words"  # ``text`` is what is known of them so far
    CALLER_RESUMED = "caller_resumed"
    CALLER_DISMISSED = "caller_dismissed"
    CALLER_PAUSED = "caller_paused"  # eager end of turn
    CALLER_ENDED = "caller_ended"  # final end of turn
    SOUND_BEGAN = "sound_began"
    SOUND_ENDED = "sound_ended"
    CAUGHT_UP = "caught_up"
    STOOD_STILL = "stood_still"  # until this moment; ``since_s`` is when it stopped
    READ = "read"
    PUT = "put"
    EVICTED = "evicted"
    OVER = "over"
    DIED = "died"


class Sound(msgspec.Struct, frozen=True):
    """What was let out. ``heard``: whether this gateway held the line."""

    kind: str  # reply | hold | closing
    sound_id: str
    text: str
    heard: bool
    duration_s: float


class Act(msgspec.Struct, frozen=True):
    """``since_s``: end of speech where the caller paused or ended; begin of the standstill."""

    at_s: float
    did: Did
    sound: Sound | None = None
    since_s: float | None = None
    event: Event | None = None  # what was read
    event_id: str = ""  # what was put
    payload: Fact | None = None
    text: str = ""  # the caller's words; of a sound that ended, what was heard of it


@dataclass(slots=True)
class GatewayTrace:
    """One gateway's part in one call, in order of time."""

    name: str
    call_id: str
    take: int
    acts: list[Act] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crash:
    """A process died at ``point``; ``struck`` faults had struck in the run by then."""

    at_s: float
    process: str
    point: str
    state: str  # of the line by then: ``LineState``
    struck: int
