"""Readers of events, compiled: for each type and version of the lock, Python that reads exactly its bytes.

A generic Avro reader walks the schema for every record, makes a dict of it, and that dict is then converted. Here the walk is
done once, when the first such record is read: what comes out is straight code that reads one field behind the other
and builds the event from them, some 2.5 times as fast (decision 0033). ``None`` instead of a reader where the schema
alone doesn't say how (an upcaster lifts that version, or a field changed its Avro type): those are left to the generic
one, and a property test holds every compiled reader against it.

A reader of *happenings* reads what a fold looks at, and passes over the rest of the envelope; nothing private is opened.

Avro's binary form: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
"""

from __future__ import annotations

import struct
import typing
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

from schemas.base import Kind, Payload
from schemas.event import HASH_BYTES, Event, Happening

Opener = Callable[[str, str, str, bytes], bytes]
"""(conversation, event id, field, ciphertext) -> JSON of a private field."""
Reader = Callable[[bytes, str | None, Opener], Event]
"""(an event's bytes, the conversation that they are stored under or None, opener) -> the event.

Raises ``MisplacedError`` before anything private is opened, and for bytes that are not this schema's ``IndexError``,
``ValueError``, ``EOFError`` or ``struct.error``.
"""
SealedReader = Callable[[bytes, str | None], Happening]
"""The same without an opener. What it passes over may be damaged."""


class MisplacedError(Exception):
    """The bytes name another conversation than they are stored under."""


class _NotCompilableError(Exception):
    """A field that today's class has under another Avro type."""


def compiled_reader(payload: type[Payload], written: dict[str, Any], today: dict[str, Any]) -> Reader | None:
    """Reads what the schema ``written`` wrote as an event with ``payload``, whose schema is ``today``."""
    reader: Reader | None = _compiled("reader", Event, payload, written, today)
    return reader


def compiled_sealed_reader(
    payload: type[Payload], written: dict[str, Any], today: dict[str, Any], unopened: str
) -> SealedReader | None:
    """The same for happenings. ``unopened``: what private texts read as."""
    reader: SealedReader | None = _compiled("sealed reader", Happening, payload, written, today, unopened)
    return reader


def _compiled(
    what: str,
    built: type[Happening],
    payload: type[Payload],
    written: dict[str, Any],
    today: dict[str, Any],
    unopened: str | None = None,
) -> Any:
    try:
        source = _Source(built, payload, written, today, unopened)
    except _NotCompilableError:
        return None
    namespace = source.names
    exec(compile("\n".join(source.lines), f"<{what} of {written['name']} v{written['version']}>", "exec"), namespace)
    return namespace["read"]


# --- what the compiled code calls where a field is not of the usual size -----------------------------------------------

_SMALL = tuple(n >> 1 ^ -(n & 1) for n in range(128))  # zigzag, of one byte
_LONGEST_BYTES = 10  # of 64 bits, seven to a byte
_CONTINUED, _LAST = 0x0080808080808080, 0x8080808080808080


def _long(data: bytes, at: int) -> tuple[int, int]:
    """(a long, the place behind it)."""
    number = shift = 0
    for byte in data[at : at + _LONGEST_BYTES]:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            if number >> 64:
                raise ValueError("a number of more than 64 bits")
            return number >> 1 ^ -(number & 1), at + shift // 7
    raise EOFError("a number without an end")


def _sized_long(data: bytes, at: int) -> tuple[int, int]:
    """(twice a length in bytes, the place behind it)."""
    size, at = _long(data, at)
    if size < 0:
        raise ValueError("a length below zero")
    return size << 1, at


@lru_cache(maxsize=4096)  # the events of a step share their times
def _eight_bytes(data: bytes) -> int | None:
    """A long that takes just these eight bytes, as microseconds of our time do; None where it doesn't."""
    seven = int.from_bytes(data, "little")
    if seven & _LAST != _CONTINUED or len(data) < 8:
        return None
    seven &= 0x7F7F7F7F7F7F7F7F
    seven = (seven & 0x007F007F007F007F) | (seven & 0x7F007F007F007F00) >> 1
    seven = (seven & 0x00003FFF00003FFF) | (seven & 0x3FFF00003FFF0000) >> 2
    number = (seven & 0x000000000FFFFFFF) | (seven & 0x0FFFFFFF00000000) >> 4
    return number >> 1 ^ -(number & 1)


