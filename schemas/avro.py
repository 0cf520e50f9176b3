"""Avro schemas, derived from the typed classes: one record per event type and version.

A private field's Avro type is ``bytes`` (nonce and AES-GCM ciphertext of its JSON); the schema marks it ``private``.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from schemas.base import PRIVATE, Payload
from schemas.event import ENVELOPE, HASH_BYTES, Event

NAMESPACE = "ledgerline"
_PRIMITIVES = {str: "string", int: "long", float: "double", bool: "boolean", bytes: "bytes"}


def avro_schema(payload: type[Payload]) -> dict[str, Any]:
    """The Avro schema of an event whose payload is ``payload``."""
    hash_type = {"type": "fixed", "name": "Hash", "size": HASH_BYTES}
    named: set[str] = set()
    fields = [field for field in _fields(Event, ENVELOPE, named) if field["name"] not in ("prev_hash", "hash")]
    fields.append(
        {"name": "payload", "type": {"type": "record", "name": "Payload", "fields": _fields_of(payload, named)}}
    )
    fields.append({"name": "prev_hash", "type": hash_type})
    fields.append({"name": "hash", "type": "Hash"})
    return {
        "type": "record",
        "name": payload.__name__,
        "namespace": f"{NAMESPACE}.{payload.__name__}",
        "doc": " ".join((payload.__doc__ or "").split()),
        "kind": payload.KIND.value,
        "version": payload.VERSION,
        "fields": fields,
    }


def private_fields(payload: type[Payload]) -> frozenset[str]:
    """The names of the payload's private fields."""
    hints = typing.get_type_hints(payload, include_extras=True)
    return frozenset(f.name for f in msgspec.structs.fields(payload) if _is_private(hints[f.name]))


def _is_private(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Annotated and PRIVATE in hint.__metadata__


def _fields_of(struct: type[msgspec.Struct], named: set[str]) -> list[dict[str, Any]]:
    return _fields(struct, struct.__struct_fields__, named)


def _fields(struct: type[msgspec.Struct], names: Sequence[str], named: set[str]) -> list[dict[str, Any]]:
    hints = typing.get_type_hints(struct, include_extras=True)
    known = {field.name: field for field in msgspec.structs.fields(struct)}
    fields = []
    for field in map(known.__getitem__, names):
        hint = hints[field.name]
        entry: dict[str, Any] = {"name": field.name}
        if _is_private(hint):
            # An empty default can't be ciphertext: readers take empty bytes for the field's own default.
            entry |= {"type": "bytes", "private": True}
            default: Any = "" if field.default is not msgspec.NODEFAULT else msgspec.NODEFAULT
        else:
            entry["type"] = _avro_type(hint, named)
            default = field.default
        if default is not msgspec.NODEFAULT:
            entry["default"] = msgspec.to_builtins(default)
        fields.append(entry)
    return fields


def _avro_type(hint: Any, named: set[str]) -> Any:
    """``named``: the records that the schema defines already; Avro defines a name once and refers to it after."""
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        if len(inner) != 1 or len(typing.get_args(hint)) != 2:
            raise TypeError(f"only 'X | None' unions have an Avro form here, got {hint}")
        return ["null", _avro_type(inner[0], named)]
    if origin is tuple:
        return {"type": "array", "items": _avro_type(typing.get_args(hint)[0], named)}
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "string"  # an Avro enum can't gain a symbol without breaking its older readers
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        if hint.__name__ in named:
            return hint.__name__
        named.add(hint.__name__)
        return {"type": "record", "name": hint.__name__, "fields": _fields_of(hint, named)}
    try:
        return _PRIMITIVES[hint]
    except (KeyError, TypeError):
        raise TypeError(f"no Avro form for {hint!r}") from None
