"""The one filter through which every reader sees the log: what is void, and when a step is whole.

Kafka can't refuse the append of an owner that was replaced. So an owner announces itself with ``OwnerTook(epoch)``, and:

- an ``OwnerTook`` whose epoch isn't above the one in force is void itself (first on the log wins);
- a record of a lower epoch than the one in force is void, for every reader;
- a step is delivered when its last record was read, all of it under the same epoch; what was held of an unfinished
  step is dropped at the next effective ``OwnerTook``.

A reader dedupes ids only after this filter: a void copy bears the same id as the record that counts.
"""

from __future__ import annotations

from typing import Any, TypeVar

from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.event import Happening
from streams.ports import LogRecord

H = TypeVar("H", bound=Happening)


class BrokenStepError(Exception):
    """Effective records of a step don't follow each other: the log was damaged."""


class EffectiveReader:
    """Feed it the records of one partition in order of offset, from an offset at which ``epoch`` was in force."""

    def __init__(self, epoch: int = 0) -> None:
        self.epoch = epoch
        self.reign = ""  # the event id of the OwnerTook in force; empty where it was read by another reader
        self.void = 0  # records that were dropped
        self.began = -1  # where the step began that is held, or was delivered last
        self._held: list[Any] = []
        self._passing_over = False  # the rest of a step that was given up

    @property
    def holds_half_a_step(self) -> bool:
        return bool(self._held)

    def feed(self, record: LogRecord, event: H) -> tuple[H, ...]:
        """The step that this record completes, else nothing. Feed whole events, or happenings. Raises ``BrokenStepError``."""
        if event.kind is Kind.CONTROL:
            self._control(event)
            return ()
        if record.imported_under is not None:
            return self._imported(record, record.imported_under, event)
        if event.epoch != self.epoch:
            self.void += 1
            return ()
        if self._passing_over and event.step_index != 0:
            self.void += 1
            return ()
        self._passing_over = False
        if event.step_index != len(self._held) or (self._held and event.step_id != self._held[0].step_id):
            raise BrokenStepError(
                f"partition {record.partition} offset {record.offset}: record {event.step_index} of step {event.step_id} "
                f"does not follow what stands before it"
            )
        if event.step_index == 0:
            self.began = record.offset
        self._held.append(event)
        if len(self._held) < event.step_size:
            return ()
        step, self._held = tuple(self._held), []
        return step

    def give_up_step(self) -> None:
        """After a ``BrokenStepError``, for who must read on: drops the step at hand, and passes over what is left of it.

        Feed the record again that raised: it may be the first of the next step.
        """
        self.void += len(self._held)
        self._held = []
        self._passing_over = True

    def _control(self, event: Happening) -> None:
        took = event.payload
        if isinstance(took, OwnerTook) and took.epoch > self.epoch:
            self.epoch, self.reign = took.epoch, event.event_id
            self.void += len(self._held)
            self._held = []
            self._passing_over = False
        else:
            self.void += 1

    def _imported(self, record: LogRecord, under: int, event: H) -> tuple[H, ...]:
        """A copy from another log: its own epoch and step fields speak of that log, so each record stands alone."""
        if under != self.epoch:
            self.void += 1
            return ()
        self.began = record.offset
        return (event,)
