"""What an owner may take from its inbox, beyond what its bytes say: any process may put anything there."""

from __future__ import annotations

from schemas.base import Kind
from schemas.event import Event
from streams.codec import Codec, UndecodableError
from streams.partitioner import partition_of
from streams.ports import InboxRecord

_LAST_US = 253_402_300_799_999_999  # the end of the year 9999: no calendar of ours goes further


def misaddress_of(record: InboxRecord, partitions: int) -> str | None:
    """Why nobody may take it as its conversation's owner, None where all is well.

    Without a conversation it would be an owner's announcement on the log, to every reader. In another partition than its
    conversation's it would go on with that conversation beside its owner: not all clients partition alike by themselves.
    """
    if not record.conversation_id:
        return "it names no conversation"
    right = partition_of(record.conversation_id, partitions)
    if right != record.partition:
        return f"it stands in partition {record.partition}, and murmur2 of its key says {right}"
    return None


def acceptable(record: InboxRecord, codec: Codec) -> Event:
    """The fact in it. Raises ``UndecodableError``: what it says goes to the dead letters as the reason."""
    fact = codec.decode(record.body, record.conversation_id)
    if fact.kind is not Kind.FACT or fact.conversation_id != record.conversation_id:
        raise UndecodableError(f"{fact.type} is not a fact of the conversation that it was put for")
    if not 0 <= fact.occurred_at_us <= _LAST_US:
        raise UndecodableError(f"{fact.type}: its occurred_at_us is no time from 1970 to 9999")
    return fact
