"""A client for what is asked and made once, and the words for it when no broker lets it in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, for_code  # type: ignore[import-untyped]
from aiokafka.protocol.metadata import MetadataRequest  # type: ignore[import-untyped]

from streams.kafka.attentive_client import attend
from streams.kafka.brokers import Brokers
from streams.kafka.diagnosis import refusal
from streams.kafka.errors import BrokerUnreachableError
from streams.kafka.leaderships import Leaderships
from streams.kafka.rights import Operation, Right, missing_rights
from streams.kafka.silence import Silence

ANSWER_TIMEOUT_S = 20.0  # the client waits 40 s for each address, and tells nobody that it does


@asynccontextmanager
async def administering(brokers: Brokers) -> AsyncIterator[AIOKafkaAdminClient]:
    """Raises ``BrokerUnreachableError``; ``BrokerRefusedError`` where the reason is known."""
    admin = AIOKafkaAdminClient(**brokers.client())
    attend(admin._client, Silence(), Leaderships())
    try:
        await _start(admin, brokers)
        yield admin
    finally:
        await admin.close()


async def asked(admin: AIOKafkaAdminClient, request: Any) -> Any:
    """What any broker says to it. Raises ``KafkaError``."""
    client = admin._client
    return await client.send(client.get_random_node(), request)


async def described(admin: AIOKafkaAdminClient, brokers: Brokers, topics: Iterable[str]) -> list[Any]:
    """``error_code``, ``topic`` and ``partitions`` of each. Unlike the client's own way of asking, it creates none: stock
    brokers do, with as many partitions as they like. Raises ``RightsMissingError`` where they don't say, ``KafkaError``."""
    found: list[Any] = (await asked(admin, MetadataRequest(list(topics), False))).to_object()["topics"]
    if hidden := [each["topic"] for each in found if for_code(each["error_code"]) is TopicAuthorizationFailedError]:
        raise missing_rights([Right(Operation.READ, "topic", name) for name in hidden], brokers.security)
    return found


async def _start(admin: AIOKafkaAdminClient, brokers: Brokers) -> None:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await admin.start()
    except KafkaError as error:
        why = await refusal(brokers)
        raise why or BrokerUnreachableError(f"no Kafka broker answers at {brokers}: {error}") from None
    except TimeoutError:
        why = await refusal(brokers)
        raise why or BrokerUnreachableError(
            f"no Kafka broker answers at {brokers}: something listens there and says nothing that a broker would, in "
            f"{ANSWER_TIMEOUT_S:.0f} s. Another server?"
        ) from None
