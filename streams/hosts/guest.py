"""Runs a guest on a Kafka log: another process than the owners, that may read the log, write the inbox, and no more."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from streams.codec import Codec
from streams.guest import Guest, GuestRunner
from streams.kafka.connection import connected
from streams.kafka.errors import BrokerUnreachableError, TopicMismatchError
from streams.kafka.inbox import KafkaInbox
from streams.kafka.ledger import KafkaLedger
from streams.kafka.topics import Topics
from streams.kafka.url import LogUrlError, parse
from streams.remote_keys import RemoteKeyStore


async def run_guest(
    guest: Guest,
    *,
    log: str,
    keys_url: str,
    token: str,
    tls: ssl.SSLContext | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Until it is cancelled. ``log``: as ``LEDGERLINE_LOG__URL``; ``token``: of the key service, role ``read``; ``tls``:
    whom to trust there. ``ready``: called once the guest misses nothing any more.

    Several processes may run the same guest: the first verdict counts. Raises ``LogUrlError``, ``InsecureUrlError``,
    ``BrokerUnreachableError``, and ``TopicMismatchError`` where the log isn't there or has other partitions: a guest
    creates nothing, and a verdict in the wrong partition would reach the wrong owner.
    """
    url = parse(log)
    if url is None:
        raise LogUrlError("a guest runs on a Kafka log: kafka://HOST:PORT[,HOST:PORT][/PREFIX]")
    await _check(url.bootstrap, url.topics)
    async with connected(url.bootstrap) as connection, RemoteKeyStore(keys_url, token, tls=tls) as keys:
        ledger, inbox = KafkaLedger(connection, url.topics), KafkaInbox(connection, url.topics)
        try:
            await GuestRunner(guest, ledger, inbox, Codec(keys), keys).run(ready)
        finally:
            await ledger.close()


async def _check(bootstrap: str, topics: Topics) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        described = await admin.describe_topics([topics.log, topics.inbox])
    except KafkaError as error:
        raise BrokerUnreachableError(f"no Kafka broker answers at {bootstrap}: {error}") from None
    finally:
        await admin.close()
    for found in described:
        if len(found["partitions"]) != topics.partitions:
            counts = f"{len(found['partitions'])} partitions, expected {topics.partitions}"
            raise TopicMismatchError(f"topic {found['topic']} has {counts}")
