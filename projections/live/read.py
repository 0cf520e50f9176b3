"""The live figures of a whole log, from Python: read from the tables' changelog, whoever serves them meanwhile."""

from __future__ import annotations

import time

import msgspec

from projections.live.report import LiveFigures, RowAt, live_figures
from projections.live.tables import LiveTopics, row_at
from streams.kafka.connection import Connection
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.topics import Topics

_BATCH = 5_000


async def read_live_figures(
    connection: Connection, topics: Topics, minutes: int, until_s: float | None = None
) -> LiveFigures:
    """Of the ``minutes`` before ``until_s`` (now where it is None). The topics must exist (``LiveTopics.create``).

    Waits while no broker answers: who can't wait sets a timeout.
    """
    until_s = time.time() if until_s is None else until_s
    rows: list[RowAt] = []
    for partition in range(topics.partitions):
        rows += await _rows(connection, LiveTopics(topics).windows, partition)
    return live_figures(rows, range(topics.partitions), until_s - minutes * 60, until_s)


async def _rows(connection: Connection, topic: str, partition: int) -> list[RowAt]:
    """The newest of each row."""
    reader = PartitionReader(connection, topic, partition)
    newest: dict[bytes, bytes | None] = {}
    at = await reader.begin()
    while records := await reader.read(at, _BATCH):
        for record in records:
            newest[record.key or b""] = record.value
        at = records[-1].offset + 1
    return [row_at(msgspec.json.decode(key), msgspec.json.decode(value)) for key, value in newest.items() if value]
