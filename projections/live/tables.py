"""The tables of the live aggregates: what stands in their topics, and how it is read back."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from aiokafka.admin import NewTopic  # type: ignore[import-untyped]
from aiokafka.errors import NoError, TopicAlreadyExistsError, for_code  # type: ignore[import-untyped]

from projections.live.counted import Kind, Row, RowName
from projections.live.report import KEPT_S, RowAt
from streams.kafka.admin import administering
from streams.kafka.brokers import Brokers
from streams.kafka.rights import Operation, in_words
from streams.kafka.topics import Topics

APP = "ledgerline-live"
WINDOWS, PLACES = "windows", "places"

Key = tuple[int, str, str | None, str | None]
"""(partition, kind, of, part): of each partition a row of its own, for only its reader writes it."""


class LiveTopics(NamedTuple):
    """Changelogs of the tables, as many partitions as the log has; Faust gives them their names."""

    topics: Topics

    @property
    def app(self) -> str:
        return f"{self.topics.prefix}{APP}"

    @property
    def windows(self) -> str:
        return f"{self.app}-{WINDOWS}-changelog"

    @property
    def places(self) -> str:
        return f"{self.app}-{PLACES}-changelog"

    async def create(self, brokers: Brokers, *, replication: int = 1) -> None:
        """Creates what is missing. Raises ``BrokerUnreachableError``, ``RightsMissingError``, ``KafkaError``."""
        newest = {"cleanup.policy": "compact", "segment.ms": "600000"}
        configured = {
            self.windows: newest | {"cleanup.policy": "compact,delete", "retention.ms": str(KEPT_S * 1000)},
            self.places: newest,
        }
        async with administering(brokers) as admin:
            created = await admin.create_topics(
                [
                    NewTopic(name, self.topics.partitions, replication, topic_configs=config)
                    for name, config in configured.items()
                ]
            )
            for name, code, *_ in created.topic_errors:
                refusal = for_code(code)
                if refusal not in (NoError, TopicAlreadyExistsError):
                    raise in_words(refusal(name), brokers.security, Operation.CREATE) or refusal(name)


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Between two steps: everything below ``offset`` is counted, ``epoch`` is in force there."""

    offset: int = 0
    epoch: int = 0


def key_of(partition: int, name: RowName) -> Key:
    return (partition, name.kind.value, name.of, name.part)


def stored(row: Row) -> dict[str, Any]:
    """As it stands in a table, and as JSON in its changelog."""
    stands: dict[str, Any] = msgspec.to_builtins(row, str_keys=True)
    return stands


def row_of(stored: Any) -> Row:
    """Raises ``msgspec.ValidationError``."""
    return msgspec.convert(stored, Row, strict=False)


def row_at(key: Any, stored: Any) -> RowAt:
    """Of a window's key (the row's, then the window's start and end). Raises ``ValueError``."""
    (partition, kind, of, part), (start_s, end_s) = key
    return RowAt(partition, RowName(Kind(kind), of, part), start_s, end_s, row_of(stored))
