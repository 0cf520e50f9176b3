"""Writers of events, compiled: for each type, Python that writes just its fields, one behind the other.

The counterpart of ``compiled_readers``. A generic writer walks the schema for every record; a step of fifteen events is
encoded between a model's answer and what the caller hears of it. A property test holds every compiled writer against the
generic one.

Avro's binary form: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from schemas.event import Event

Writer = Callable[[Event, Mapping[str, bytes], str | None], bytes]
"""(event, ciphertext of its private fields, id of their key) -> all of its bytes before ``hash``.

Raises ``KeyError`` where a private field has no ciphertext, ``OverflowError`` for an integer of more than 64 bits, and what
Python raises for a value of another type than its field's.
"""


def compiled_writer(schema: dict[str, Any]) -> Writer:
    """``schema``: of the type's current version. Raises ``ValueError`` for an Avro type that no schema of ours has."""
    source = _Source(schema)
    namespace: dict[str, Any] = {"small": _SMALL, "long": _long, "time": _time, "double": struct.Struct("<d").pack}
    exec(compile("\n".join(source.lines), f"<writer of {schema['name']}>", "exec"), namespace)
    writer: Writer = namespace["write"]
    return writer


# --- what the compiled code calls --------------------------------------------------------------------------------------


def _long(number: int) -> bytes:
    """Zigzag, seven bits to a byte, the lowest first."""
    if not -(2**63) <= number < 2**63:
        raise OverflowError(f"{number} takes more than 64 bits")
    left = number << 1 ^ number >> 63
    written = bytearray()
    while left > 127:
        written.append(left & 127 | 128)
        left >>= 7
    written.append(left)
    return bytes(written)


_time = lru_cache(maxsize=256)(_long)  # the events of a step share their times
_COUNT = 4096  # numbers from 0 on, and lengths, that are looked up
_SMALL = tuple(_long(number) for number in range(_COUNT))


# --- the compiler ------------------------------------------------------------------------------------------------------


class _Source:
    """``lines`` define ``write``."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.lines = ["def write(event, sealed, key_id):", " out = []", " payload = event.payload"]
        self._records: dict[str, dict[str, Any]] = {}
        self._variables = 0
        for field in schema["fields"]:
            name = field["name"]
            if name == "payload":
                self._record(field["type"], "payload", " ")
            elif name != "hash":
                self._field(field["type"], "key_id" if name == "key_id" else f"event.{name}", name, " ")
        self._emit(" ", "return b''.join(out)")

    def _emit(self, indent: str, *lines: str) -> None:
        self.lines += [indent + line for line in lines]

    def _new(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _record(self, record: dict[str, Any], value: str, indent: str) -> None:
        for field in record["fields"]:
            name = field["name"]
            if field.get("private"):
                self._bytes(f"sealed[{name!r}]", indent)
            else:
                self._field(field["type"], f"{value}.{name}", name, indent)

    def _field(self, kind: Any, value: str, name: str, indent: str) -> None:
        """Writes what the expression ``value`` gives as the Avro type ``kind``."""
        if isinstance(kind, list):
            self._optional(kind, value, name, indent)
        elif kind == "string":
            self._bytes(f"{value}.encode()", indent)
        elif kind == "bytes":
            self._bytes(value, indent)
        elif kind == "long":
            self._long(value, indent, is_time=name.endswith("_us"))
        elif kind == "double":
            self._emit(indent, f"out.append(double({value}))")
        elif kind == "boolean":
            self._emit(indent, f"out.append(b'\\1' if {value} else b'\\0')")
        else:
            self._named_or_array(kind, value, name, indent)

    def _bytes(self, value: str, indent: str) -> None:
        data, size = self._new(), self._new()
        self._emit(indent, f"{data} = {value}", f"{size} = len({data})")
        self._emit(indent, f"out.append(small[{size}] if {size} < {_COUNT} else long({size}))", f"out.append({data})")

    def _long(self, value: str, indent: str, *, is_time: bool) -> None:
        if is_time:
            self._emit(indent, f"out.append(time({value}))")
            return
        number = self._new()
        self._emit(indent, f"{number} = {value}")
        self._emit(indent, f"out.append(small[{number}] if 0 <= {number} < {_COUNT} else long({number}))")

    def _optional(self, kind: list[Any], value: str, name: str, indent: str) -> None:
        if len(kind) != 2 or kind[0] != "null":
            raise ValueError(f"{name}: a union of {kind}")
        chosen = self._new()
        self._emit(indent, f"{chosen} = {value}", f"if {chosen} is None: out.append(b'\\0')", "else:")
        self._emit(indent + " ", "out.append(b'\\2')")
        self._field(kind[1], chosen, name, indent + " ")

    def _named_or_array(self, kind: Any, value: str, name: str, indent: str) -> None:
        if isinstance(kind, str):
            kind = self._records[kind]
        if kind["type"] == "array":
            items, item = self._new(), self._new()
            self._emit(indent, f"{items} = {value}", f"if {items}:")
            self._long(f"len({items})", indent + " ", is_time=False)
            self._emit(indent + " ", f"for {item} in {items}:")
            self._field(kind["items"], item, name, indent + "  ")
            self._emit(indent, "out.append(b'\\0')")
            return
        self._records.setdefault(kind["name"], kind)
        if kind["type"] == "fixed":
            self._emit(
                indent, f"if len({value}) != {kind['size']}: raise ValueError('{name}: not {kind['size']} bytes')"
            )
            self._emit(indent, f"out.append({value})")
        elif kind["type"] == "record":
            self._record(kind, value, indent)
        else:
            raise ValueError(f"{name}: an Avro type {kind['type']}")