# Fields of the envelope that follow each other on the log, and are the same in most records of a step. By what is built, how
# they were read last: their bytes, which say how long they are, and what was wanted of them. Exchanged whole: threads share it.
_SHARED = ("turn_id", "run_id", "decider_version", "occurred_at_us", "accepted_at_us")
_BEFORE: dict[type[Happening], list[tuple[Any, ...]]] = {}


# --- the compiler ------------------------------------------------------------------------------------------------------


class _Source:
    """``lines`` define ``read``; ``names`` are what they refer to. ``built``: what comes out: its envelope is read. ``unopened``:
    what private texts read as; None: they are opened."""

    def __init__(
        self,
        built: type[Happening],
        payload: type[Payload],
        written: dict[str, Any],
        today: dict[str, Any],
        unopened: str | None,
    ) -> None:
        """Raises ``_NotCompilableError``."""
        self._unopened = unopened
        self.names: dict[str, Any] = {
            "Built": built,
            "Misplaced": MisplacedError,
            "SMALL": _SMALL,
            "long": _long,
            "sized": _sized_long,
            "eight_bytes": _eight_bytes,
            "double": struct.Struct("<d").unpack_from,
            "KINDS": {kind.value: kind for kind in Kind},
        }
        opener = ", opened" if unopened is None else ""
        self.lines = [f"def read(data, stored_under{opener}):", " at = 0"]
        self._records: dict[str, dict[str, Any]] = {}
        self._variables = 0
        fields = {field["name"]: field["type"] for field in written["fields"]}
        arguments = {"sealed": "{}"}
        for name, kind in fields.items():
            if name == "payload":
                arguments |= self._payload(payload, kind, _payload_of(today))
                continue
            arguments[name] = name
            if name == "schema_version":
                continue  # read together with the type
            if name == "type":
                self._type_and_version(written["name"], written["version"])
            elif name == "kind":
                self._kind(payload.KIND)
            elif name in _SHARED:
                self._shared(name, kind, built)
            else:
                self._envelope(name, kind, built, " ")
            if name == "conversation_id":
                self._emit(" if stored_under is not None and conversation_id != stored_under: raise Misplaced")
        self._emit(" if at != len(data): raise EOFError")
        self._emit(f" return Built({', '.join(arguments[name] for name in built.__struct_fields__)})")

    def _emit(self, *lines: str) -> None:
        self.lines += lines

    def _new(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _named(self, prefix: str, thing: Any) -> str:
        name = f"{prefix}{len(self.names)}"
        self.names[name] = thing
        return name

    def _type_and_version(self, name: str, version: int) -> None:
        """They are nearly always those that the record was stored under: compared, not read."""
        usual = _as_string(name) + bytes((version * 2,))
        self._emit(f" if data.startswith({usual!r}, at):")
        self._emit(f"  type, schema_version, at = {name!r}, {version}, at + {len(usual)}", " else:")
        self._field("type", "string", "type", "  ")
        self._field("schema_version", "long", "schema_version", "  ")

    def _kind(self, kind: Kind) -> None:
        usual = _as_string(kind.value)
        self._emit(f" if data.startswith({usual!r}, at): kind, at = {self._named('KIND', kind)}, at + {len(usual)}")
        self._emit(" else:")
        self._field("kind", "string", "kind", "  ")
        self._emit("  kind = KINDS[kind]")

    def _shared(self, name: str, kind: Any, built: type[Happening]) -> None:
        """Read only where their bytes are not those of the record before."""
        wanted = [field for field in _SHARED if field in built.__struct_fields__]
        if name == _SHARED[0]:
            nothing = (bytes(len(_SHARED)), *(0 if field.endswith("_us") else None for field in wanted))
            self.names["BEFORE"] = _BEFORE.setdefault(built, [nothing])
            self._emit(
                f" shared, {', '.join(wanted)} = BEFORE[0]", " if data.startswith(shared, at): at += len(shared)"
            )
            self._emit(" else:", "  begin = at")
        self._envelope(name, kind, built, "  ")
        if name == _SHARED[-1]:
            self._emit(f"  BEFORE[0] = data[begin:at], {', '.join(wanted)}")

    def _envelope(self, name: str, kind: Any, built: type[Happening], indent: str) -> None:
        if name in built.__struct_fields__:
            self._field(name, kind, name, indent)
        else:
            self._passed_over(name, kind, indent)

    def _payload(self, payload: type[Payload], written: dict[str, Any], today: dict[str, Any]) -> dict[str, str]:
        built = self._struct(payload, written, today, " ", private=True)
        is_private = any(field.get("private") for field in written["fields"])
        return {"payload": built} | ({"sealed": "sealed"} if is_private else {})

    def _struct(
        self, kind: type[msgspec.Struct], written: dict[str, Any], today: dict[str, Any], indent: str, *, private: bool
    ) -> str:
        """Reads a record's fields; the expression that builds it."""
        read = {field["name"]: field for field in today["fields"]}
        hints = typing.get_type_hints(kind)
        if private and any(field.get("private") for field in written["fields"]):
            self._emit(f"{indent}sealed = {{}}")
        arguments = []
        for field in written["fields"]:
            name, variable = field["name"], self._new()
            wanted = read.pop(name, None)
            if wanted is not None and not _same(field, wanted):
                raise _NotCompilableError(name)
            hint = hints.get(name) if wanted else None
            self._field(variable, field["type"], name, indent, hint)
            if wanted is None:
                continue  # today's class has it no more
            if field.get("private"):
                self._open(kind, name, variable, hints[name], indent)
            arguments.append(f"{name}={variable}")
        missing = [name for name, field in read.items() if "default" not in field]
        if missing:
            raise _NotCompilableError(missing[0])
        return f"{self._named('Struct', kind)}({', '.join(arguments)})"

    def _open(self, kind: type[msgspec.Struct], name: str, variable: str, hint: Any, indent: str) -> None:
        """Ciphertext of no length: a field that a newer version added, its default holds."""
        if self._unopened is None:
            decode = self._named("json", msgspec.json.Decoder(hint).decode)
            value = f"{decode}(opened(conversation_id, event_id, {name!r}, {variable}))"
        elif hint is str:
            value = repr(self._unopened)
        else:
            raise _NotCompilableError(name)
        field = next(field for field in msgspec.structs.fields(kind) if field.name == name)
        self._emit(
            f"{indent}if {variable}:",
            f"{indent} sealed[{name!r}] = {variable}",
            f"{indent} {variable} = {value}",
        )
        if field.default is msgspec.NODEFAULT:
            self._emit(f"{indent}else: raise ValueError('a private field without ciphertext')")
        else:
            self._emit(f"{indent}else: {variable} = {self._named('default', field.default)}")

    def _field(self, variable: str, kind: Any, name: str, indent: str, hint: Any = None) -> None:
        """Reads one value of the Avro type ``kind`` into ``variable``."""
        if isinstance(kind, list):
            self._optional(variable, kind, name, indent, hint)
        elif kind == "string":
            self._emit(*_sized(indent), f"{indent}{variable} = data[n:at].decode()")
            if isinstance(hint, type) and hint is not str:  # an enum
                self._emit(f"{indent}{variable} = {self._named('enum', hint)}({variable})")
        elif kind == "bytes":
            self._emit(*_sized(indent), f"{indent}{variable} = data[n:at]")
            self._emit(f"{indent}if at > len(data): raise EOFError")
        elif kind == "long":
            self._emit(*_long_lines(variable, indent, is_time=name.endswith("_us")))
        elif kind == "double":
            self._emit(f"{indent}({variable},) = double(data, at)", f"{indent}at += 8")
        elif kind == "boolean":
            self._emit(f"{indent}{variable} = data[at] == 1", f"{indent}if data[at] > 1: raise ValueError")
            self._emit(f"{indent}at += 1")
        else:
            self._named_or_array(variable, kind, name, indent, hint)

    def _passed_over(self, name: str, kind: Any, indent: str) -> None:
        """A field of the envelope that isn't wanted."""
        if isinstance(kind, list):
            self._emit(f"{indent}if not data[at]: at += 1", f"{indent}else:")
            self._emit(f"{indent} if data[at] != 2: raise ValueError('no such branch')", f"{indent} at += 1")
            self._passed_over(name, kind[1], indent + " ")
        elif kind == "string":
            self._emit(*_sized(indent))
        elif kind == "long" and not name.endswith("_us"):
            self._emit(f"{indent}if data[at] < 128: at += 1", f"{indent}elif data[at + 1] < 128: at += 2")
            self._emit(f"{indent}else: _, at = long(data, at)")
        elif name in ("prev_hash", "hash"):
            self._emit(f"{indent}at += {HASH_BYTES}")
        else:
            self._field(self._new(), kind, name, indent)

    def _optional(self, variable: str, kind: list[Any], name: str, indent: str, hint: Any) -> None:
        if len(kind) != 2 or kind[0] != "null":
            raise _NotCompilableError(name)
        inner = next((arg for arg in typing.get_args(hint) if arg is not type(None)), None)
        self._emit(f"{indent}chosen = data[at]", f"{indent}at += 1")
        self._emit(f"{indent}if not chosen: {variable} = None", f"{indent}elif chosen == 2:")
        self._field(variable, kind[1], name, indent + " ", inner)
        self._emit(f"{indent}else: raise ValueError('no such branch')")

    def _named_or_array(self, variable: str, kind: Any, name: str, indent: str, hint: Any) -> None:
        if isinstance(kind, str):
            kind = self._records[kind]
        if kind["type"] == "array":
            self._array(variable, kind, name, indent, hint)
            return
        self._records.setdefault(kind["name"], kind)
        if kind["type"] == "fixed":
            self._emit(f"{indent}n, at = at, at + {kind['size']}", f"{indent}{variable} = data[n:at]")
        elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            built = self._struct(hint, kind, kind, indent, private=False)
            self._emit(f"{indent}{variable} = {built}")
        else:  # of a field that is read over
            self._emit(f"{indent}{variable} = None")
            for field in kind["fields"]:
                self._field(self._new(), field["type"], field["name"], indent)

    def _array(self, variable: str, kind: Any, name: str, indent: str, hint: Any) -> None:
        """Blocks of items: each with its count, below zero where its size in bytes follows; the last one is empty."""
        items, item, left = self._new(), self._new(), self._new()
        self._emit(f"{indent}{variable} = ()", f"{indent}if data[at] == 0: at += 1", f"{indent}else:")
        self._emit(f"{indent} {items} = []", f"{indent} while True:")
        self._emit(*_long_lines(left, indent + "  ", is_time=False))
        self._emit(f"{indent}  if not {left}: break", f"{indent}  if {left} < 0:", f"{indent}   {left} = -{left}")
        self._emit(f"{indent}   _, at = long(data, at)", f"{indent}  for _ in range({left}):")
        within = typing.get_args(hint)[0] if hint else None
        self._field(item, kind["items"], name, indent + "   ", within)
        self._emit(f"{indent}   {items}.append({item})", f"{indent} {variable} = tuple({items})")


def _payload_of(schema: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = next(field["type"] for field in schema["fields"] if field["name"] == "payload")
    return payload


def _as_string(text: str) -> bytes:
    return bytes((len(text) * 2,)) + text.encode()


def _same(written: dict[str, Any], today: dict[str, Any]) -> bool:
    return bool(written["type"] == today["type"] and written.get("private") == today.get("private"))


def _sized(indent: str) -> Iterator[str]:
    """A length (even: not below zero; below 128: in one byte). From ``n`` to ``at`` are then its bytes."""
    yield f"{indent}size = data[at]"
    yield f"{indent}if size & 129: size, n = sized(data, at)"
    yield f"{indent}else: n = at + 1"
    yield f"{indent}at = n + (size >> 1)"


def _long_lines(variable: str, indent: str, *, is_time: bool) -> Iterator[str]:
    if is_time:
        yield f"{indent}{variable} = eight_bytes(data[at:at + 8])"
        yield f"{indent}if {variable} is None: {variable}, at = long(data, at)"
        yield f"{indent}else: at += 8"
    else:
        yield f"{indent}{variable} = data[at]"
        yield f"{indent}if {variable} < 128: {variable}, at = SMALL[{variable}], at + 1"
        yield f"{indent}elif data[at + 1] < 128:"
        yield f"{indent} {variable}, at = {variable} & 127 | data[at + 1] << 7, at + 2"
        yield f"{indent} {variable} = {variable} >> 1 ^ -({variable} & 1)"
        yield f"{indent}else: {variable}, at = long(data, at)"
