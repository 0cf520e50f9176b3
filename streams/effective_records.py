"""Effective events together with the records that hold them: for who passes their bytes on."""

from __future__ import annotations

from typing import NamedTuple

from schemas.event import Event
from streams.codec import Codec, UndecodableError
from streams.effective import BrokenStepError, EffectiveReader
from streams.ports import LogRecord


class Effective(NamedTuple):
    event: Event
    record: LogRecord


class EffectiveRecords:
    """``EffectiveReader`` over undecoded records, which reads on behind damage. Feed it one partition in order of offset,
    from an offset at which ``epoch`` was in force.

    ``unreadable``: how many records could not be decoded. The rest of the step that such a record stood in is passed over.
    """

    def __init__(self, codec: Codec, epoch: int = 0) -> None:
        self.reader = EffectiveReader(epoch)
        self.unreadable = 0
        self._codec = codec
        self._records: dict[bytes, LogRecord] = {}  # by hash, of the step that is being read

    @property
    def epoch(self) -> int:
        return self.reader.epoch

    def take(self, record: LogRecord) -> tuple[Effective, ...]:
        """The whole step that this record completes (one event, of a copy from another log), else nothing."""
        try:
            event = self._codec.decode(record.body, record.conversation_id)
        except UndecodableError:
            self.unreadable += 1
            return ()
        try:
            step = self.reader.feed(record, event)
        except BrokenStepError:
            self.reader.give_up_step()
            self._records.clear()
            step = self.reader.feed(record, event)
        self._records[event.hash] = record
        delivered = tuple(Effective(each, self._records[each.hash]) for each in step)
        if not self.reader.holds_half_a_step:
            self._records.clear()
        return delivered
