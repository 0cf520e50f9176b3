"""The media port: how a call's sound reaches the gateway and leaves it. Plug in your own by writing these five names.

Sound is always 16 kHz mono PCM16 (``agent_core.ports``); a medium that speaks anything else converts at its edge.
``examples/custom_media.py`` is a complete one in some forty lines.

What the gateway relies on:

- ``frames`` runs in real time: frame *i* comes when its 20 ms have been said, not before. Silence is sent as frames of
  zeros: a recogniser's clock stands still where no audio flows.
- ``play`` may block while more than about 100 ms wait to go out, so a voice is never rendered far ahead of the line.
- ``clear`` is barge-in: it drops what hasn't gone out, at once, and doesn't block.
- ``played_bytes`` counts what really went out to the far end. It is the only source of "what was spoken", so it must
  never count what was merely accepted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Protocol, runtime_checkable


class MediaFailure(StrEnum):
    """Why there is no sound; ends up in an event."""

    NO_LIBRARY = "no_library"  # a package or a system library is not installed
    NO_DEVICE = "no_device"  # no microphone or loudspeaker
    DEVICE_LOST = "device_lost"  # it was there and is gone


class MediaError(Exception):
    """A medium can't be opened or went away. ``detail`` says what a person can do about it."""

    def __init__(self, reason: MediaFailure, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Media(Protocol):
    """One call's sound in both directions. Not shared between calls; every method is for the call's event loop."""

    def frames(self) -> AsyncIterator[bytes]:
        """The caller: frames of ``FRAME_BYTES``, in real time. Ends when the caller hangs up or after ``close``.

        Called once per call. Raises ``MediaError`` when the sound goes away in mid-call.
        """
        ...

    async def play(self, pcm: bytes) -> None:
        """Queue audio of any whole number of samples for the caller; returns once little of it still waits.

        After ``close`` it drops the audio. A cancelled ``play`` leaves its audio queued: ``clear`` takes it away.
        """
        ...

    def clear(self) -> int:
        """Drop what isn't played yet; the bytes dropped."""
        ...

    @property
    def played_bytes(self) -> int:
        """Bytes that went out to the far end since the call began; never falls."""
        ...

    async def close(self) -> None:
        """Hang up. Safe to call twice."""
        ...


@runtime_checkable
class HasKeypad(Protocol):
    """A medium that brings the keys of the caller's phone (RFC 4733 events, or tones that it recognised)."""

    def keys(self) -> AsyncIterator[str]:
        """Each key as it is pressed: 0-9, * or #. Called once per call; ends with it."""
        ...


@runtime_checkable
class FollowsAgent(Protocol):
    """A medium whose caller waits for the agent, such as a scripted one. The gateway tells it, if it has these."""

    async def agent_started(self) -> None:
        """The first audio of a reply (not of a holding line) was handed to ``play``."""
        ...

    async def agent_idle(self) -> None:
        """Everything that the agent has to say for now has been played (or dropped); it's the caller's turn."""
        ...
