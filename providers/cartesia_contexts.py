"""What Cartesia says on its websocket: contexts, continuations, the time of each word.

Source: Cartesia's websocket reference and its guides on contexts, buffering, errors and concurrency (API version
``VERSION``). Every request repeats all settings; an empty transcript may finish a context.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent_core.ports import SAMPLE_RATE_HZ, FailureReason, ProviderError, WordTiming
from providers.http_failures import status_reason
from providers.voice_contexts import ContextId, ContextRules
from providers.voice_dialect import Done, Failed, FromVendor, Message, Piece

VERSION = "2026-08-14"
_PER_SOCKET = 24  # "dozens" of contexts at once; the account's plan allows far fewer, on all sockets together
_EXPIRES_MS = 1000.0
_RULES = ContextRules(per_socket=_PER_SOCKET, expires_ms=_EXPIRES_MS)
_AUDIO = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE_HZ}


@dataclass(frozen=True, slots=True)
class CartesiaContexts:
    """A ``VoiceDialect``. ``url``: ws or wss. ``options``: passed through in each request."""

    name: str
    url: str
    api_key: str = field(repr=False)
    voice_id: str
    model: str
    options: Mapping[str, object] = field(default_factory=dict)
    rules: ContextRules = _RULES

    def address(self) -> str:
        return f"{self.url}/tts/websocket"

    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.api_key}", "cartesia-version": VERSION}

    def text(self, context_id: ContextId, text: str, *, first: bool, last: bool) -> list[Message]:
        settings: Message = {
            "model_id": self.model,
            "voice": {"id": self.voice_id},
            "output_format": _AUDIO,
            "add_timestamps": True,
            "max_buffer_delay_ms": 0,  # whole sentences are sent: nothing to wait for (the vendor would, for 3 s)
        }
        if "locale" not in self.options:  # a request names one of the two
            settings["language"] = "en"
        settings |= self.options
        return [{**settings, "context_id": context_id, "transcript": text, "continue": not last}]

    def close(self, context_id: ContextId, *, finished: bool) -> list[Message]:
        """It stops what isn't being generated yet; audio of what is still comes."""
        return [{"context_id": context_id, "cancel": True}]

    def read(self, message: Mapping[str, Any]) -> FromVendor | None:
        found = message.get("context_id")
        context_id = ContextId(str(found)) if found else None
        kind = message.get("type")
        if kind == "error":
            return Failed(context_id, self._error(message))
        if context_id is None:
            return None
        if kind == "chunk":
            return Piece(context_id, base64.b64decode(message["data"], validate=True))
        if kind == "timestamps":
            return Piece(context_id, words=_words(message.get("word_timestamps") or {}))
        return Done(context_id) if kind == "done" else None

    def _error(self, message: Mapping[str, Any]) -> ProviderError:
        """Status and machine-readable code; title and message may quote the request."""
        status, code = message.get("status_code"), message.get("error_code")
        if not isinstance(status, int):
            return ProviderError(FailureReason.UNAVAILABLE, self.name, "an error without a status")
        detail = f"status {status}" + (f" {code}" if isinstance(code, str) else "")
        return ProviderError(status_reason(status), self.name, detail)


def _words(times: Mapping[str, Any]) -> tuple[WordTiming, ...]:
    """Seconds, counted from the start of the context's audio."""
    timed = zip(times.get("words") or (), times.get("start") or (), times.get("end") or (), strict=False)
    return tuple(WordTiming(str(word), float(start) * 1000, float(end) * 1000) for word, start, end in timed)
