"""A conversation as decoded JSON lines: for pictures and tests, where no log and no keys are at hand.

Each line is an event's envelope and plaintext payload (hashes and ciphertext left out) and ``read_ms``: when a reader of
the log saw it, counted from the call's begin.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import msgspec

from schemas.base import Kind
from schemas.event import Event
from schemas.registry import payload_type

_LEFT_OUT = ("sealed", "hash", "prev_hash", "key_id")


class ReadEvent(NamedTuple):
    event: Event
    read_s: float


def load(path: Path) -> list[ReadEvent]:
    """Raises ``OSError``, ``UnknownSchemaError``, ``msgspec.ValidationError``."""
    return [_read(json.loads(line)) for line in path.read_text().splitlines()]


def line_of(event: Event, read_s: float) -> str:
    """The event as one such line."""
    record = {name: value for name, value in msgspec.to_builtins(event).items() if name not in _LEFT_OUT}
    return json.dumps({"read_ms": round(read_s * 1000, 3), **record}, ensure_ascii=False)


def _read(record: dict[str, object]) -> ReadEvent:
    read_ms = record.pop("read_ms")
    assert isinstance(read_ms, float | int)
    payload = msgspec.convert(record.pop("payload"), payload_type(str(record["type"])))
    kind = Kind(str(record.pop("kind")))
    return ReadEvent(Event(**record, kind=kind, payload=payload), read_ms / 1000)  # type: ignore[arg-type]
