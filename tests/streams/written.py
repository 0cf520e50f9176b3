"""Events as bytes, for tests that put and append by hand."""

from __future__ import annotations

from msgspec.structs import replace

from schemas import facts as f
from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.event import Event
from streams.codec import Body, Codec
from streams.fact_writer import fact_event
from streams.keys import MemoryKeyStore
from streams.ports import Entry

CODEC = Codec(MemoryKeyStore())


def pressed(conversation_id: str, event_id: str, key: str = "1") -> Event:
    return fact_event(conversation_id, f.KeyPressed(key=key), event_id=event_id, occurred_at_us=1)


def body(event: Event) -> Body:
    return CODEC.encode(event)[0]


def entry(event: Event, imported_under: int | None = None) -> Entry:
    return Entry(event.conversation_id, body(event), imported_under)


def took(epoch: int, owner_id: str = "o") -> Event:
    return Event(
        event_id=f"took-{owner_id}-{epoch}",
        type="OwnerTook",
        schema_version=1,
        conversation_id="",
        epoch=epoch,
        kind=Kind.CONTROL,
        payload=OwnerTook(epoch=epoch, owner_id=owner_id),
    )


def step(epoch: int, step_id: str, size: int, conversation_id: str = "c1") -> list[Event]:
    """A step of ``size`` records: which events they are doesn't matter to a filter."""
    return [
        replace(
            pressed(conversation_id, step_id if index == 0 else f"{step_id}.{index}"),
            epoch=epoch,
            step_id=step_id,
            step_index=index,
            step_size=size,
        )
        for index in range(size)
    ]
