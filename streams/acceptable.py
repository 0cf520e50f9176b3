"""What an owner may take from its inbox, beyond what its bytes say: any process may put anything there."""

from __future__ import annotations

from schemas.base import Kind
from schemas.event import Event
from streams.codec import Codec, UndecodableError
from streams.ports import InboxRecord

_LAST_US = 253_402_300_799_999_999  # the end of the year 9999: no calendar of ours goes further


def acceptable(record: InboxRecord, codec: Codec) -> Event:
    """The fact in it. Raises ``UndecodableError``: what it says goes to the dead letters as the reason."""
    fact = codec.decode(record.body, record.conversation_id)
    if fact.kind is not Kind.FACT or fact.conversation_id != record.conversation_id:
        raise UndecodableError(f"{fact.type} is not a fact of the conversation that it was put for")
    if not 0 <= fact.occurred_at_us <= _LAST_US:
        raise UndecodableError(f"{fact.type}: its occurred_at_us is no time from 1970 to 9999")
    return fact
