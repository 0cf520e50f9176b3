"""The log as read models see it: whole effective steps, each event with its place, and every damage reported by name.

An owner stops at damage; a read model goes on behind it and tells where it is. What can't be decoded, or doesn't follow
the record before it, is reported once and the rest of its step is passed over.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from typing import NamedTuple

from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.event import Event
from schemas.registry import UnknownSchemaError, released_schema
from streams.codec import Codec, UndecodableError
from streams.effective import BrokenStepError, EffectiveReader
from streams.ports import Ledger, LogRecord


class DamageKind(StrEnum):
    UNKNOWN_SCHEMA = "unknown_schema"  # an event type or version that this code doesn't know
    UNDECODABLE = "undecodable"  # the bytes are not what their schema says, or don't open with their key
    BROKEN_STEP = "broken_step"  # a step lacks records, or has some twice or out of place
    HALF_STEP = "half_step"  # the log, or a reign, ends within a step


class Damage(NamedTuple):
    """``record`` is where it was noticed. ``seq`` where the event could be decoded."""

    kind: DamageKind
    record: LogRecord
    seq: int | None
    message: str


class Located(NamedTuple):
    event: Event
    record: LogRecord


class Delivered(NamedTuple):
    """``events``: a whole step, or one event of an import, whose step fields speak of the log that it came from."""

    events: tuple[Located, ...]
    imported: bool


Report = Callable[[Damage], None]
Seen = Callable[[LogRecord, Event, bool], None]
"""(record, event, void): each record that could be decoded, delivered or not."""


class LogReader:
    """``EffectiveReader`` over decoded records that survives damage. Feed it the records of one partition in order.

    ``steps_are_atomic``: the ledger takes a step whole or not at all, so a step that a reign or the log left unfinished
    is damage. Elsewhere it is what a crash leaves behind: void.
    """

    def __init__(
        self, codec: Codec, report: Report, seen: Seen | None = None, *, steps_are_atomic: bool = False
    ) -> None:
        self._codec, self._report, self._seen = codec, report, seen
        self._steps_are_atomic = steps_are_atomic
        self._reader = EffectiveReader()
        self._places: dict[bytes, LogRecord] = {}  # hash → record, of the step that is being read
        self._last: Located | None = None
        self._reported = False  # whether the damage of the step at hand was told already

    @property
    def epoch(self) -> int:
        return self._reader.epoch

    @property
    def void(self) -> int:
        return self._reader.void

    def take(self, record: LogRecord) -> Delivered | None:
        """What this record completes."""
        try:
            released_schema(record.body.type, record.body.version)
            event = self._codec.decode(record.body)
        except UnknownSchemaError as error:
            self._unreadable(DamageKind.UNKNOWN_SCHEMA, record, str(error))
            return None
        except UndecodableError as error:
            self._unreadable(DamageKind.UNDECODABLE, record, str(error))
            return None
        return self._feed(record, event)

    def end(self) -> None:
        """Call it at the log's end."""
        self._unfinished("the log")

    def _unfinished(self, what: str) -> None:
        if self._steps_are_atomic and self._reader.holds_half_a_step and self._last:
            last = self._last.event
            message = f"{what} ends after {last.step_index + 1} of the {last.step_size} records of a step"
            self._report(Damage(DamageKind.HALF_STEP, self._last.record, last.seq, message))

    def _feed(self, record: LogRecord, event: Event) -> Delivered | None:
        void, epoch = self._reader.void, self._reader.epoch
        if isinstance(event.payload, OwnerTook) and event.payload.epoch > epoch:
            self._unfinished("a reign")
        try:
            delivered = self._reader.feed(record, event)
        except BrokenStepError:
            self._broken(record, event)
            self._reader.give_up_step()
            delivered = self._reader.feed(record, event)
        ours = event.kind is not Kind.CONTROL and record.imported_under is None and event.epoch == epoch
        if self._seen:
            self._seen(record, event, not ours and self._reader.void > void)
        if self._reader.epoch != epoch:
            self._places.clear()
        if ours and (delivered or self._reader.holds_half_a_step):
            self._last = Located(event, record)
            self._reported = self._reported and event.step_index != 0
        self._places[event.hash] = record
        if not delivered:
            return None
        located = tuple(Located(e, self._places[e.hash]) for e in delivered)
        self._places.clear()
        return Delivered(located, record.imported_under is not None)

    def _broken(self, record: LogRecord, event: Event) -> None:
        """Names the step that lacks something: the one before, where another step begins too early.

        Where a record of it could not be read, that was told already.
        """
        if not self._reported:
            if event.step_index == 0 and self._last:
                last = self._last.event
                message = f"its step ends after {last.step_index + 1} of {last.step_size} records"
                self._report(Damage(DamageKind.BROKEN_STEP, self._last.record, last.seq, message))
            else:
                message = "it does not follow the record before it"
                self._report(Damage(DamageKind.BROKEN_STEP, record, event.seq, message))
        self._reported = True
        self._places.clear()

    def _unreadable(self, kind: DamageKind, record: LogRecord, message: str) -> None:
        """Whether it belonged to the step at hand is told by the next record."""
        self._report(Damage(kind, record, None, message))
        self._reported = True


async def partition_records(ledger: Ledger, partition: int) -> AsyncIterator[LogRecord]:
    """Every record from the partition's first to its end as it then is."""
    start = 0
    while records := await ledger.read(partition, start):
        for record in records:
            yield record
        start = records[-1].offset + 1


async def conversation_steps(ledger: Ledger, codec: Codec, conversation_id: str, report: Report) -> list[Delivered]:
    """The effective steps of one conversation, in order. Empty where the log holds nothing of it. Steps that are gone
    without a trace are told of by the gap that they leave in its numbers."""
    damages: list[Damage] = []

    def told(damage: Damage) -> None:
        damages.append(damage)
        report(damage)

    reader = LogReader(codec, told)
    steps: list[Delivered] = []
    seq = known = 0
    for record in await ledger.read_conversation(conversation_id):
        step = reader.take(record)
        if step is None:
            continue
        if len(damages) == known and (gone := gone_before(step.events[0].event, seq)):
            report(Damage(DamageKind.BROKEN_STEP, record, step.events[0].event.seq, gone))
        seq, known = step.events[-1].event.seq, len(damages)
        steps.append(step)
    return steps


def gone_before(event: Event, seq: int) -> str | None:
    """What is missing between the event of this ``seq`` and ``event``; None: nothing."""
    return f"events {seq + 1} to {event.seq - 1} of {event.conversation_id} are gone" if event.seq > seq + 1 else None


async def conversation_events(ledger: Ledger, codec: Codec, conversation_id: str, report: Report) -> list[Event]:
    """The effective events of one conversation, in order."""
    steps = await conversation_steps(ledger, codec, conversation_id, report)
    return [located.event for step in steps for located in step.events]
