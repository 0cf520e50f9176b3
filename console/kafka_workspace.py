"""A data directory whose log is on Kafka: keys, phrases and recordings are in it, events are not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from console.failures import FailedError
from console.settings import ConfigurationError, Settings
from console.workspace import NoLogError, Workspace, open_keys, refuse_file
from projections.acknowledged import AcknowledgedFacts
from projections.acknowledged_kafka import KafkaAcknowledgedFacts
from projections.effective_log import partition_records
from streams.behaviour_versions import ListedBehaviours
from streams.hosts.kafka import KafkaHost
from streams.intake import Intake
from streams.kafka.behaviour_versions import KafkaVersions
from streams.kafka.connection import connected
from streams.kafka.heartbeats import living_workers
from streams.kafka.intake import KafkaIntake
from streams.kafka.log import opened
from streams.kafka.registry import RegistryError
from streams.kafka.rights import Operation, in_words
from streams.kafka.topic_settings import refuse_unfit
from streams.kafka.topics import topics_exist
from streams.kafka.url import KafkaUrl
from streams.keys import KeyStore
from streams.knowledge import WithKnowledge
from streams.mind import Effects, Mind
from streams.owner import Stores
from streams.remote_keys import InsecureUrlError, RemoteKeyStore


class KafkaWorkspace(Workspace):
    steps_are_atomic = False  # a step that no batch holds comes in several

    def __init__(
        self, url: KafkaUrl, directory: Path, keys: KeyStore, stores: Stores, behaviours: ListedBehaviours
    ) -> None:
        super().__init__(directory, keys, stores, behaviours)
        self.url = url

    def host(self, mind: Mind[Any], make_effects: Callable[[], Effects[Any]]) -> KafkaHost[Any]:
        return KafkaHost(self.url.brokers, self.url.topics, self.stores, self.codec, mind, make_effects)

    def worker(self, host: str, mind: Mind[Any], make_effects: Callable[[], Effects[Any]]) -> KafkaHost[Any]:
        """``host``: aiokafka or faust."""
        if host == "aiokafka":
            return self.host(mind, make_effects)
        from streams.hosts.faust import FaustHost  # with all of Faust, which nobody else has need of

        return FaustHost(self.url.brokers, self.url.topics, self.stores, self.codec, mind, make_effects)

    async def owned_elsewhere(self) -> int:
        async with connected(self.url.brokers) as connection:
            return await living_workers(connection, self.url.topics)

    @asynccontextmanager
    async def intake(self) -> AsyncIterator[Intake]:
        async with connected(self.url.brokers) as connection:
            yield KafkaIntake(connection, self.url.topics, self.keys)

    async def conversations(self) -> list[str]:
        found: set[str] = set()
        for partition in range(self.stores.ledger.partitions):
            async for record in partition_records(self.stores.ledger, partition):
                found.add(record.conversation_id)
        return sorted(found - {""})

    async def acknowledged(self) -> AcknowledgedFacts:
        async with connected(self.url.brokers) as connection:
            return await KafkaAcknowledgedFacts.read(connection, self.url.topics)


@asynccontextmanager
async def kafka_workspace(
    url: KafkaUrl, settings: Settings, *, create: bool, warm: bool = False
) -> AsyncIterator[KafkaWorkspace]:
    """``warm``: for workers, which may have to take over any partition at once.

    Raises ``BrokerUnreachableError``, ``RightsMissingError``, ``TopicMismatchError``, ``NoLogError``, ``StoreUnreadableError``,
    ``ConfigurationError``, ``FailedError``.
    """
    directory = settings.data
    refuse_file(directory)
    if not create and not await topics_exist(url.brokers, url.topics):
        raise NoLogError(f"there is no log at {url.bootstrap} under these topics yet: make a call first")
    directory.mkdir(parents=True, exist_ok=True)
    open_log = partial(
        opened,
        url.brokers,
        url.topics,
        replication=url.replication,
        registry=settings.log.registry_address()
        if create
        else None,  # who only reads goes by the types that bodies name
        registry_tls=settings.log.registry_tls(),
        registry_cache=directory / "schema-ids.json",
        local=directory / "kafka.db",
        warm=warm,
    )
    try:
        async with _keys(settings) as keys, open_log(keys=keys) as stores:
            if create:
                await refuse_unfit(url.brokers, url.topics)
            loop = asyncio.get_running_loop()
            behaviours = WithKnowledge(
                KafkaVersions(url.brokers, url.topics), KafkaVersions(url.brokers, url.topics, "knowledge")
            )
            try:
                yield KafkaWorkspace(url, directory, keys, stores, behaviours)
            finally:
                await loop.run_in_executor(None, behaviours.close)
    except KafkaError as error:  # a broker that refuses, or went away
        raise in_words(error, url.security, Operation.READ) or FailedError(f"{url.bootstrap}: {error}") from None
    except RegistryError as error:
        raise FailedError(str(error)) from None


@asynccontextmanager
async def _keys(settings: Settings) -> AsyncIterator[KeyStore]:
    """Raises ``ConfigurationError``, ``StoreUnreadableError``."""
    service = settings.keys
    if service.url is None:
        local = open_keys(settings.data)
        try:
            yield local
        finally:
            local.close()
        return
    if service.token is None:
        raise ConfigurationError("LEDGERLINE_KEYS__TOKEN is missing: a token with the role create (ledgerline keys)")
    try:
        tls = ssl.create_default_context(cafile=service.ca) if service.ca else None
        remote = RemoteKeyStore(service.url, service.token.get_secret_value(), tls=tls)
    except InsecureUrlError as error:
        raise ConfigurationError(f"LEDGERLINE_KEYS__URL: {error}") from None
    async with remote:
        yield remote
