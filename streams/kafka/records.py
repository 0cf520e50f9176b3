"""Events to Kafka records and back. Pure.

A value is the event's Avro body behind a Confluent frame (version 0: a zero byte, then a schema id, 4 bytes big endian;
source: docs of the Confluent wire format). The id is written for readers that don't know our events. Ours don't look at
it: every body names its own type and version, in the second and third field of its envelope. So a log reads the same
whoever gave the ids, and with no registry at hand.

The envelope inside the body is the truth; headers mirror what CloudEvents 1.0 requires of a record in binary mode
(id, source, specversion, type) for the same strangers, and nothing of ours reads them. ``content-type`` says whose ids
the frames hold (``streams.kafka.schema_ids``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, Protocol

from schemas.registry import lock
from streams.codec import Body
from streams.kafka.schema_ids import ID_BYTES, MAGIC, SchemaIds
from streams.ports import LogRecord

Headers = Sequence[tuple[str, bytes]]

FRAME_BYTES = len(MAGIC) + ID_BYTES
_SOURCE = b"/ledgerline"
IMPORTED_UNDER = "ledgerline-imported-under"
_EPOCH_DIGITS = 19  # at most: of 64 bits
_FOREIGN = ""  # the type of bytes that are no event of ours: the codec refuses it, the dead letters keep the bytes


class Record(Protocol):
    """What a consumer gives: the fields that are read of it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class StampedRecord(Record, Protocol):
    """``timestamp``: ms since the Unix epoch, by the clock of the client that put it."""

    timestamp: int


class KafkaRecord(NamedTuple):
    """``key``: the conversation id; None for an owner's announcement, which belongs to no conversation."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def to_record(conversation_id: str, body: Body, ids: SchemaIds, imported_under: int | None = None) -> KafkaRecord:
    """Raises ``UnknownSchemaError`` for an event whose schema was never released."""
    headers: list[tuple[str, bytes]] = []
    if body.type != _FOREIGN:
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", event_id_of(body.data)),
            ("ce_source", _SOURCE),
            ("ce_type", body.type.encode()),
            ("content-type", ids.content_type),
        ]
    if imported_under is not None:
        headers.append((IMPORTED_UNDER, str(imported_under).encode()))
    return KafkaRecord(conversation_id.encode() or None, frame(body, ids), headers)


def conversation_of(key: bytes | None) -> str:
    return key.decode(errors="replace") if key else ""


def imported_under(headers: Headers) -> int | None:
    for name, value in headers:
        if name == IMPORTED_UNDER and value and value.isdigit() and len(value) <= _EPOCH_DIGITS:
            return int(value)
    return None


def log_record(record: Record) -> LogRecord:
    return LogRecord(
        record.partition,
        record.offset,
        conversation_of(record.key),
        unframe(record.value),
        imported_under(record.headers),
    )


def frame(body: Body, ids: SchemaIds) -> bytes:
    """Raises ``UnknownSchemaError``."""
    if body.type == _FOREIGN:
        return body.data
    return ids.frame(body.type, body.version) + body.data


def unframe(value: bytes | None) -> Body:
    """Anyone may write to a topic: what is no event of ours comes back whole, as a body that no codec takes."""
    value = value or b""
    if value[:1] == MAGIC:
        found = _by_head(value)
        if found:
            return Body(*found, value[FRAME_BYTES:])
        at = FRAME_BYTES
        _, at = _text(value, at)
        event_type, at = _text(value, at)
        version, at = _number(value, at)
        released = _released().get((event_type, version))
        if released:
            return Body(*released, value[FRAME_BYTES:])
    return Body(_FOREIGN, 0, value)


def _by_head(value: bytes) -> tuple[str, int] | None:
    """Type and version where every number before them takes one byte, which is so in nearly all records."""
    size = value[FRAME_BYTES] if len(value) > FRAME_BYTES else 1
    begin = FRAME_BYTES + 1 + (size >> 1)
    if size & 129 or begin >= len(value):
        return None
    return heads().get(value[begin : begin + 2 + (value[begin] >> 1)])


def event_id_of(data: bytes) -> bytes:
    """The first field of every event's Avro record."""
    return _text(data, 0)[0]


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    """An Avro string, and where it ends: its length, then its bytes. What isn't there is empty."""
    length, at = _number(data, at)
    end = at + max(0, length)
    return data[at:end], end


def _number(data: bytes, at: int) -> tuple[int, int]:
    """An Avro long, and where it ends: zigzag, seven bits a byte, the lowest first."""
    number = shift = 0
    for byte in data[at : at + 10]:
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return (number >> 1) ^ -(number & 1), at


@cache
def heads() -> dict[bytes, tuple[str, int]]:
    """By the bytes of an event's type, its length before it, and of its version."""
    return {
        bytes((len(name) << 1,)) + name + bytes((version << 1,)): released
        for (name, version), released in _released().items()
        if len(name) < 64 and version < 64
    }


@cache
def _released() -> dict[tuple[bytes, int], tuple[str, int]]:
    names = (name.rpartition(".v") for name in lock())
    return {(event_type.encode(), int(version)): (event_type, int(version)) for event_type, _, version in names}
