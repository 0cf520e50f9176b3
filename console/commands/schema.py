"""``ledgerline schema``: the shapes of what goes in and out, as JSON Schema (events: as Avro)."""

from __future__ import annotations

from typing import Any

import msgspec

from console.failures import UsageError
from console.output import print_json


def run(*, what: str) -> int:
    makers = {"script": _script, "transcripts": _transcripts, "events": _events, "emulators": _emulators, "cli": _cli}
    if what not in makers:
        raise UsageError(f"there is no schema of {what!r}: choose {', '.join(makers)}")
    print_json(makers[what]())
    return 0


def _script() -> dict[str, Any]:
    from voice_gateway.script import CallScript

    return CallScript.model_json_schema()


def _transcripts() -> dict[str, Any]:
    """One line of what ``ledgerline import --from transcripts`` reads."""
    from streams.history.transcripts import transcripts_schema

    return transcripts_schema()


def _events() -> dict[str, Any]:
    """Each payload as JSON Schema, with the Avro schema that it is stored under."""
    from schemas.avro import avro_schema, private_fields
    from schemas.registry import EVENT_TYPES

    return {
        name: {
            "kind": payload.KIND.value,
            "version": payload.VERSION,
            "description": " ".join((payload.__doc__ or "").split()),
            "private": sorted(private_fields(payload)),
            "json_schema": msgspec.json.schema(payload),
            "avro": avro_schema(payload),
        }
        for name, payload in EVENT_TYPES.items()
    }


def _emulators() -> dict[str, Any]:
    from emulators.config import EmulatorConfig

    return EmulatorConfig.model_json_schema()


def _cli() -> dict[str, Any]:
    """What each command prints with --json."""
    from console.shapes import SHAPES

    return {command: msgspec.json.schema(shape) for command, shape in SHAPES.items()}
