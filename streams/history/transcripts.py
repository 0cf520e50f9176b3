"""Transcripts: JSON lines, one conversation each, in the shape of ``streams.history.transcript.Transcript``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from streams.history.json_records import json_records
from streams.history.transcript import BadHistoryError, Read, Transcript

_HINTS = {
    "Invalid enum value": "a role is caller, agent or system",
    "type`": "an entry's type is message, model_call or tool_call",
    "got `null`": "leave out what isn't known",
}


def read_transcripts(*paths: Path) -> Iterator[Read]:
    """Raises ``BadHistoryError``, ``OSError``."""
    for place, value in json_records(*paths):
        try:
            transcript = msgspec.convert(value, Transcript)
        except msgspec.ValidationError as error:  # it names types, the path, and at most a role
            raise BadHistoryError(f"{place}: {error}{_what_to_do(str(error))}") from None
        rest = {name: part for name, part in value.items() if name != "entries"}
        yield Read(transcript=transcript, place=place, original=rest, originals=tuple(value["entries"]))


def _what_to_do(message: str) -> str:
    return next((f" ({hint})" for part, hint in _HINTS.items() if part in message), "")


def transcripts_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of one line."""
    return msgspec.json.schema(Transcript)
