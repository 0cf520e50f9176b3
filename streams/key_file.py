"""Data keys of conversations as a file of their own, wrapped under a passphrase, to go another way than their log does.

JSON lines. The first holds ``ledgerline_keys`` (the version of this form) and how the passphrase becomes the wrapping
key: scrypt (RFC 7914) with ``n``, ``r``, ``p`` and ``salt`` (hex). Then one line a key: ``conversation_id``, ``key_id``,
``wrapped`` (base64 of a nonce of 12 bytes and AES-256-GCM ciphertext of the key; additional data is conversation id and
key id, joined by the byte 0x1f). The last line is ``{"keys": how many}``.

Who has file and passphrase can read what callers said, and a key that was destroyed here lives on there: forgetting a
caller means to destroy such files too.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streams.keys import NONCE_BYTES, DataKey, KeyStore, KeysUnavailableError, SqliteKeyStore

FORM = 1
# OWASP's password storage cheat sheet: scrypt with N = 2^17, r = 8, p = 1; 128 MB and some 0.4 s for each guess.
_N, _R, _P = 2**17, 8, 1
_SCRYPT_MEMORY_BYTES = 256 * 1024 * 1024
_SALT_BYTES = 16
_MOST_N = _N  # a file may ask for no more memory than we do


class BadKeyFileError(Exception):
    """It is no key file, is cut off, or the passphrase is another one."""


class NamedKey(NamedTuple):
    conversation_id: str
    key: DataKey


class _Head(msgspec.Struct, frozen=True):
    ledgerline_keys: int
    n: int
    r: int
    p: int
    salt: str


class _Line(msgspec.Struct, frozen=True):
    conversation_id: str
    key_id: str
    wrapped: str


class _Tail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: int


class PuttingKeyStore(SqliteKeyStore):
    """A key store that takes keys which were made elsewhere."""

    _PUT = "insert or ignore into data_key values (?, ?, ?)"

    def put(self, conversation_id: str, key: DataKey) -> bool:
        """False where the conversation has another key already, which stays. Raises ``KeysUnavailableError``."""
        nonce = os.urandom(NONCE_BYTES)
        wrapped = nonce + self._master.encrypt(nonce, key.secret, conversation_id.encode())
        try:
            self._db.execute(self._PUT, (conversation_id, key.key_id, wrapped))
        except sqlite3.Error as error:
            raise KeysUnavailableError(f"the key store took nothing: {error}") from None
        found = self.get(conversation_id)
        return found is not None and found.secret == key.secret


def write_keys(path: Path, passphrase: str, conversations: Iterable[str], keys: KeyStore) -> int:
    """How many there were: a forgotten conversation has none. Raises ``OSError`` (``FileExistsError`` too)."""
    salt = os.urandom(_SALT_BYTES)
    wrapping = AESGCM(_stretched(passphrase, salt, _N, _R, _P))
    written = 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(_Head(FORM, _N, _R, _P, salt.hex())) + b"\n")
        for conversation_id in conversations:
            key = keys.get(conversation_id)
            if key is None:
                continue
            nonce = os.urandom(NONCE_BYTES)
            wrapped = nonce + wrapping.encrypt(nonce, key.secret, _context(conversation_id, key.key_id))
            line = _Line(conversation_id, key.key_id, base64.b64encode(wrapped).decode())
            file.write(msgspec.json.encode(line) + b"\n")
            written += 1
        file.write(msgspec.json.encode(_Tail(written)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return written


def read_keys(path: Path, passphrase: str) -> list[NamedKey]:
    """Raises ``BadKeyFileError``, ``OSError``."""
    first, *rest = path.read_bytes().splitlines() or [b""]
    try:
        head = msgspec.json.decode(first, type=_Head)
    except msgspec.MsgspecError:
        raise BadKeyFileError(f"{path} is no file of keys (ledgerline export --with-keys writes them)") from None
    if head.ledgerline_keys != FORM:
        raise BadKeyFileError(f"{path} is of form {head.ledgerline_keys}, and this version reads form {FORM}")
    cut_off = BadKeyFileError(f"{path} is cut off or was changed: copy it again")
    try:
        end = msgspec.json.decode(rest[-1] if rest else b"", type=_Tail)
        lines = [msgspec.json.decode(line, type=_Line) for line in rest[:-1]]
        salt = bytes.fromhex(head.salt)
    except (msgspec.MsgspecError, ValueError):
        raise cut_off from None
    if end.keys != len(lines) or not 1 < head.n <= _MOST_N or head.r != _R or head.p != _P:
        raise cut_off
    return list(_opened(path, lines, AESGCM(_stretched(passphrase, salt, head.n, head.r, head.p))))


def _opened(path: Path, lines: list[_Line], wrapping: AESGCM) -> Iterator[NamedKey]:
    for line in lines:
        try:
            wrapped = base64.b64decode(line.wrapped, validate=True)
            context = _context(line.conversation_id, line.key_id)
            secret = wrapping.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        except (InvalidTag, ValueError):
            raise BadKeyFileError(f"{path} does not open: another passphrase, or the file was changed") from None
        yield NamedKey(line.conversation_id, DataKey(line.key_id, secret))


def _stretched(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=r, p=p, maxmem=_SCRYPT_MEMORY_BYTES, dklen=32)


def _context(conversation_id: str, key_id: str) -> bytes:
    return f"{conversation_id}\x1f{key_id}".encode()
