"""How a vendor's voice is spoken to over one socket with several contexts: the words that differ from vendor to vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from agent_core.ports import ProviderError, WordTiming
from providers.voice_contexts import ContextId, ContextRules

Message = dict[str, Any]
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)


class CharacterTimes(NamedTuple):
    """ElevenLabs' alignment: times count from the start of the piece of audio that they came with."""

    chars: Sequence[str]
    starts_ms: Sequence[float]
    durations_ms: Sequence[float]


class Piece(NamedTuple):
    """Audio (16 kHz PCM16, maybe ending in half a sample), alignment, or both. ``words`` count from the context's start."""

    context_id: ContextId
    pcm: bytes = b""
    characters: CharacterTimes | None = None
    words: tuple[WordTiming, ...] = ()


class Done(NamedTuple):
    """The context is over: all of its audio has come."""

    context_id: ContextId


class Failed(NamedTuple):
    """``context_id`` None: the whole socket."""

    context_id: ContextId | None
    error: ProviderError


FromVendor = Piece | Done | Failed


class VoiceDialect(Protocol):
    """One vendor's words. Errors that it makes hold neither text nor key."""

    @property
    def name(self) -> str: ...

    @property
    def rules(self) -> ContextRules: ...

    def address(self) -> str:
        """The websocket's URL."""

    def headers(self) -> Mapping[str, str]:
        """What the handshake carries, the key among it."""

    def text(self, context_id: ContextId, text: str, *, first: bool, last: bool) -> list[Message]:
        """Have ``text`` spoken now, in the context that the first text opens and the last one finishes."""

    def close(self, context_id: ContextId, *, finished: bool) -> list[Message]:
        """Stop a context; ``finished``: it was given its last text."""

    def read(self, message: Mapping[str, Any]) -> FromVendor | None:
        """None: nothing that matters here. Raises one of ``UNREADABLE`` for a message of another shape."""
