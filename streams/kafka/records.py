"""Events to Kafka records and back. Pure.

A value is the event's Avro body behind a Confluent frame (version 0: a zero byte, then the schema id, 4 bytes big
endian; source: docs of the Confluent wire format). Ids are those of ``schemas/lock.json``: no registry is asked.
The envelope inside the body is the truth; headers mirror what CloudEvents 1.0 requires of a record in binary mode
(id, source, specversion, type) for readers that don't know our schemas, and nothing of ours reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, Protocol

from schemas.registry import UnknownSchemaError, lock
from streams.codec import Body

Headers = Sequence[tuple[str, bytes]]

FRAME_BYTES = 5
_MAGIC = b"\x00"
_CONTENT_TYPE = b"application/vnd.confluent.avro"
_SOURCE = b"/ledgerline"
_IMPORTED_UNDER = "ledgerline-imported-under"
_FOREIGN = ""  # the type of bytes that are no event of ours: the codec refuses it, the dead letters keep the bytes


class Record(Protocol):
    """What a consumer gives: the fields that are read of it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class KafkaRecord(NamedTuple):
    """``key``: the conversation id; None for an owner's announcement, which belongs to no conversation."""

    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


def to_record(conversation_id: str, body: Body, imported_under: int | None = None) -> KafkaRecord:
    """Raises ``UnknownSchemaError`` for an event whose schema was never released."""
    headers: list[tuple[str, bytes]] = []
    if body.type != _FOREIGN:
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", event_id_of(body.data)),
            ("ce_source", _SOURCE),
            ("ce_type", body.type.encode()),
            ("content-type", _CONTENT_TYPE),
        ]
    if imported_under is not None:
        headers.append((_IMPORTED_UNDER, str(imported_under).encode()))
    return KafkaRecord(conversation_id.encode() or None, frame(body), headers)


def conversation_of(key: bytes | None) -> str:
    return key.decode(errors="replace") if key else ""


def imported_under(headers: Headers) -> int | None:
    for name, value in headers:
        if name == _IMPORTED_UNDER and value.isdigit():
            return int(value)
    return None


def frame(body: Body) -> bytes:
    """Raises ``UnknownSchemaError``."""
    if body.type == _FOREIGN:
        return body.data
    released = lock().get(f"{body.type}.v{body.version}")
    if released is None:
        raise UnknownSchemaError(f"{body.type} v{body.version} was never released")
    return _MAGIC + int(released["id"]).to_bytes(4, "big") + body.data


def unframe(value: bytes | None) -> Body:
    """Anyone may write to a topic: what is no event of ours comes back whole, as a body that no codec takes."""
    value = value or b""
    if value[:1] == _MAGIC and len(value) >= FRAME_BYTES:
        released = _by_id().get(int.from_bytes(value[1:FRAME_BYTES], "big"))
        if released:
            return Body(*released, value[FRAME_BYTES:])
    return Body(_FOREIGN, 0, value)


def event_id_of(data: bytes) -> bytes:
    """The first field of every event's Avro record: a string, its length in front as a zigzag varint."""
    length = shift = at = 0
    for byte in data:
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return data[at : at + (length >> 1)]


@cache
def _by_id() -> dict[int, tuple[str, int]]:
    found: dict[int, tuple[str, int]] = {}
    for name, released in lock().items():
        event_type, _, version = name.rpartition(".v")
        found[int(released["id"])] = (event_type, int(version))
    return found
