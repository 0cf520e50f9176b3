"""The log of the model: one partition, one conversation, records as small as the protocol allows.

A log is a string with one character a record, so that states are small and their hashes are kept. What a reader makes
of it is asked of the production filter (``streams.effective``); what it *should* make of it is said here a second time,
in other words, straight from the rule: that is what the filter is compared with.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.decisions import CandidateAccepted
from schemas.event import Event
from schemas.facts import KeyPressed
from streams.codec import Body
from streams.effective import BrokenStepError, EffectiveReader
from streams.ports import LogRecord

TOOK = -1  # in place of a fact: an owner's announcement

Log = str
Reader = type[EffectiveReader]


class Record(NamedTuple):
    """``fact``: which one this step is about. ``says``: what its decision says. ``seq``: place in the conversation."""

    epoch: int
    by: int
    fact: int = TOOK
    index: int = 0
    size: int = 1
    seq: int = 0
    mark: int = -1
    says: str = ""


_RECORDS: list[Record] = []
_NUMBERS: dict[Record, str] = {}


def written(record: Record) -> Log:
    """The record as a log of its own."""
    number = _NUMBERS.get(record)
    if number is None:
        number = _NUMBERS[record] = chr(len(_RECORDS))
        _RECORDS.append(record)
    return number


def records(log: Log) -> list[Record]:
    return [record(number) for number in log]


def record(number: str) -> Record:
    return _RECORDS[ord(number)]


class View(NamedTuple):
    """What a reader knows at the end of a log. ``steps``: effective ones, each by the offset of its last record."""

    epoch: int
    reign: str
    steps: tuple[tuple[int, tuple[Record, ...]], ...]
    half: bool
    broken: bool

    @property
    def facts(self) -> tuple[int, ...]:
        return tuple(step[0].fact for _, step in self.steps)

    @property
    def said(self) -> tuple[str, ...]:
        return tuple(record.says for _, step in self.steps for record in step if record.says)

    @property
    def mark(self) -> int:
        return max((record.mark for _, step in self.steps for record in step), default=-1)


@cache
def read(reader: Reader, log: Log, start: int = 0, epoch: int = 0) -> View:
    """By the production filter, from ``start``, where ``epoch`` is said to be in force."""
    filtering = reader(epoch)
    steps: list[tuple[int, tuple[Record, ...]]] = []
    try:
        for offset in range(start, len(log)):
            event = _event(log[offset])
            delivered = filtering.feed(LogRecord(0, offset, event.conversation_id, _NO_BYTES), event)
            if delivered:
                steps.append((offset, tuple(record(one.causation_id) for one in delivered)))
    except BrokenStepError:
        return View(filtering.epoch, filtering.reign, tuple(steps), half=False, broken=True)
    return View(filtering.epoch, filtering.reign, tuple(steps), filtering.holds_half_a_step, broken=False)


@cache
def effective_by_the_rule(log: Log) -> tuple[tuple[int, ...], ...]:
    """Offsets of the records of each effective step, in order of their last records.

    The rule: an announcement counts if its epoch is above that of every one before it. A record counts if the last
    announcement that counts before it has the record's epoch. A step counts if all of it does, under one announcement.
    """
    in_force = 0
    reigns: list[tuple[int, dict[int, list[int]]]] = []
    for offset, one in enumerate(records(log)):
        if one.fact == TOOK:
            if one.epoch > in_force:
                in_force = one.epoch
                reigns.append((in_force, {}))
        elif reigns and one.epoch == in_force:
            reigns[-1][1].setdefault(one.fact, []).append(offset)
    whole = [
        tuple(offsets)
        for _, steps in reigns
        for offsets in steps.values()
        if len(offsets) == record(log[offsets[0]]).size
    ]
    return tuple(sorted(whole, key=lambda offsets: offsets[-1]))


def took_id(by: int, epoch: int) -> str:
    return f"took-{by}-{epoch}"


_NO_BYTES = Body("", 0, b"")


@cache
def _event(number: str) -> Event:
    one = record(number)
    if one.fact == TOOK:
        return Event(
            event_id=took_id(one.by, one.epoch),
            type=OwnerTook.__name__,
            schema_version=OwnerTook.VERSION,
            conversation_id="",
            epoch=one.epoch,
            kind=Kind.CONTROL,
            payload=OwnerTook(epoch=one.epoch, owner_id=str(one.by)),
        )
    payload = KeyPressed(key="1") if one.index == 0 else CandidateAccepted(candidate_id=one.says)
    return Event(
        event_id=f"{one.fact}.{one.index}",
        type=type(payload).__name__,
        schema_version=payload.VERSION,
        conversation_id="c",
        seq=one.seq,
        epoch=one.epoch,
        step_id=str(one.fact),
        step_index=one.index,
        step_size=one.size,
        causation_id=number,  # tells which of several copies was delivered: they bear the same event id
        kind=Kind.FACT if one.index == 0 else Kind.DECISION,
        inbox_mark=one.mark,
        payload=payload,
    )
