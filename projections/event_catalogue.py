"""Writes ``docs/events.md``, the catalogue of every event type, from the typed classes: ``python -m
projections.event_catalogue``. ``--check`` writes nothing and fails if the file is not up to date.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from schemas.avro import private_fields
from schemas.base import Fact, Kind, Payload
from schemas.event import ENVELOPE, Event
from schemas.registry import EVENT_TYPES, MODULES, lock

CATALOGUE = Path(__file__).parents[1] / "docs" / "events.md"

_INTRO = """\
# Event catalogue

Written by `python -m projections.event_catalogue` from the classes in `schemas/`; a test fails when it is stale.

A *fact* came from outside and can't be recomputed; a *decision* is computed from what stands before it, and every replay
computes it again. 🔒 marks private fields: on the log they are AES-GCM ciphertext under the conversation's key. ⏭ marks
facts of the caller that make older replies stale. Times named `_us` are microseconds since the Unix epoch, `_ms` are
durations. The Avro schema of each released version lies in `schemas/avro/`.
"""
_TITLES = {Kind.FACT: "Facts", Kind.DECISION: "Decisions", Kind.CONTROL: "Control records"}
_COMMENT = re.compile(r"^\s+(\w+): .*?\s#\s(.+)$", re.MULTILINE)


def catalogue() -> str:
    """The whole text of ``docs/events.md``."""
    parts = [_INTRO, *_contents(), *_record("Envelope", Event, level=2, names=ENVELOPE)]
    for kind, title in _TITLES.items():
        parts.append(f"## {title}\n")
        for event_type in _of_kind(kind):
            parts.extend(_event(event_type))
    parts.append("## Parts\n")
    for part in _parts():
        parts.extend(_record(part.__name__, part, level=3))
    return "\n".join(parts)


def _of_kind(kind: Kind) -> list[type[Payload]]:
    """In the order of the source, which tells a story."""
    order = [name for module in MODULES for name in vars(module)]
    return sorted((t for t in EVENT_TYPES.values() if t.KIND is kind), key=lambda t: order.index(t.__name__))


def _contents() -> Iterator[str]:
    for kind, title in _TITLES.items():
        links = ", ".join(f"[{t.__name__}](#{t.__name__.lower()})" for t in _of_kind(kind))
        yield f"**{title}**: {links}\n"


def _event(event_type: type[Payload]) -> Iterator[str]:
    name = event_type.__name__
    versions = sorted(int(entry.rpartition(".v")[2]) for entry in lock() if entry.rpartition(".v")[0] == name)
    marks = [f"{event_type.KIND.value}, version {event_type.VERSION}"]
    if len(versions) > 1:
        marks.append(f"also read: {', '.join(f'v{v}' for v in versions if v != event_type.VERSION)}")
    if issubclass(event_type, Fact) and event_type.SUPERSEDES:
        marks.append("⏭")
    yield f"### {name}\n"
    yield f"*{' · '.join(marks)}*\n"
    yield from _body(event_type, private_fields(event_type))


def _record(
    title: str, struct: type[msgspec.Struct], *, level: int, names: Sequence[str] | None = None
) -> Iterator[str]:
    yield f"{'#' * level} {title}\n"
    yield from _body(struct, frozenset(), names)


def _body(struct: type[msgspec.Struct], private: frozenset[str], names: Sequence[str] | None = None) -> Iterator[str]:
    """``names``: the fields, in order; None: all of them, as they are declared."""
    doc = inspect.cleandoc(struct.__doc__) if struct.__doc__ and "__doc__" in vars(struct) else ""
    if doc:
        yield doc.replace("``", "`") + "\n"
    known = {field.name: field for field in msgspec.structs.fields(struct)}
    fields = [known[name] for name in (known if names is None else names)]
    if not fields:
        yield "No fields.\n"
        return
    hints, comments = typing.get_type_hints(struct), _comments(struct)
    yield "| field | type | default | |"
    yield "|---|---|---|---|"
    for field in fields:
        mark = "🔒 " if field.name in private else ""
        yield (
            f"| {mark}`{field.name}` | `{_type(hints[field.name])}` | {_default(field)} | "
            f"{comments.get(field.name, '').replace('|', '/')} |"
        )
    yield ""


def _comments(struct: type[msgspec.Struct]) -> dict[str, str]:
    """What stands behind a field in the source, of its bases too."""
    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if issubclass(base, msgspec.Struct) and base.__module__.startswith("schemas."):
            found |= dict(_COMMENT.findall(textwrap.dedent(inspect.getsource(base))))
    return found


def _type(hint: Any) -> str:
    text = hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
    return re.sub(r"\bschemas\.\w+\.", "", text).replace("|", "or")


def _default(field: Any) -> str:
    if field.default is msgspec.NODEFAULT:
        return ""
    value = field.default
    return f"`{value.hex()[:8]}…`" if isinstance(value, bytes) else f"`{value!r}`".replace("`''`", '`""`')


def _parts() -> list[type[msgspec.Struct]]:
    """Structs that fields are made of."""
    found = [
        member
        for module in MODULES
        for member in vars(module).values()
        if inspect.isclass(member) and issubclass(member, msgspec.Struct) and member.__module__ == module.__name__
    ]
    return [part for part in found if not issubclass(part, Payload)]


def main() -> None:
    text = catalogue()
    current = CATALOGUE.read_text() if CATALOGUE.exists() else ""
    if "--check" in sys.argv[1:]:
        if text != current:
            raise SystemExit("docs/events.md is stale: run python -m projections.event_catalogue")
        return
    CATALOGUE.write_text(text)
    print(f"{CATALOGUE}: {len(EVENT_TYPES)} event types")


if __name__ == "__main__":
    main()
