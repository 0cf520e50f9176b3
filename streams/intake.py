"""The intake: what other systems sent us, kept as it came, before anything is made of it.

A webhook or a mail is acknowledged once it stands here; it is parsed later, and again whenever the parser was wrong. Each
message has a data key of its own, since nobody knows yet whom it is about: it is destroyed with the subjects and the
conversations that the message names (``projections.intake_names``).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

import msgspec

from streams.keys import KeyMissingError, KeyStore


class Received(NamedTuple):
    """``source``: whose message, such as ``helpdesk``; ``id``: that system's own id of it. ``headers``: names and values
    as they came, in their order. ``body``: its bytes."""

    source: str
    id: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class TakenIn(NamedTuple):
    """A message of the intake. ``message``: None where its key was destroyed."""

    partition: int
    offset: int
    source: str
    id: str
    received_at_us: int
    message: Received | None


class IntakeUnavailableError(Exception):
    """The message may stand in the intake or not: putting it again is safe."""


class Intake(Protocol):
    partitions: int

    async def put(self, message: Received) -> None:
        """Returns once the message survives a loss of power, as far as this log does: then tell the sender so.

        Raises ``IntakeUnavailableError``, ``KeysUnavailableError``.
        """
        ...

    def follow(self, partition: int, after: int) -> AsyncIterator[list[TakenIn]]:
        """Messages behind offset ``after`` (-1: all), then those to come. One that was put twice may come twice: ids of
        what is made of a message derive from its own.
        """
        ...

    def read(self) -> AsyncIterator[list[TakenIn]]:
        """All that stand there now, of every partition. Raises ``KeysUnavailableError``."""
        ...


def key_of(source: str, message_id: str) -> str:
    """Under which the message is kept."""
    return f"intake/{source}/{message_id}"


def data_key_of(key: str) -> str:
    """The name of the message's data key: a digest, since a sender's id may hold what no key service takes for a name."""
    return f"intake:{hashlib.sha256(key.encode()).hexdigest()}"


def source_and_id(key: str) -> tuple[str, str]:
    """Raises ``ValueError`` for a key of something else."""
    first, source, message_id = key.split("/", 2)
    if first != "intake":
        raise ValueError(f"{first}: no message of the intake")
    return source, message_id


async def seal(message: Received, keys: KeyStore) -> bytes:
    """Headers and body, encrypted under the message's own key. Raises ``KeysUnavailableError``."""
    if "/" in message.source or not message.source:
        raise ValueError(f"{message.source!r} can't name a source: it is empty or holds a slash")
    key = key_of(message.source, message.id)
    data_key = data_key_of(key)
    await keys.prepare([data_key], create=True)
    plain = msgspec.msgpack.encode((message.headers, message.body))
    return keys.create(data_key).encrypt(plain, key.encode())


async def unseal(key: str, sealed: bytes, keys: KeyStore) -> Received | None:
    """None where the key was destroyed, or never was this message's. Raises ``KeysUnavailableError``."""
    await keys.prepare([data_key_of(key)])
    data_key = keys.get(data_key_of(key))
    if data_key is None:
        return None
    try:
        plain = data_key.decrypt(sealed, key.encode())
    except KeyMissingError:
        return None
    headers, body = msgspec.msgpack.decode(plain, type=tuple[tuple[tuple[str, str], ...], bytes])
    return Received(*source_and_id(key), headers, body)
