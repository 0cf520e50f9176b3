"""Records that a topic no longer holds: its settings, or somebody, deleted them."""

from __future__ import annotations

from aiokafka.errors import KafkaError, OffsetOutOfRangeError  # type: ignore[import-untyped]

from streams.ports import RecordsGoneError


class TopicRecordsGoneError(RecordsGoneError, KafkaError):  # type: ignore[misc]
    """Which of the rest count can't be told without what stood before them."""

    def __init__(self, error: OffsetOutOfRangeError) -> None:
        (at, offset), *_ = error.args[0].items()
        super().__init__(
            f"topic {at.topic}, partition {at.partition}, has no offset {offset}: its records were deleted (by its settings "
            f"retention.ms and retention.bytes, or by hand), or it was made anew. Without them nobody can tell what of the "
            f"rest counts: bring them back from a copy (ledgerline import), or begin a new log under another prefix"
        )

    def __str__(self) -> str:
        return str(self.args[0])
