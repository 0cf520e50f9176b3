"""Keys of conversations: one data key each, wrapped by a master key, kept apart from the log.

Losing a data key makes the private fields of its conversation unreadable for good: that is how forgetting works.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streams.sqlite_wal import connect_wal, wal_is_emptied

NONCE_BYTES = 12
TAG_BYTES = 16  # that AES-GCM adds
KEY_BYTES = 32


class KeyMissingError(Exception):
    """The conversation's data key was destroyed, or belongs to another master key."""


class KeysUnavailableError(Exception):
    """The key store takes or gives nothing just now (a full disk, a lock): trying again is safe."""


class DataKey:
    """A conversation's key. Private fields: AES-GCM with a random nonce. Digests: HMAC under a key derived from it.

    ``secret`` is for a key service alone, which hands it to who may have it.
    """

    def __init__(self, key_id: str, secret: bytes) -> None:
        self.key_id, self.secret = key_id, secret
        self._aead = AESGCM(secret)
        self.digest_key = hmac.new(secret, b"ledgerline digest", hashlib.sha256).digest()

    def encrypt(self, plaintext: bytes, context: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plaintext, context)

    def decrypt(self, ciphertext: bytes, context: bytes) -> bytes:
        """Raises ``KeyMissingError`` when key, bytes or context don't belong together."""
        try:
            return self._aead.decrypt(ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], context)
        except (InvalidTag, ValueError):  # ValueError: shorter than a nonce
            raise KeyMissingError("a private field does not open with its conversation's key") from None


class KeyStore(Protocol):
    """``create`` and ``get`` never wait: who runs in an event loop awaits ``prepare`` first."""

    async def prepare(self, conversation_ids: Collection[str], *, create: bool = False) -> None:
        """Brings to hand what lies elsewhere (a store on this machine has nothing to do). ``create``: makes what is
        missing. Raises ``KeysUnavailableError``.
        """
        ...

    def create(self, conversation_id: str) -> DataKey:
        """The conversation's key; made and synced to disk if there is none (put-if-absent).

        Raises ``KeysUnavailableError``.
        """
        ...

    def get(self, conversation_id: str) -> DataKey | None:
        """None where it was destroyed or never made. Raises ``KeysUnavailableError``."""
        ...


class ForgettingKeyStore(KeyStore, Protocol):
    def destroy(self, conversation_id: str) -> None:
        """What the conversation's private fields hold can't be read any more, by anyone. No key: nothing to do."""
        ...

    def leave_no_trace(self) -> None:
        """Of keys that were destroyed, in any file. Raises ``KeysUnavailableError``: then do it again."""
        ...


class MemoryKeyStore:
    """Keys for tests and simulation."""

    def __init__(self) -> None:
        self._keys: dict[str, DataKey] = {}

    async def prepare(self, conversation_ids: Collection[str], *, create: bool = False) -> None:
        """Every key is at hand."""

    def create(self, conversation_id: str) -> DataKey:
        if conversation_id not in self._keys:
            self._keys[conversation_id] = DataKey(f"k-{conversation_id}", os.urandom(KEY_BYTES))
        return self._keys[conversation_id]

    def get(self, conversation_id: str) -> DataKey | None:
        return self._keys.get(conversation_id)

    def destroy(self, conversation_id: str) -> None:
        self._keys.pop(conversation_id, None)

    def leave_no_trace(self) -> None:
        """There is no file."""


class SqliteKeyStore:
    """Keys in a SQLite file of their own, next to a master key file that only its owner can read.

    synchronous=FULL: a key is on disk before anything that is encrypted with it.
    """

    _CREATE = """create table if not exists data_key (
        conversation_id text primary key, key_id text not null, wrapped blob not null) strict"""
    _INSERT = "insert or ignore into data_key values (?, ?, ?)"
    _SELECT = "select key_id, wrapped from data_key where conversation_id = ?"
    _ANY = "select conversation_id from data_key limit 1"
    _DELETE = "delete from data_key where conversation_id = ?"

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._master = AESGCM(_master_key(directory / "master.key"))
        self._db = connect_wal(directory / "keys.db", "full")
        self._db.execute("pragma secure_delete=on")
        self._db.execute(self._CREATE)
        self._cached = lru_cache(maxsize=4096)(self._load)
        self._check_master_key()

    def _check_master_key(self) -> None:
        """Raises ``KeyMissingError`` before anything is read or put aside that another master key would open."""
        row = self._db.execute(self._ANY).fetchone()
        if row:
            self._load(row[0])

    async def prepare(self, conversation_ids: Collection[str], *, create: bool = False) -> None:
        """Every key is at hand."""

    def create(self, conversation_id: str) -> DataKey:
        found = self.get(conversation_id)
        if found:
            return found
        nonce = os.urandom(NONCE_BYTES)
        wrapped = nonce + self._master.encrypt(nonce, os.urandom(KEY_BYTES), conversation_id.encode())
        try:
            self._db.execute(self._INSERT, (conversation_id, "k-" + os.urandom(6).hex(), wrapped))
        except sqlite3.Error as error:
            raise KeysUnavailableError(f"the key store took nothing: {error}") from None
        return self._cached(conversation_id)

    def get(self, conversation_id: str) -> DataKey | None:
        try:
            return self._cached(conversation_id)
        except KeyError:
            return None

    def destroy(self, conversation_id: str) -> None:
        self._db.execute(self._DELETE, (conversation_id,))
        self._cached.cache_clear()

    def leave_no_trace(self) -> None:
        """Of keys that were destroyed: neither in the file's pages nor in its write-ahead log. Raises ``KeysUnavailableError``
        while another process holds on to them: then do it again.
        """
        try:
            self._db.execute("vacuum")
            emptied = wal_is_emptied(self._db)
        except sqlite3.Error as error:
            raise KeysUnavailableError(f"the key store can't be compacted: {error}") from None
        if not emptied:
            raise KeysUnavailableError(
                "another process reads the key store: what was destroyed may still lie in its log"
            )

    def close(self) -> None:
        self._db.close()

    def _load(self, conversation_id: str) -> DataKey:
        try:
            row = self._db.execute(self._SELECT, (conversation_id,)).fetchone()
        except sqlite3.Error as error:
            raise KeysUnavailableError(f"the key store can't be read: {error}") from None
        if row is None:
            raise KeyError(conversation_id)
        key_id, wrapped = row
        try:
            secret = self._master.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], conversation_id.encode())
        except InvalidTag:
            raise KeyMissingError(
                "the key store was written under another master key: restore keys/master.key that belongs to this data"
            ) from None
        return DataKey(key_id, secret)


def _master_key(path: Path) -> bytes:
    """The master key at ``path``; made, synced and readable by its owner alone if there is none.

    It appears under its name only once it is whole, so of processes that start together none reads half a key.
    """
    if not path.exists():
        whole = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(os.urandom(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first: its key holds
                os.link(whole, path)
        finally:
            os.unlink(whole)
        _sync_directory(path.parent)
    secret = path.read_bytes()
    if len(secret) != KEY_BYTES:
        raise KeyMissingError(f"{path.name} is damaged: restore it from your backup")
    return secret


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
