"""Runs a guest on a Kafka log: another process than the owners, on its own clients, with a token that reads keys."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from streams.codec import Codec
from streams.guest import Guest, GuestRunner
from streams.kafka.log import opened
from streams.kafka.url import LogUrlError, parse
from streams.remote_keys import RemoteKeyStore


async def run_guest(
    guest: Guest,
    *,
    log: str,
    keys_url: str,
    token: str,
    registry: str | None = None,
    tls: ssl.SSLContext | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Until it is cancelled. ``log``: as ``LEDGERLINE_LOG__URL``; ``token``: of the key service, role ``read``; ``tls``:
    whom to trust there. ``ready``: called once the guest misses nothing any more.

    Several processes may run the same guest: the first verdict counts. Raises ``LogUrlError``, ``InsecureUrlError``,
    ``BrokerUnreachableError``, ``TopicMismatchError``, ``RegistryError``.
    """
    url = parse(log)
    if url is None:
        raise LogUrlError("a guest runs on a Kafka log: kafka://HOST:PORT[,HOST:PORT][/PREFIX]")
    async with (
        opened(url.bootstrap, url.topics, replication=url.replication, registry=registry) as stores,
        RemoteKeyStore(keys_url, token, tls=tls) as keys,
    ):
        await GuestRunner(guest, stores.ledger, stores.inbox, Codec(keys), keys).run(ready)
