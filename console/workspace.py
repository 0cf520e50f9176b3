"""A data directory: the log, its keys, its recordings."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from agent_core.behaviour import Behaviour
from streams.behaviours import SqliteBehaviours
from streams.codec import Codec
from streams.keys import SqliteKeyStore
from streams.owner import Stores
from streams.owner_lock import OwnerLock
from streams.sqlite import SqliteDeadLetters, SqliteInbox, SqliteLedger, SqliteStateStore
from streams.sqlite_store import SqliteStore, StoreUnreadableError


class NoLogError(Exception):
    """There is no log in this directory yet."""


class Workspace:
    """``create=False``: for commands that only read; raises ``NoLogError`` where nothing was recorded yet."""

    def __init__(self, directory: Path, *, create: bool = True) -> None:
        """Raises ``StoreUnreadableError``, ``NoLogError``."""
        ledger_path = directory / "ledger.db"
        if directory.exists() and not directory.is_dir():
            raise StoreUnreadableError(f"{directory} is a file: --data names a directory")
        if not create and not ledger_path.exists():
            raise NoLogError(f"{directory} holds no log yet: make a call first, or name another directory with --data")
        self.directory = directory
        self.store = SqliteStore(ledger_path)
        try:
            self.keys = SqliteKeyStore(directory / "keys")
        except OSError as error:
            raise StoreUnreadableError(f"{directory} can't be written: {error}") from None
        self.codec = Codec(self.keys)
        self.inbox = SqliteInbox(self.store)
        self.ledger = SqliteLedger(self.store)
        self.states = SqliteStateStore(self.store)
        self.dead_letters = SqliteDeadLetters(self.store)
        self.behaviours = SqliteBehaviours(self.store)
        self.stores = Stores(self.inbox, self.ledger, self.states, self.dead_letters)
        self.behaviour_of = lru_cache(maxsize=64)(self._behaviour_of)

    @property
    def recordings(self) -> Path:
        return self.directory / "recordings"

    def owner_lock(self) -> OwnerLock:
        return OwnerLock(self.directory / "owner.lock")

    def record(self, behaviour: Behaviour) -> int:
        """The seq of this behaviour in the log's behaviour stream."""
        return self.behaviours.record(behaviour.content_hash, behaviour.canonical())

    def close(self) -> None:
        self.store.close()
        self.keys.close()

    def _behaviour_of(self, seq: int, content_hash: str) -> Behaviour:
        return Behaviour.from_canonical(self.behaviours.get(seq, content_hash))
