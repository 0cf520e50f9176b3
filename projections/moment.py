"""A moment of the log, as somebody names it: a time, a place, just before an event, or a call's end so far.

A step is atomic, so a moment lies between two steps: what was accepted until then is known, the rest isn't there yet. A
place is exact in its own partition; the others are taken at the time at which it was reached.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from projections.wall_time import iso_time
from schemas import decisions as d
from schemas.base import Kind
from streams.codec import Codec, UndecodableError, happening_of
from streams.effective_records import Effective, EffectiveRecords
from streams.history.times import us_of
from streams.partitioner import partition_of
from streams.ports import Ledger, LogRecord
from streams.sealed_only import SealedOnly

BEFORE, CALL = "before:", "call:"
FORMS = "an ISO 8601 time, PARTITION:OFFSET, before:EVENT_ID or call:CALL"
_READ = 2_000
_BACK = 100  # records of a few steps


class MomentError(Exception):
    """No such moment. The message says why."""


class AsOf(NamedTuple):
    """``offset``: of the newest record that counts, in ``partition``; None: only ``at_us`` says. ``conversation_id``:
    whose event, or which call, named the moment. ``copied_us``: that event's, or the call's end's, own time, where it was
    imported: then it is not ``at_us``."""

    at_us: int
    partition: int | None = None
    offset: int | None = None
    conversation_id: str | None = None
    copied_us: int | None = None

    def holds(self, partition: int, end: int, accepted_at_us: int) -> bool:
        """Whether a step whose last record is at ``end`` counts."""
        if self.offset is not None and partition == self.partition:
            return end <= self.offset
        return accepted_at_us <= self.at_us


async def moment_of(text: str, ledger: Ledger) -> AsOf:
    """``text``: one of ``FORMS``, with the call's whole id. Raises ``MomentError``."""
    if text.startswith(BEFORE):
        return await _before_event(text.removeprefix(BEFORE), ledger)
    if text.startswith(CALL):
        return await _end_of_call(text.removeprefix(CALL), ledger)
    partition, colon, offset = text.partition(":")
    if colon and partition.isdecimal() and offset.isdecimal():
        return await _at_offset(int(partition), int(offset), ledger)
    return await _at_time(text, ledger)


async def _at_time(text: str, ledger: Ledger) -> AsOf:
    try:
        at_us = us_of(text)
    except ValueError:
        raise MomentError(f"{text!r} is no moment: {FORMS}") from None
    if at_us > time.time_ns() // 1000 and at_us > await _last_us(ledger):
        raise MomentError(f"{iso_time(at_us)} lies after the log's end: it hasn't come yet")
    began_us = await _began_us(ledger, at_us)
    if began_us is None:
        raise MomentError("the log holds no event yet")
    if at_us < began_us:
        began = iso_time(began_us, exact=True)  # that very moment may be asked for
        raise MomentError(f"{iso_time(at_us, exact=True)} lies before the log began: its first step is of {began}")
    return AsOf(at_us)


async def _began_us(ledger: Ledger, not_after_us: int) -> int | None:
    """When the oldest step was accepted, or one that isn't after ``not_after_us``; None: the log holds none. What stands first in each partition
    tells it for most moments; conversations of another system may be older than what stands before them."""
    began_us = await _first_steps_us(ledger)
    for partition in range(ledger.partitions):
        if began_us is None or began_us <= not_after_us:
            break
        began_us = min(began_us, await _oldest_us(ledger, partition, not_after_us) or began_us)
    return began_us


async def _oldest_us(ledger: Ledger, partition: int, enough_us: int) -> int | None:
    """Of all effective steps, up to the first that isn't after ``enough_us``."""
    records, start, oldest_us = EffectiveRecords(Codec(SealedOnly())), 0, None
    while batch := await ledger.read(partition, start, _READ):
        for record in batch:
            for event, _ in records.take(record):
                oldest_us = min(event.accepted_at_us, oldest_us or event.accepted_at_us)
                if oldest_us <= enough_us:
                    return oldest_us
        start = batch[-1].offset + 1
    return oldest_us


async def _first_steps_us(ledger: Ledger) -> int | None:
    firsts = [await _first_us(ledger, partition) for partition in range(ledger.partitions)]
    return min((first for first in firsts if first is not None), default=None)


async def _last_us(ledger: Ledger) -> int:
    """When the newest step was accepted: on a virtual clock that may be later than now. 0 where there is none."""
    newest = [
        await _newest_us(ledger, partition, await ledger.end(partition)) for partition in range(ledger.partitions)
    ]
    return max((at_us for at_us in newest if at_us is not None), default=0)


async def _first_us(ledger: Ledger, partition: int) -> int | None:
    records, start = EffectiveRecords(Codec(SealedOnly())), 0
    while batch := await ledger.read(partition, start, _READ):
        for record in batch:
            for event, _ in records.take(record):
                return event.accepted_at_us
        start = batch[-1].offset + 1
    return None


async def _at_offset(partition: int, offset: int, ledger: Ledger) -> AsOf:
    if partition >= ledger.partitions:
        raise MomentError(f"there is no partition {partition}: the log has {ledger.partitions}, from 0")
    end = await ledger.end(partition)
    if offset >= end:
        last = f"its last record is {partition}:{end - 1}" if end else "nothing stands in that partition"
        raise MomentError(f"{partition}:{offset} lies after the log's end: {last}")
    at_us = await _newest_us(ledger, partition, offset + 1)
    if at_us is None:  # no step was whole there: a moment before every other
        at_us = (await _began_us(ledger, -1) or 0) - 1
    return AsOf(at_us, partition, offset)


