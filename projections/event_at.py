"""One event of a call: the state before and after it, what led to it, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from agent_core.conversation import Context, Conversation, initial
from agent_core.evolve import evolve
from projections.causality import Causality, Linked
from schemas.event import Event


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """``path``: names and numbers with dots between them. Null: it wasn't there, or isn't any more."""

    path: str
    before: Any
    after: Any


class LinkedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``depth``: how many links lie between; ``since_ms``: from the call's first event. ``event_id``: a moment for ``as-of``, as
    ``before:EVENT_ID``."""

    seq: int
    event_id: str
    depth: int
    type: str
    kind: str
    turn_id: str | None
    since_ms: float


class EventAt(msgspec.Struct, frozen=True, kw_only=True):
    """``before`` and ``after``: the conversation as the deciders see it. ``causes``: nearest first, up to what the caller
    did. ``effects``: in the order of the log, down to what was played."""

    call_id: str
    event: LinkedEvent
    payload: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    changed: tuple[FieldChange, ...]
    causes: tuple[LinkedEvent, ...]
    effects: tuple[LinkedEvent, ...]


def event_at(events: Sequence[Event], seq: int) -> EventAt | None:
    """``events``: the effective events of one conversation, in order. None where none of them has this number."""
    event = next((each for each in events if each.seq == seq), None)
    if event is None:
        return None
    before = _folded(events, seq)
    after = evolve(before, event)
    causality, began_us = Causality(events), events[0].accepted_at_us
    states = _plain(before), _plain(after)
    return EventAt(
        call_id=event.conversation_id,
        event=_linked(Linked(event, 0), began_us),
        payload=msgspec.to_builtins(event.payload),
        before=states[0],
        after=states[1],
        changed=tuple(_changes(*states)),
        causes=tuple(_linked(link, began_us) for link in causality.causes(event)),
        effects=tuple(_linked(link, began_us) for link in causality.effects(event)),
    )


def _folded(events: Sequence[Event], seq: int) -> Conversation:
    conversation = initial(events[0].conversation_id, Context(_nothing, bytes))
    for event in events:
        if event.seq < seq:
            conversation = evolve(conversation, event)
    return conversation


def _nothing(seq: int, content_hash: str) -> Any:
    raise LookupError("a fold asks for no behaviour")


def _plain(conversation: Conversation) -> dict[str, Any]:
    names = (name for name in conversation.__struct_fields__ if name != "context")
    return {name: msgspec.to_builtins(getattr(conversation, name), order="sorted") for name in names}


def _changes(before: Any, after: Any, path: str = "") -> Iterator[FieldChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys([*before, *after]):
            yield from _changes(before.get(name), after.get(name), f"{path}.{name}" if path else str(name))
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple) and before == after[: len(before)]:
        for place in range(len(before), len(after)):  # what was appended
            yield FieldChange(path=f"{path}.{place}", before=None, after=after[place])
    elif before != after:
        yield FieldChange(path=path, before=before, after=after)


def _linked(link: Linked, began_us: int) -> LinkedEvent:
    event = link.event
    return LinkedEvent(
        seq=event.seq,
        event_id=event.event_id,
        depth=link.depth,
        type=event.type,
        kind=event.kind.value,
        turn_id=event.turn_id,
        since_ms=(event.accepted_at_us - began_us) / 1000,
    )
