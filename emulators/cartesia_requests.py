"""What a client may send on Cartesia's websocket, checked: a generation request, or a cancel.

Wire format: Cartesia's websocket reference and its guides on contexts, buffering and flushing, and what its SDK sends.
Every field but ``transcript``, ``continue`` and ``flush`` must stay the same within a context.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulators.voice import OutputFormat

_MAY_CHANGE = frozenset({"transcript", "continue", "flush", "duration", "context_id"})
_ENCODINGS = {"pcm_s16le": "pcm", "pcm_f32le": "f32", "pcm_mulaw": "ulaw"}
_RATES_HZ = (8000, 16000, 22050, 24000, 44100, 48000)
_LONGEST_DELAY_MS = 5000
_DEFAULT_DELAY_MS = 3000


class BadRequest(Exception):  # noqa: N818 - the vendor's word to the client, not a crash
    """The request is answered with an error event; the socket stays."""

    def __init__(self, message: str, *, status: int = 400, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class Generation:
    """Text for a context. ``delay_ms``: how long unfinished text may wait for more."""

    context_id: str
    transcript: str
    continues: bool
    flush: bool
    voice_id: str
    form: OutputFormat
    timestamps: bool
    delay_ms: float
    fixed: Mapping[str, Any]  # what may not change within the context


@dataclass(frozen=True, slots=True)
class Cancel:
    context_id: str


def read_request(body: Any) -> Generation | Cancel:
    """Raises BadRequest."""
    if not isinstance(body, dict):
        raise BadRequest("a message must be a JSON object")
    context_id = body.get("context_id")
    if not isinstance(context_id, str) or not context_id:
        raise BadRequest("context_id: a string that isn't empty")
    if body.get("cancel"):
        return Cancel(context_id)
    transcript = body.get("transcript")
    if not isinstance(transcript, str):
        raise BadRequest("transcript: a string")
    if not isinstance(body.get("model_id"), str):
        raise BadRequest("model_id: a string")
    delay_ms = body.get("max_buffer_delay_ms")
    delay_ms = _DEFAULT_DELAY_MS if delay_ms is None else delay_ms
    if not isinstance(delay_ms, int) or not 0 <= delay_ms <= _LONGEST_DELAY_MS:
        raise BadRequest(f"max_buffer_delay_ms: a number from 0 to {_LONGEST_DELAY_MS}")
    return Generation(
        context_id=context_id,
        transcript=transcript,
        continues=bool(body.get("continue")),
        flush=bool(body.get("flush")),
        voice_id=_voice_id(body.get("voice")),
        form=_form(body.get("output_format")),
        timestamps=bool(body.get("add_timestamps")),
        delay_ms=float(delay_ms),
        fixed={name: value for name, value in body.items() if name not in _MAY_CHANGE},
    )


def _voice_id(voice: Any) -> str:
    """All three forms: ``{"mode": "id", "id": …}`` of old versions, ``{"id": …}`` and a plain string of new ones."""
    found = voice.get("id") if isinstance(voice, dict) else voice
    if not isinstance(found, str) or not found:
        raise BadRequest("voice: an id, or an object with one")
    return found


def _form(output_format: Any) -> OutputFormat:
    if not isinstance(output_format, dict) or output_format.get("container") != "raw":
        raise BadRequest("output_format: only the container raw is streamed over the websocket")
    encoding, rate_hz = output_format.get("encoding"), output_format.get("sample_rate")
    if encoding not in _ENCODINGS or rate_hz not in _RATES_HZ:
        raise BadRequest(f"output_format: emulated are {', '.join(_ENCODINGS)} at {', '.join(map(str, _RATES_HZ))} Hz")
    return OutputFormat(_ENCODINGS[encoding], rate_hz)
