"""The list of calls: what ``ledgerline calls`` prints."""

from __future__ import annotations

import msgspec

from projections.effective_log import LogReader, Report, partition_records
from projections.wall_time import iso_time
from schemas import decisions as d
from schemas import facts as f
from schemas import history as h
from schemas.custody import CUSTODY
from schemas.event import Event
from streams.codec import Codec
from streams.ports import Ledger


class CallSummary(msgspec.Struct, frozen=True, kw_only=True):
    """``status``: ringing, talking, ended; null where another system ran it and didn't say that it ended. ``turns``: ends of
    turn by the caller. ``outcome``: why it ended (as in ConversationClosed, or as another system said), null while it goes on.
    ``duration_s``: from the ring to the newest event."""

    call_id: str
    started_at: str
    status: str | None
    turns: int
    outcome: str | None
    duration_s: float


class _Call:
    def __init__(self, event: Event) -> None:
        self.call_id = event.conversation_id
        self.started_us = self._last_us = event.accepted_at_us
        self._status: str | None = "ringing"
        self._turns = 0
        self._outcome: str | None = None
        self._imported_turns: set[str | None] = set()

    def take(self, event: Event) -> None:
        payload = event.payload
        self._last_us = event.accepted_at_us
        if isinstance(payload, f.CallAnswered) and self._status == "ringing":
            self._status = "talking"
        elif isinstance(payload, h.ConversationImported):
            self._status = None
        elif isinstance(payload, h.ImportedConversationEnded):
            self._status, self._outcome = "ended", payload.reason
        elif isinstance(payload, h.MessageImported) and payload.role == "caller":
            self._imported_turns.add(event.turn_id)
            self._turns = len(self._imported_turns)
        elif isinstance(payload, d.TurnOpened) and payload.cause == "utterance":
            self._turns += 1
        elif isinstance(payload, d.ConversationClosed):
            self._status, self._outcome = "ended", payload.reason

    def summary(self) -> CallSummary:
        return CallSummary(
            call_id=self.call_id,
            started_at=iso_time(self.started_us),
            status=self._status,
            turns=self._turns,
            outcome=self._outcome,
            duration_s=round((self._last_us - self.started_us) / 1e6, 3),
        )


async def list_calls(ledger: Ledger, codec: Codec, report: Report) -> list[CallSummary]:
    """Every call of the log, newest first. Damage goes to ``report``; the rest is listed."""
    calls: dict[str, _Call] = {}
    for partition in range(ledger.partitions):
        reader = LogReader(codec, report)
        async for record in partition_records(ledger, partition):
            delivered = reader.take(record)
            for located in delivered.events if delivered else ():
                event = located.event
                if event.conversation_id == CUSTODY:
                    continue
                calls.setdefault(event.conversation_id, _Call(event)).take(event)
    newest_first = sorted(calls.values(), key=lambda call: (-call.started_us, call.call_id))
    return [call.summary() for call in newest_first]
