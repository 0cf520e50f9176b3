"""Who leads a partition since which epoch, as all clients of a connection know it together.

A broker that was cut off names itself as leader until it hears of its successor, and answers as one: what it hands out ends
before what was acknowledged since. Each election raises the partition's epoch, so of two that tell otherwise one is behind.
aiokafka asks brokers in words that are older than these epochs (KIP-320); here they are asked for.

One that is cut off from the other brokers alone goes on like that for as long as it lasts, and whoever follows it hears nothing
and no error. So who hears nothing asks who leads, and what one client learns all others act on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Set
from typing import Any

from aiokafka import TopicPartition  # type: ignore[import-untyped]
from aiokafka.protocol.api import Request, RequestStruct, Response  # type: ignore[import-untyped]
from aiokafka.protocol.metadata import (  # type: ignore[import-untyped]
    MetadataRequest_v1,
    MetadataRequest_v5,
    MetadataResponse_v5,
)
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String  # type: ignore[import-untyped]

LOOK_EVERY_S = 1.0  # while nothing comes: one question, whoever of a connection's clients follows the same topics
Epochs = Mapping[TopicPartition, int]
Listener = Callable[[Set[str]], None]


# As metadata of version 7 and above has them (KIP-320).
BROKERS = ("brokers", Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))))
PARTITIONS = (
    "partitions",
    Array(
        ("error_code", Int16),
        ("partition", Int32),
        ("leader", Int32),
        ("leader_epoch", Int32),
        ("replicas", Array(Int32)),
        ("isr", Array(Int32)),
        ("offline_replicas", Array(Int32)),
    ),
)


class MetadataResponse_v7(Response):  # type: ignore[misc]  # noqa: N801  named as aiokafka names its own
    API_KEY = 3
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        BROKERS,
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                PARTITIONS,
            ),
        ),
    )


class MetadataRequest_v7(RequestStruct):  # type: ignore[misc]  # noqa: N801
    API_KEY = 3
    API_VERSION = 7
    RESPONSE_TYPE = MetadataResponse_v7
    SCHEMA = MetadataRequest_v5.SCHEMA


class WhoLeads(Request[MetadataRequest_v1 | MetadataRequest_v5 | MetadataRequest_v7]):  # type: ignore[misc]
    """Of these topics; None: of all. An old broker answers without epochs."""

    API_KEY = 3

    def __init__(self, topics: list[str] | None) -> None:
        self._topics = topics

    def build(self, request_struct_class: Any) -> Any:
        if request_struct_class is MetadataRequest_v1:
            return MetadataRequest_v1(self._topics)
        return request_struct_class(self._topics, True)


class Told:
    """What one broker said. ``metadata``: as aiokafka takes it."""

    def __init__(self, answer: Any) -> None:
        self.metadata, self.epochs = answer, dict[TopicPartition, int]()
        if answer.API_VERSION < MetadataResponse_v7.API_VERSION:
            return
        topics = []
        for error_code, topic, is_internal, partitions in answer.topics:
            self.epochs |= {TopicPartition(topic, number): epoch for _, number, _, epoch, *_ in partitions}
            topics.append((error_code, topic, is_internal, [(*one[:3], *one[4:]) for one in partitions]))
        self.metadata = MetadataResponse_v5(
            answer.throttle_time_ms, answer.brokers, answer.cluster_id, answer.controller_id, topics
        )


class Leaderships:
    """The newest that any broker told of."""

    def __init__(self) -> None:
        self._epochs: dict[TopicPartition, int] = {}
        self._doubted: set[str] = set()
        self._looked_s: dict[frozenset[str], float] = {}
        self._listeners: set[Listener] = set()

    def are_known(self, epochs: Epochs) -> bool:
        """Of all these partitions: else who tells of them may be the one that is behind."""
        return all(at in self._epochs and at.topic not in self._doubted for at in epochs)

    def behind(self, epochs: Epochs) -> int:
        """How many elections who tells this has missed, as far as is known."""
        return sum(max(0, self._epochs[at] - epoch) for at, epoch in epochs.items() if at in self._epochs)

    def doubt(self, topics: Set[str]) -> None:
        """Next time all brokers are asked who leads them."""
        self._doubted |= topics

    def learn(self, epochs: Epochs) -> None:
        newer = {at: epoch for at, epoch in epochs.items() if epoch > self._epochs.get(at, -1)}
        elected = {at.topic for at in newer if at in self._epochs}
        self._epochs |= newer
        self._doubted -= {at.topic for at in epochs}
        if elected:
            for listener in tuple(self._listeners):
                listener(elected)

    def is_to_be_looked_at(self, topics: frozenset[str]) -> bool:
        """Whether nobody asked who leads them just now. Who is told so does."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._looked_s.get(topics, -LOOK_EVERY_S) < LOOK_EVERY_S:
            return False
        self._looked_s[topics] = now_s
        return True

    def tell(self, listener: Listener) -> None:
        """``listener`` is told topics of which a partition has another leader, or the same one elected anew."""
        self._listeners.add(listener)

    def tell_no_more(self, listener: Listener) -> None:
        self._listeners.discard(listener)
