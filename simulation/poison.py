"""Inbox records that no owner can take as they stand: broken bytes, unknown schemas, a wrong address, an absurd number."""

from __future__ import annotations

import random

from schemas import facts as f
from schemas.base import Kind
from schemas.event import Event, derived_id
from streams.codec import Body, Codec


def poison(draw: random.Random, call_id: str, codec: Codec) -> tuple[str, str, Body]:
    """(conversation, event id, body) that no owner can take as it stands."""
    event_id = derived_id("poison", call_id, draw.randrange(10**9))
    kind = draw.randrange(6)
    good = codec.encode(
        Event(
            event_id=event_id,
            type="UtteranceResumed",
            schema_version=1,
            conversation_id=call_id,
            kind=Kind.FACT,
            payload=f.UtteranceResumed(utterance_id="poison"),
        )
    )[0]
    if kind == 0:
        return call_id, event_id, Body("UtteranceHeard", 1, draw.randbytes(draw.randint(0, 60)))
    if kind == 1:
        return call_id, event_id, Body("NoSuchEvent", 1, good.data)
    if kind == 2:
        return call_id, event_id, Body(good.type, 99, good.data)
    if kind == 3:
        return call_id, event_id, Body(good.type, 1, good.data[: len(good.data) // 2])
    if kind == 4:  # a fact of another conversation than the one that it was put for
        return f"{call_id}.other", event_id, good
    heard = f.UtteranceHeard(utterance_id="poison", text="x", final=True, since_speech_end_ms=float("nan"))
    nan = Event(
        event_id=event_id,
        type="UtteranceHeard",
        schema_version=1,
        conversation_id=call_id,
        kind=Kind.FACT,
        payload=heard,
    )
    return call_id, event_id, codec.encode(nan)[0]
