"""Hypothesis strategies for every event type, derived from the types themselves."""

from __future__ import annotations

import types
import typing
from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas.base import Kind, Payload
from schemas.event import Event

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
_PRIMITIVES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
}


def payloads(kind: type[Payload]) -> st.SearchStrategy[Payload]:
    return _structs(kind)


def events(kind: type[Payload]) -> st.SearchStrategy[Event]:
    """Events as an owner would stamp them, of any payload."""
    return st.builds(
        Event,
        event_id=TEXT,
        type=st.just(kind.__name__),
        schema_version=st.just(kind.VERSION),
        conversation_id=st.just("" if kind.KIND is Kind.CONTROL else "c1"),
        seq=_PRIMITIVES[int],
        epoch=_PRIMITIVES[int],
        step_id=TEXT,
        step_index=st.integers(0, 10),
        step_size=st.integers(0, 10),
        kind=st.just(kind.KIND),
        causation_id=TEXT,
        turn_id=st.none() | TEXT,
        run_id=st.none() | TEXT,
        decider_version=st.none() | TEXT,
        occurred_at_us=_PRIMITIVES[int],
        accepted_at_us=_PRIMITIVES[int],
        inbox_mark=_PRIMITIVES[int],
        prev_hash=st.binary(min_size=32, max_size=32),
        payload=payloads(kind),
    )


def _structs(kind: Any) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: _values(hints[field.name]) for field in msgspec.structs.fields(kind)})


def _values(hint: Any) -> st.SearchStrategy[Any]:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*(st.none() if arg is type(None) else _values(arg) for arg in typing.get_args(hint)))
    if origin is tuple:
        return st.lists(_values(typing.get_args(hint)[0]), max_size=3).map(tuple)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _structs(hint)
    return _PRIMITIVES[hint]
