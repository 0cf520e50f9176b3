"""Puts facts on the inbox: sealed under the conversation's key before they leave the process that saw them."""

from __future__ import annotations

import time

from schemas.base import Fact, Kind
from schemas.event import Event, new_id
from streams.codec import Codec
from streams.keys import KeysUnavailableError
from streams.ports import Inbox, InboxUnavailableError


def fact_event(
    conversation_id: str,
    payload: Fact,
    *,
    event_id: str | None = None,
    turn_id: str | None = None,
    causation_id: str = "",
    run_id: str | None = None,
    occurred_at_us: int | None = None,
) -> Event:
    """A fact that isn't on the log yet: the owner stamps the rest."""
    return Event(
        event_id=event_id or new_id(),
        type=type(payload).__name__,
        schema_version=payload.VERSION,
        conversation_id=conversation_id,
        kind=Kind.FACT,
        turn_id=turn_id,
        causation_id=causation_id,
        run_id=run_id,
        occurred_at_us=time.time_ns() // 1000 if occurred_at_us is None else occurred_at_us,
        payload=payload,
    )


class FactWriter:
    def __init__(self, inbox: Inbox, codec: Codec) -> None:
        self._inbox = inbox
        self._codec = codec

    async def put(self, fact: Event) -> None:
        """Returns when the inbox has it. Safe to repeat. Raises ``InboxUnavailableError``."""
        if not fact.conversation_id:
            raise ValueError("a fact belongs to a conversation: the empty id is for control records")
        try:
            await self._codec.prepare((fact.conversation_id,), create=True)
            body, _ = self._codec.encode(fact)
        except KeysUnavailableError as error:
            raise InboxUnavailableError(str(error)) from None
        await self._inbox.put(fact.conversation_id, fact.event_id, body)
