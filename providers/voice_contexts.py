"""What may be done with the contexts on a vendor's socket: one rule for every vendor that has them.

A context is one stretch of speech on a socket that several share.

    open ── text, text, … ── last text ──▶ the vendor says that it is done
      └──────── closed by us ───────────▶ closing: what still arrives is stale ──▶ the vendor says so, or it expires

Three things go wrong with contexts, and are ruled out here:

- Too many. ElevenLabs ends the socket, and every call on it, at the sixth, and counts those that are still closing;
  Cartesia's plans count contexts too. So at most ``OPEN_AT_ONCE`` are open, and the closing ones are counted.
- Text for one that is over. Cartesia's expire a second after their last audio: then another one is opened.
- Audio of one that nobody listens to any more. Closing lags behind, so it comes; it is dropped, never heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NewType

ContextId = NewType("ContextId", str)

OPEN_AT_ONCE = 2  # the sentence that is spoken, and the one that is rendered ahead
_ON_ITS_WAY_MS = 300.0  # the vendor's second begins before we see the audio, and our text arrives after we sent it


@dataclass(frozen=True, slots=True)
class ContextRules:
    """The vendor's side. ``per_socket`` counts closing ones; ``expires_ms`` after the last audio, None: never."""

    per_socket: int
    expires_ms: float | None


class NoRoomError(RuntimeError):
    """The socket holds as many contexts as it may."""


class _Phase(Enum):
    OPEN = auto()
    FINISHED = auto()  # has all of its text
    CLOSING = auto()


@dataclass(slots=True)
class _Context:
    phase: _Phase
    last_audio_ms: float | None = None
    closed_ms: float | None = None


class VoiceContexts:
    """The contexts of one socket. Times are of one clock that only goes forward."""

    def __init__(self, rules: ContextRules) -> None:
        self._rules = rules
        self._contexts: dict[ContextId, _Context] = {}

    @property
    def open(self) -> int:
        """How many are heard: neither closing nor done."""
        return sum(context.phase is not _Phase.CLOSING for context in self._contexts.values())

    def has_room(self, now_ms: float) -> bool:
        self._forget_expired(now_ms)
        return self.open < OPEN_AT_ONCE and len(self._contexts) < self._rules.per_socket

    def begin(self, context_id: ContextId, now_ms: float) -> None:
        """Raises ``NoRoomError``. An id is used once."""
        if not self.has_room(now_ms):
            raise NoRoomError(f"{self.open} contexts are open, {len(self._contexts)} in all")
        self._contexts[context_id] = _Context(_Phase.OPEN)

    def takes_text(self, context_id: ContextId, now_ms: float) -> bool:
        """False: open another one. It has all of its text, is closed, or may expire before more text arrives."""
        context = self._contexts.get(context_id)
        if context is None or context.phase is not _Phase.OPEN:
            return False
        if self._rules.expires_ms is None or context.last_audio_ms is None:
            return True
        return now_ms - context.last_audio_ms < self._rules.expires_ms - _ON_ITS_WAY_MS

    def finish(self, context_id: ContextId) -> None:
        """Its last text is on its way: the vendor ends it when all is spoken."""
        self._contexts[context_id].phase = _Phase.FINISHED

    def audio(self, context_id: ContextId, now_ms: float) -> bool:
        """Audio came. False: it is stale, and must not be heard."""
        context = self._contexts.get(context_id)
        if context is None:
            return False
        context.last_audio_ms = now_ms
        return context.phase is not _Phase.CLOSING

    def close(self, context_id: ContextId, now_ms: float) -> bool:
        """Nobody listens any more. Whether the vendor has to be told: not of one that is over or closing."""
        context = self._contexts.get(context_id)
        if context is None or context.phase is _Phase.CLOSING:
            return False
        context.phase, context.closed_ms = _Phase.CLOSING, now_ms
        return True

    def done(self, context_id: ContextId) -> None:
        """The vendor is through with it; also for ids that are unknown by now."""
        self._contexts.pop(context_id, None)

    def _forget_expired(self, now_ms: float) -> None:
        """Closing ones that the vendor has let expire: after a cancel it need not say that it is done."""
        if self._rules.expires_ms is None:
            return
        for context_id, context in list(self._contexts.items()):
            if context.closed_ms is None:
                continue
            since_ms = max(context.closed_ms, context.last_audio_ms or 0.0)
            if now_ms - since_ms > self._rules.expires_ms + _ON_ITS_WAY_MS:
                del self._contexts[context_id]
