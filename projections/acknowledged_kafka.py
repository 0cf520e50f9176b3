"""Which facts the inbox's topic acknowledged: all that it still holds. (Its retention is a week.)"""

from __future__ import annotations

from collections.abc import Iterator

from projections.acknowledged import AcknowledgedFact
from streams.kafka.connection import Connection
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import conversation_of, event_id_of, unframe
from streams.kafka.topics import Topics

_BATCH = 10_000


class KafkaAcknowledgedFacts:
    def __init__(self, facts: dict[int, list[AcknowledgedFact]]) -> None:
        self._facts = facts

    @classmethod
    async def read(cls, connection: Connection, topics: Topics) -> KafkaAcknowledgedFacts:
        """Up to the topic's end as it is now. Bytes that are no event of ours are left out: they are no facts."""
        return cls({partition: await _facts(connection, topics, partition) for partition in range(topics.partitions)})

    def up_to(self, partition: int, offset: int) -> Iterator[AcknowledgedFact]:
        return (fact for fact in self._facts[partition] if fact.offset <= offset)


async def _facts(connection: Connection, topics: Topics, partition: int) -> list[AcknowledgedFact]:
    reader, facts = PartitionReader(connection, topics.inbox, partition), []
    start, end = await connection.beginning(topics.inbox, partition), await reader.end()
    while start < end and (records := await reader.read(start, _BATCH, until=end)):
        for record in records:
            body = unframe(record.value)
            if body.type:
                event_id = event_id_of(body.data).decode(errors="replace")
                facts.append(AcknowledgedFact(record.offset, event_id, conversation_of(record.key)))
        start = records[-1].offset + 1
    return facts
