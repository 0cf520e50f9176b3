"""One partition of the log on its way into the live aggregates: void records and half steps add nothing. Pure."""

from __future__ import annotations

from schemas.event import Event
from streams.codec import Codec, UndecodableError
from streams.effective import BrokenStepError, EffectiveReader
from streams.ports import LogRecord


class CountedPartition:
    """Begins at ``offset``, where ``epoch`` is in force and no step is under way. ``next``: the offset to take next."""

    def __init__(self, codec: Codec, offset: int = 0, epoch: int = 0) -> None:
        self._codec, self._reader, self.next = codec, EffectiveReader(epoch), offset

    @property
    def epoch(self) -> int:
        return self._reader.epoch

    @property
    def is_between_steps(self) -> bool:
        return not self._reader.holds_half_a_step

    def take(self, record: LogRecord) -> tuple[Event, ...]:
        """The step that this record completes. What can't be read adds nothing: verify names it."""
        self.next = record.offset + 1
        try:
            event = self._codec.decode(record.body)
        except UndecodableError:
            return ()  # if it was part of a step, the next record tells
        try:
            return self._reader.feed(record, event)
        except BrokenStepError:
            self._reader.give_up_step()
            return self._reader.feed(record, event)
