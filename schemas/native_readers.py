"""Readers of happenings in C, put together from an Avro schema; only where they were compiled (``make compiled``).

They say what ``schemas.compiled_readers`` says, which is the truth: a property test holds them against it. Bytes that they refuse
are to be read by those.
"""

from __future__ import annotations

import sys
import typing
from enum import Enum
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from schemas.base import Payload
from schemas.compiled_readers import MisplacedError, SealedReader
from schemas.event import Happening
from schemas.native_module import compiled_module

SOURCE = Path(__file__).with_name("native_reader.pyx")


class _NotPlannableError(Exception):
    """A field that only a reader in Python reads."""


@cache
def compiled() -> ModuleType | None:
    """What ``schemas/native_reader.pyx`` was compiled to; None where it wasn't, or from another source."""
    return compiled_module("schemas.native_reader", SOURCE)


def native_sealed_reader(
    fields: ModuleType, payload: type[Payload], written: dict[str, Any], today: dict[str, Any], unopened: str
) -> SealedReader | None:
    """Reads what the schema ``written`` wrote as a happening with ``payload``, whose schema is ``today``. ``fields``: what
    ``compiled`` gave; ``unopened``: what private texts read as. None where only a reader in Python can."""
    try:
        return _Plan(fields, unopened).reader(payload, written, today)
    except _NotPlannableError:
        return None


class _Plan:
    def __init__(self, fields: ModuleType, unopened: str) -> None:
        self._of, self._unopened = fields, unopened
        self._records: dict[str, dict[str, Any]] = {}

    def reader(self, payload: type[Payload], written: dict[str, Any], today: dict[str, Any]) -> SealedReader:
        slots = Happening.__struct_fields__
        plan: list[tuple[str, Any]] = []
        for field in written["fields"]:
            name = field["name"]
            if name == "type":
                plan.append((name, self._of.Usual(_as_string(written["name"]), written["name"])))
            elif name == "schema_version":
                plan.append((name, self._of.Usual(bytes((written["version"] * 2,)), written["version"])))
            elif name == "kind":
                plan.append((name, self._of.Usual(_as_string(payload.KIND.value), payload.KIND)))
            elif name == "payload":
                payload_today = next(each["type"] for each in today["fields"] if each["name"] == name)
                plan.append((name, self._struct(payload, field["type"], payload_today)))
            else:
                plan.append((name, self._field(field["type"])))
        names = [name for name, _ in plan]
        reader: SealedReader = self._of.Reader(
            Happening,
            tuple(field for _, field in plan),
            [slots.index(name) if name in slots else -1 for name in names],
            slots.index("sealed"),
            names.index("conversation_id"),
            MisplacedError,
        ).read
        return reader

    def _struct(self, kind: type[msgspec.Struct], written: dict[str, Any], today: dict[str, Any]) -> Any:
        wanted = {field["name"]: field for field in today["fields"]}
        hints = typing.get_type_hints(kind)
        names, fields, private = [], [], []
        for field in written["fields"]:
            name = field["name"]
            read = wanted.pop(name, None)
            if read is None or read["type"] != field["type"] or read.get("private") != field.get("private"):
                raise _NotPlannableError(name)
            names.append(sys.intern(name))
            fields.append(self._field(field["type"], hints[name]))
            private.append(self._private(kind, name, hints[name]) if field.get("private") else None)
        if any("default" not in field for field in wanted.values()):
            raise _NotPlannableError(kind.__name__)
        return self._of.Struct(kind, tuple(names), tuple(fields), tuple(private))

    def _private(self, kind: type[msgspec.Struct], name: str, hint: Any) -> tuple[str, object]:
        """What its text reads as, and what it reads as without ciphertext: a newer version's default."""
        if hint is not str:
            raise _NotPlannableError(name)
        default = next(field.default for field in msgspec.structs.fields(kind) if field.name == name)
        return self._unopened, () if default is msgspec.NODEFAULT else default

    def _field(self, kind: Any, hint: Any = None) -> Any:
        """``hint``: the Python type; None of the envelope, where Avro's says it."""
        if isinstance(kind, list):
            if len(kind) != 2 or kind[0] != "null":
                raise _NotPlannableError(kind)
            inner = next((each for each in typing.get_args(hint) if each is not type(None)), None)
            return self._of.Optional(self._field(kind[1], inner))
        if kind == "string" and isinstance(hint, type) and issubclass(hint, Enum):
            return self._of.OneOf({member.value: member for member in hint})
        simple = {"string": "Text", "bytes": "Bytes", "long": "Long", "double": "Double", "boolean": "Boolean"}
        if isinstance(kind, str) and kind in simple:
            return getattr(self._of, simple[kind])()
        return self._named_or_array(self._records[kind] if isinstance(kind, str) else kind, hint)

    def _named_or_array(self, kind: dict[str, Any], hint: Any) -> Any:
        if kind["type"] == "array":
            return self._of.Array(self._field(kind["items"], typing.get_args(hint)[0] if hint else None))
        self._records.setdefault(kind["name"], kind)
        if kind["type"] == "fixed":
            return self._of.Fixed(kind["size"])
        open_to_all = not any(field.get("private") for field in kind["fields"])
        if open_to_all and isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            return self._struct(hint, kind, kind)
        raise _NotPlannableError(kind["name"])


def _as_string(text: str) -> bytes:
    return bytes((len(text) * 2,)) + text.encode()
