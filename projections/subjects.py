"""Who took part in which conversations: found by opening the few facts that name somebody. Nothing of it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from agent_core.conversation import Status
from projections.effective_log import partition_records
from schemas import decisions as d
from schemas import facts as f
from schemas import history as h
from schemas.custody import ConversationForgotten
from schemas.event import Event
from streams.codec import FORGOTTEN, Codec, UndecodableError
from streams.effective_records import EffectiveRecords
from streams.ports import Ledger
from streams.sealed_only import SealedOnly

_NAMING = frozenset(kind.__name__ for kind in (f.SubjectAuthenticated, f.CallArrived, h.ConversationImported))
_CLOSING = (d.ConversationClosed, h.ConversationImported, ConversationForgotten)


class Standing(NamedTuple):
    """A conversation as its last event left it."""

    newest_us: int
    status: Status
    is_forgotten: bool


async def subjects_by_conversation(ledger: Ledger, codec: Codec) -> dict[str, set[str]]:
    """Conversation → the ids and the numbers by which its callers were known. Void records count too: they stand on disk.

    The keys of all conversations must be at hand. What can't be opened names nobody.
    """
    found: dict[str, set[str]] = {}
    for partition in range(ledger.partitions):
        async for record in partition_records(ledger, partition):
            if record.body.type not in _NAMING:
                continue
            try:
                event = codec.decode(record.body, record.conversation_id)
            except UndecodableError:
                continue
            found.setdefault(record.conversation_id, set()).update(_named(event))
    return found


def _named(event: Event) -> Iterable[str]:
    payload = event.payload
    names: tuple[str, ...] = ()
    if isinstance(payload, f.SubjectAuthenticated):
        names = (payload.subject_id,)
    elif isinstance(payload, f.CallArrived):
        names = (payload.caller,)
    elif isinstance(payload, h.ConversationImported):
        names = (payload.subject,)
    return (name for name in names if name and name != FORGOTTEN)


async def standing_of(ledger: Ledger, conversation_id: str) -> Standing | None:
    """None where the log holds nothing of it."""
    records = EffectiveRecords(Codec(SealedOnly()))
    newest_us, status, is_forgotten, any_found = 0, Status.OPEN, False, False
    for record in await ledger.read_conversation(conversation_id):
        for event, _ in records.take(record):
            any_found = True
            newest_us = max(newest_us, event.accepted_at_us)
            if isinstance(event.payload, _CLOSING):
                status = Status.CLOSED
            is_forgotten = is_forgotten or isinstance(event.payload, ConversationForgotten)
    return Standing(newest_us, status, is_forgotten) if any_found else None
