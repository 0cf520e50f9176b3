"""Runs a guest on a Kafka log: another process than the owners, that may read the log, write the inbox, and no more."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from streams.codec import Codec
from streams.guest import Guest, GuestRunner
from streams.kafka.admin import administering, described
from streams.kafka.brokers import IN_PLAIN_TEXT, Brokers, Security
from streams.kafka.connection import connected
from streams.kafka.errors import TopicMismatchError
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
    security: Security = IN_PLAIN_TEXT,
    tls: ssl.SSLContext | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Until it is cancelled. ``log``: as ``LEDGERLINE_LOG__URL``; ``security``: how its brokers are reached
    (``streams.kafka.security`` makes it of settings). ``token``: of the key service, role ``read``; ``tls``: whom to trust
    there. ``ready``: called once the guest misses nothing any more.

    Several processes may run the same guest: the first verdict counts. Raises ``LogUrlError``, ``InsecureUrlError``,
    ``BrokerUnreachableError``, ``RightsMissingError``, and ``TopicMismatchError`` where the log isn't there or has other partitions: a guest
    creates nothing, and a verdict in the wrong partition would reach the wrong owner.
    """
    url = parse(log)
    if url is None:
        raise LogUrlError("a guest runs on a Kafka log: kafka://HOST:PORT[,HOST:PORT][/PREFIX]")
    brokers = Brokers(url.bootstrap, security)
    await _check(brokers, url.topics)
    async with connected(brokers) as connection, RemoteKeyStore(keys_url, token, tls=tls) as keys:
        ledger, inbox = KafkaLedger(connection, url.topics), KafkaInbox(connection, url.topics)
        try:
            await GuestRunner(guest, ledger, inbox, Codec(keys), keys).run(ready)
        finally:
            await ledger.close()


async def _check(brokers: Brokers, topics: Topics) -> None:
    async with administering(brokers) as admin:
        both = await described(admin, brokers, [topics.log, topics.inbox])
    for found in both:
        if len(found["partitions"]) != topics.partitions:
            counts = f"{len(found['partitions'])} partitions, expected {topics.partitions}"
            raise TopicMismatchError(f"topic {found['topic']} has {counts}")