class _Newest(NamedTuple):
    """When the newest whole steps of a stretch were accepted, None: there is none. ``copied_us``: the latest of those that
    were imported, which bear the time at which they happened: it may be years before they came here."""

    decided_us: int | None
    copied_us: int | None

    @property
    def us(self) -> int | None:
        return max((each for each in self if each is not None), default=None)


async def _newest_us(ledger: Ledger, partition: int, stop: int) -> int | None:
    """The time that was reached below offset ``stop``: that of the newest step there, and behind copies of older ones no
    earlier than that of the newest that was decided here; None: none is whole there."""
    found, size = _Newest(None, None), _BACK
    while stop > 0 and found.decided_us is None:
        start = max(0, stop - size)
        before = _newest_steps(await ledger.read(partition, start, stop - start))
        found = _Newest(before.decided_us, _Newest(found.copied_us, before.copied_us).us)
        stop, size = start, min(2 * size, _READ)
    return found.us


def _newest_steps(records: Iterable[LogRecord]) -> _Newest:
    """Of the steps that are whole here. Of a replaced owner's records those are passed over that stand behind one of its
    successor."""
    epoch, decided_us, copied_us = 0, None, None
    for record in records:
        try:
            event = happening_of(record.body)
        except UndecodableError:
            continue
        if event.kind is Kind.CONTROL:
            epoch = max(epoch, event.epoch)
        elif record.imported_under is not None:
            copied_us = max(event.accepted_at_us, copied_us or 0)
        else:
            in_force = event.epoch >= epoch
            epoch = max(epoch, event.epoch)
            if in_force and event.step_index + 1 == event.step_size:
                decided_us = event.accepted_at_us
    return _Newest(decided_us, copied_us)


async def _before_event(event_id: str, ledger: Ledger) -> AsOf:
    if not event_id:
        raise MomentError(f"before: names no event; a moment is {FORMS}")
    for partition in range(ledger.partitions):
        conversation_id = await _whose(event_id, ledger, partition)
        if conversation_id is None:
            continue
        records = EffectiveRecords(Codec(SealedOnly()))
        for record in await ledger.read_conversation(conversation_id):
            step = records.take(record)
            if any(event.event_id == event_id for event, _ in step):
                began, latest_us = records.reader.began, step[0].event.accepted_at_us - 1
                reached_us = await _newest_us(ledger, partition, began)
                is_copy = record.imported_under is not None  # its own time may be years before it came here
                before_us = latest_us if reached_us is None else reached_us if is_copy else min(reached_us, latest_us)
                return AsOf(before_us, partition, began - 1, conversation_id, latest_us if is_copy else None)
    raise MomentError(f"no event {event_id!r} on this log")


async def _whose(event_id: str, ledger: Ledger, partition: int) -> str | None:
    """The conversation of an event. Its id is the first thing in its bytes, so nothing needs to be decoded."""
    wanted, start = event_id.encode(), 0
    most = len(wanted) + 3  # behind its length, which takes up to three bytes
    while batch := await ledger.read(partition, start, _READ):
        for record in batch:
            if wanted in record.body.data[:most] and record.conversation_id:
                return record.conversation_id
        start = batch[-1].offset + 1
    return None


async def _end_of_call(conversation_id: str, ledger: Ledger) -> AsOf:
    records, last = EffectiveRecords(Codec(SealedOnly())), None
    for record in await ledger.read_conversation(conversation_id):
        for effective in records.take(record):
            last = effective
    if last is None:
        raise MomentError(f"no call {conversation_id!r} on this log")
    event, holding = last
    if holding.imported_under is None:
        return AsOf(event.accepted_at_us, holding.partition, holding.offset, conversation_id)
    reached_us = await _newest_us(ledger, holding.partition, holding.offset + 1)
    at_us = event.accepted_at_us if reached_us is None else reached_us
    return AsOf(at_us, holding.partition, holding.offset, conversation_id, event.accepted_at_us)


def as_it_was(records: Iterable[LogRecord], codec: Codec, at: AsOf) -> list[Effective]:
    """The effective events of a conversation that counted at the moment ``at``, in order."""
    reader = EffectiveRecords(codec)
    counted: list[Effective] = []
    for record in records:
        step = reader.take(record)
        if step and not at.holds(record.partition, record.offset, step[0].event.accepted_at_us):
            break  # a conversation's steps come in order, by place and by time
        counted += step
    return counted


async def events_at(ledger: Ledger, conversation_id: str, codec: Codec, at: AsOf) -> list[Effective]:
    """``as_it_was`` from the log. Where ``at`` names a place of the call's own partition, nothing behind it is read."""
    is_place = at.offset is not None and partition_of(conversation_id, ledger.partitions) == at.partition
    until = at.offset + 1 if is_place and at.offset is not None else None
    return as_it_was(await ledger.read_conversation(conversation_id, 0, until), codec, at)


async def behaviour_at(at: AsOf, ledger: Ledger, recorded: Iterable[tuple[int, int | None]]) -> int | None:
    """The number of the behaviour that counted: the one that the call of the moment pinned, exactly; else the newest that
    was recorded until then. None where there was none, or the log doesn't tell when they were recorded.

    ``recorded``: (seq, when, in microseconds).
    """
    pinned = await behaviour_pinned(at, ledger)
    if pinned is not None:
        return pinned
    return max((seq for seq, when_us in recorded if when_us is not None and when_us <= at.at_us), default=None)


async def behaviour_pinned(at: AsOf, ledger: Ledger) -> int | None:
    """The number of the behaviour that the call of the moment pinned. None where the moment names no call, where the call
    hadn't opened, or where another system ran it."""
    if at.conversation_id is not None:
        for event, _ in await events_at(ledger, at.conversation_id, Codec(SealedOnly()), at):
            if isinstance(event.payload, d.ConversationOpened):
                return event.payload.behaviour_seq
    return None
