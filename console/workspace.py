"""Where a log, its keys and its recordings are: a data directory, with the log in it or on Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from agent_core.behaviour import Behaviour
from console.settings import ConfigurationError, Settings
from projections.acknowledged import AcknowledgedFacts, SqliteAcknowledgedFacts
from streams.behaviour_versions import ListedBehaviours, SqliteVersions
from streams.codec import Codec
from streams.hosts.embedded import EmbeddedHost
from streams.intake import Intake
from streams.keys import KeyStore, SqliteKeyStore
from streams.knowledge import WithKnowledge
from streams.mind import Effects, Mind
from streams.owner import Stores
from streams.owner_lock import OwnerLock
from streams.sqlite import SqliteDeadLetters, SqliteInbox, SqliteLedger, SqliteSnapshots, SqliteStateStore
from streams.sqlite_intake import SqliteIntake
from streams.sqlite_store import SqliteStore, StoreUnreadableError


class NoLogError(Exception):
    """There is no log here yet."""


class Host(Protocol):
    """Owns while it is entered."""

    reigns_lost: list[str]

    async def __aenter__(self) -> Any: ...

    async def __aexit__(self, *_: object) -> None: ...


class Workspace:
    """What every command works on. ``steps_are_atomic``: whether the log takes a step whole or not at all."""

    steps_are_atomic = True

    def __init__(self, directory: Path, keys: KeyStore, stores: Stores, behaviours: ListedBehaviours) -> None:
        self.directory, self.keys, self.stores, self.behaviours = directory, keys, stores, behaviours
        self.codec = Codec(keys)
        self.behaviour_of = lru_cache(maxsize=64)(self._behaviour_of)

    @property
    def recordings(self) -> Path:
        return self.directory / "recordings"

    def record(self, behaviour: Behaviour) -> int:
        """The seq of this behaviour in the log's behaviour stream."""
        return self.behaviours.record(behaviour.content_hash, behaviour.canonical())

    def host(self, mind: Mind[Any], make_effects: Callable[[], Effects[Any]]) -> Host:
        """An owner of this log in this process."""
        raise NotImplementedError

    async def owned_elsewhere(self) -> int:
        """How many other processes own parts of this log now and leave nothing for this one to do."""
        return 0

    def intake(self) -> AbstractAsyncContextManager[Intake]:
        raise NotImplementedError

    async def conversations(self) -> list[str]:
        """Ids of all conversations on the log, sorted."""
        raise NotImplementedError

    async def acknowledged(self) -> AcknowledgedFacts:
        raise NotImplementedError

    async def bring_keys(self) -> None:
        """Of all conversations, for who reads the whole log. Raises ``KeysUnavailableError``."""
        if not isinstance(self.keys, SqliteKeyStore):  # those are at hand
            await self.keys.prepare(await self.conversations())

    def _behaviour_of(self, seq: int, content_hash: str) -> Behaviour:
        return Behaviour.from_canonical(self.behaviours.get(seq, content_hash))


class SqliteWorkspace(Workspace):
    """``create=False``: for commands that only read; raises ``NoLogError`` where nothing was recorded yet."""

    def __init__(self, directory: Path, *, create: bool = True) -> None:
        """Raises ``StoreUnreadableError``, ``NoLogError``."""
        ledger_path = directory / "ledger.db"
        refuse_file(directory)
        if not create and not ledger_path.exists():
            raise NoLogError(f"{directory} holds no log yet: make a call first, or name another directory with --data")
        self.store = SqliteStore(ledger_path)
        self.inbox = SqliteInbox(self.store)
        self.ledger = SqliteLedger(self.store)
        self.states = SqliteStateStore(self.store)
        self.dead_letters = SqliteDeadLetters(self.store)
        snapshots = SqliteSnapshots(self.store)
        stores = Stores(self.inbox, self.ledger, self.states, self.dead_letters, snapshots)
        self._own_keys = open_keys(directory)
        behaviours = WithKnowledge(SqliteVersions(self.store), SqliteVersions(self.store, "knowledge"))
        super().__init__(directory, self._own_keys, stores, behaviours)

    def owner_lock(self) -> OwnerLock:
        return OwnerLock(self.directory / "owner.lock")

    def host(self, mind: Mind[Any], make_effects: Callable[[], Effects[Any]]) -> EmbeddedHost[Any]:
        return EmbeddedHost(self.stores, self.codec, mind, make_effects, self.owner_lock())

    async def owned_elsewhere(self) -> int:
        """Raises ``OwnerRefusedError`` where another process owns the log: a second owner is refused."""
        lock = self.owner_lock()
        lock.acquire()
        lock.release()
        return 0

    def intake(self) -> AbstractAsyncContextManager[Intake]:
        partitions = self.ledger.partitions
        return nullcontext(SqliteIntake(self.store, self._own_keys, self.ledger.sync, partitions))

    async def conversations(self) -> list[str]:
        return await self.ledger.conversations()

    async def acknowledged(self) -> AcknowledgedFacts:
        return SqliteAcknowledgedFacts(self.store)

    def close(self) -> None:
        self.store.close()
        self._own_keys.close()


def open_workspace(
    settings: Settings, *, create: bool = True, warm: bool = False
) -> AbstractAsyncContextManager[Workspace]:
    """By ``LEDGERLINE_LOG__URL``: Kafka, else the data directory. ``warm``: for workers, which may have to take over
    any partition at once.

    Raises ``StoreUnreadableError``, ``NoLogError``, ``BrokerUnreachableError``, ``TopicMismatchError``.
    """
    kafka = settings.log.kafka()
    if kafka is None:
        return _sqlite(settings, create)
    from console.kafka_workspace import kafka_workspace  # with what only the extra kafka brings

    return kafka_workspace(kafka, settings, create=create, warm=warm)


@asynccontextmanager
async def _sqlite(settings: Settings, create: bool) -> AsyncIterator[Workspace]:
    if settings.keys.url:
        raise ConfigurationError(
            "LEDGERLINE_KEYS__URL is for a log on Kafka: the embedded log keeps its keys beside it"
        )
    workspace = SqliteWorkspace(settings.data, create=create)
    try:
        yield workspace
    finally:
        workspace.close()


def refuse_file(directory: Path) -> None:
    """Raises ``ConfigurationError``."""
    if directory.exists() and not directory.is_dir():
        raise ConfigurationError(f"{directory} is a file: --data names a directory")


def open_keys(directory: Path) -> SqliteKeyStore:
    """Raises ``StoreUnreadableError``."""
    try:
        return SqliteKeyStore(directory / "keys")
    except OSError as error:
        raise StoreUnreadableError(f"the keys of {directory} can't be used: {error.strerror or error}") from None
