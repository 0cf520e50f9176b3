"""Which event types there are, and the schemas of every version that was ever released.

``schemas/avro/<Type>.v<N>.avsc`` are the released schemas and ``schemas/lock.json`` their fingerprints: a released
file never changes (``python -m schemas.generate`` refuses), because somewhere events lie that were written with it.
"""

from __future__ import annotations

import inspect
import json
from functools import cache
from pathlib import Path
from typing import Any

from schemas import control, custody, decisions, facts, history, models, proving, reads, writing
from schemas.base import Payload

AVRO_DIR = Path(__file__).parent / "avro"
LOCK_FILE = Path(__file__).parent / "lock.json"
MODULES = (facts, models, proving, history, custody, decisions, writing, reads, control)
_ABSTRACT = {"Fact", "Decision", "Control", "Payload", "Spoken"}


class UnknownSchemaError(Exception):
    """An event of a type or version that this code doesn't know."""


def _discover() -> dict[str, type[Payload]]:
    found: dict[str, type[Payload]] = {}
    for module in MODULES:
        for name, member in inspect.getmembers(module, inspect.isclass):
            if issubclass(member, Payload) and name not in _ABSTRACT and member.__module__ == module.__name__:
                found[name] = member
    return dict(sorted(found.items()))


EVENT_TYPES: dict[str, type[Payload]] = _discover()


def payload_type(name: str) -> type[Payload]:
    """Raises ``UnknownSchemaError``."""
    try:
        return EVENT_TYPES[name]
    except KeyError:
        raise UnknownSchemaError(
            f"unknown event type {name!r}: written by newer code, or not an event of ours"
        ) from None


@cache
def released_schema(name: str, version: int) -> dict[str, Any]:
    """The schema that version ``version`` of ``name`` was written with. Raises ``UnknownSchemaError``."""
    path = AVRO_DIR / f"{name}.v{version}.avsc"
    if name not in EVENT_TYPES or not path.is_file():
        raise UnknownSchemaError(f"unknown schema {name} v{version}: this code knows no such event, newer code may")
    schema: dict[str, Any] = json.loads(path.read_text())
    return schema


def is_released(name: str, version: int) -> bool:
    """Whether this code knows what version ``version`` of ``name`` was written with."""
    try:
        released_schema(name, version)
    except UnknownSchemaError:
        return False
    return True


@cache
def lock() -> dict[str, dict[str, Any]]:
    """``{"Type.vN": {"id": int, "fingerprint": hex}}``; ids are stable and serve where no schema registry is."""
    entries: dict[str, dict[str, Any]] = json.loads(LOCK_FILE.read_text())
    return entries
