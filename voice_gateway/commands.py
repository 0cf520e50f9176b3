"""What the call's state machine tells its shell to do. Values only: the shell does the I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from schemas.base import Fact


class SoundKind(StrEnum):
    REPLY = "reply"
    HOLD = "hold"
    CLOSING = "closing"


class Sound(NamedTuple):
    """Something that can be played. ``sound_id``: candidate id of a reply or of a sentence, phrase id of a granted line.
    ``piece``: of a reply, from 0."""

    kind: SoundKind
    sound_id: str
    text: str
    piece: int = 0


class Put(NamedTuple):
    """Put this fact on the inbox, in the order of commands; spool it while the inbox takes nothing."""

    event_id: str
    payload: Fact
    turn_id: str | None


class Answer(NamedTuple):
    """Pick up the call: its standing grant was read."""


class Prepare(NamedTuple):
    """Render a reply; tell the machine by ``prepared`` when its first audio is there."""

    sound: Sound


class Discard(NamedTuple):
    """A prepared reply that won't be played."""

    sound_id: str


class Start(NamedTuple):
    """Let this sound out now."""

    sound: Sound


class Stop(NamedTuple):
    """Silence what is playing, at once; tell the machine by ``stopped`` how far it was heard."""


class CatchUp(NamedTuple):
    """Read the log to its end, then tell the machine by ``caught_up``: this process stood still for too long."""


class HangUp(NamedTuple):
    reason: str


Command = Put | Answer | Prepare | Discard | Start | Stop | CatchUp | HangUp
