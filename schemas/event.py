"""The envelope that every record carries, and the event as the deciders see it.

On the log an event is one Avro record: the envelope's fields, the payload, and last ``prev_hash`` and ``hash``. ``hash``
is the SHA-256 of all bytes before it, so the bytes alone show whether a record or its place in the chain was changed.
"""

from __future__ import annotations

import uuid

import msgspec

from schemas.base import Kind, Payload

HASH_BYTES = 32
GENESIS = bytes(HASH_BYTES)  # prev_hash of a conversation's first event
NO_INBOX = -1  # inbox mark before the first inbox fact

_NAMESPACE = uuid.UUID("6f2c1f7e-5d0a-5f0e-9b39-6c8d1a1f4e11")


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Times are microseconds since the Unix epoch. ``inbox_mark``: every inbox position at or below it is dealt with."""

    event_id: str
    type: str
    schema_version: int
    conversation_id: str
    seq: int = 0  # contiguous from 1 in its conversation; 0 = not on the log yet
    epoch: int = 0
    step_id: str = ""
    step_index: int = 0
    step_size: int = 0
    kind: Kind
    causation_id: str = ""
    turn_id: str | None = None
    run_id: str | None = None
    decider_version: str | None = None
    occurred_at_us: int = 0
    accepted_at_us: int = 0
    inbox_mark: int = NO_INBOX
    key_id: str | None = None
    prev_hash: bytes = GENESIS
    hash: bytes = GENESIS


class Event(Envelope, frozen=True, kw_only=True):
    """An envelope with its opened payload. ``sealed`` keeps the ciphertext of private fields as they stand on the log."""

    payload: Payload
    sealed: dict[str, bytes] = {}


def derived_id(cause: str, *parts: str | int) -> str:
    """The id of what follows from ``cause``: the same cause gives the same id in every run (uuid5)."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join((cause, *map(str, parts)))))


def new_id() -> str:
    """A fresh id for what the outside world caused."""
    return str(uuid.uuid4())
