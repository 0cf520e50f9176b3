"""The envelope that every record carries, and the event as the deciders see it.

On the log an event is one Avro record: the envelope's fields, the payload, and last ``prev_hash`` and ``hash``. ``hash``
is the SHA-256 of all bytes before it, so the bytes alone show whether a record or its place in the chain was changed.
"""

from __future__ import annotations

import uuid
from hashlib import sha1

import msgspec

from schemas.base import Kind, Payload

HASH_BYTES = 32
GENESIS = bytes(HASH_BYTES)  # prev_hash of a conversation's first event
NO_INBOX = -1  # inbox mark before the first inbox fact

_NAMESPACE = uuid.UUID("6f2c1f7e-5d0a-5f0e-9b39-6c8d1a1f4e11").bytes


# The envelope's fields as they stand on the log: the payload comes before the last two of them.
ENVELOPE = (
    "event_id", "type", "schema_version", "conversation_id", "seq", "epoch", "step_id", "step_index", "step_size", "kind",
    "causation_id", "turn_id", "run_id", "decider_version", "occurred_at_us", "accepted_at_us", "inbox_mark", "key_id",
    "prev_hash", "hash",
)  # fmt: skip


class Happening(msgspec.Struct, frozen=True):
    """What an event says to who folds it: what happened, when, and to which step it belongs. ``sealed``: the ciphertext of
    private fields as it stands on the log. Times are microseconds since the Unix epoch.
    """

    # What must be given comes first, so that readers of the log build events by position: a call with more than 15 keywords
    # takes CPython six times as long, which was a sixth of what it took to read an event.
    event_id: str
    type: str
    schema_version: int
    conversation_id: str
    kind: Kind
    payload: Payload
    seq: int = 0  # contiguous from 1 in its conversation; 0 = not on the log yet
    epoch: int = 0
    step_id: str = ""
    step_index: int = 0
    step_size: int = 0
    turn_id: str | None = None
    occurred_at_us: int = 0
    accepted_at_us: int = 0
    sealed: dict[str, bytes] = {}


class Event(Happening, frozen=True):
    """An envelope with its opened payload. Times are microseconds since the Unix epoch. ``inbox_mark``: every inbox position
    at or below it is dealt with.
    """

    causation_id: str = ""
    run_id: str | None = None
    decider_version: str | None = None
    inbox_mark: int = NO_INBOX
    key_id: str | None = None
    prev_hash: bytes = GENESIS
    hash: bytes = GENESIS


def derived_id(cause: str, *parts: str | int) -> str:
    """The id of what follows from ``cause``: the same cause gives the same id in every run (uuid5).

    Written out, for every decision has one: ``uuid.uuid5`` gives the same and takes twice as long (RFC 9562, 5.5).
    """
    digest = bytearray(sha1(_NAMESPACE + "\x1f".join((cause, *map(str, parts))).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    told = digest.hex()
    return f"{told[:8]}-{told[8:12]}-{told[12:16]}-{told[16:20]}-{told[20:]}"


def new_id() -> str:
    """A fresh id for what the outside world caused."""
    return str(uuid.uuid4())
