"""What ElevenLabs says on ``multi-stream-input``: several contexts on one socket, the time of each character.

Source: ElevenLabs' websocket reference. A context is opened by a message with a blank text, which also carries the
voice's settings; closing lags: audio that was asked for still comes before the final message.
"""

from __future__ import annotations

import base64
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent_core.ports import FailureReason, ProviderError
from providers.voice_contexts import ContextId, ContextRules
from providers.voice_dialect import CharacterTimes, Done, Failed, FromVendor, Message, Piece

OUTPUT_FORMAT = "pcm_16000"
IN_BODY = frozenset({"voice_settings", "generation_config", "pronunciation_dictionary_locators"})
_RULES = ContextRules(per_socket=5, expires_ms=None)
_IDLE_S = 180  # the longest that the vendor keeps a socket with nothing said on it; 20 unless it is asked
_RATE_WORDS = ("rate_limit", "too_many", "quota", "busy", "max_active")


@dataclass(frozen=True, slots=True)
class ElevenLabsContexts:
    """A ``VoiceDialect``. ``url``: ws or wss, without /v1. ``options``: passed through."""

    name: str
    url: str
    api_key: str = field(repr=False)
    voice_id: str
    model: str
    options: Mapping[str, object] = field(default_factory=dict)
    rules: ContextRules = _RULES

    def address(self) -> str:
        query: Message = {"model_id": self.model, "output_format": OUTPUT_FORMAT, "inactivity_timeout": _IDLE_S}
        query |= {key: value for key, value in self.options.items() if key not in IN_BODY}
        written = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in query.items()}
        voice = urllib.parse.quote(self.voice_id, safe="")
        return f"{self.url}/v1/text-to-speech/{voice}/multi-stream-input?{urllib.parse.urlencode(written)}"

    def headers(self) -> Mapping[str, str]:
        return {"xi-api-key": self.api_key}

    def text(self, context_id: ContextId, text: str, *, first: bool, last: bool) -> list[Message]:
        settings = {key: value for key, value in self.options.items() if key in IN_BODY}
        opening = [{"text": " ", "context_id": context_id, **settings}] if first else []
        spoken: list[Message] = [{"text": text.strip() + " ", "context_id": context_id, "flush": True}]
        return [*opening, *spoken, *(self._finishing(context_id) if last else [])]

    def close(self, context_id: ContextId, *, finished: bool) -> list[Message]:
        return [] if finished else self._finishing(context_id)

    def read(self, message: Mapping[str, Any]) -> FromVendor | None:
        found = message.get("contextId") or message.get("context_id")  # both spellings are met
        context_id = ContextId(str(found)) if found else None
        if message.get("error"):
            return Failed(context_id, self._error(str(message["error"])))
        if context_id is None:
            return None
        if message.get("isFinal") or message.get("is_final"):
            return Done(context_id)
        return Piece(context_id, base64.b64decode(message.get("audio") or "", validate=True), _times(message))

    def _finishing(self, context_id: ContextId) -> list[Message]:
        return [{"context_id": context_id, "close_context": True}]

    def _error(self, error: str) -> ProviderError:
        """``error`` is one of the vendor's words for what went wrong, not a text about the request."""
        word = error.lower()
        if "api_key" in word or "unauthor" in word:
            return ProviderError(FailureReason.UNAUTHORISED, self.name)
        if any(part in word for part in _RATE_WORDS):
            return ProviderError(FailureReason.RATE_LIMITED, self.name)
        if "internal" in word or "timeout" in word:
            return ProviderError(FailureReason.UNAVAILABLE, self.name)
        return ProviderError(FailureReason.REFUSED, self.name)


def _times(message: Mapping[str, Any]) -> CharacterTimes | None:
    found = message.get("alignment") or message.get("normalizedAlignment")
    if not found:
        return None
    starts = found.get("charStartTimesMs") or found.get("charsStartTimesMs") or []  # both spellings are met
    durations = found.get("charDurationsMs") or found.get("charsDurationsMs") or []
    chars = [str(char) for char in found.get("chars") or []]
    return CharacterTimes(chars, [float(ms) for ms in starts], [float(ms) for ms in durations])
