"""Events to bytes and back: Avro, sealed private fields, the hash chain.

An event's bytes are its Avro body. The frame in front of it (the schema id that some registry gave) is the adapter's.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Collection
from functools import cache
from typing import Any, NamedTuple

import fastavro
import msgspec

from schemas.avro import private_fields
from schemas.base import Kind, Payload
from schemas.compiled_readers import MisplacedError, Reader, SealedReader, compiled_reader, compiled_sealed_reader
from schemas.compiled_writers import Writer, compiled_writer
from schemas.event import HASH_BYTES, Event, Happening
from schemas.native_readers import compiled, native_sealed_reader
from schemas.registry import UnknownSchemaError, payload_type, released_schema
from schemas.upcasters import UPCASTERS, upcast
from streams.keys import DataKey, KeyMissingError, KeyStore
from streams.sealed_only import SealedOnly

FORGOTTEN = "[forgotten]"  # what a private text reads as once its key is destroyed
_FORGOTTEN = msgspec.json.encode(FORGOTTEN)
_KINDS = {kind.value: kind for kind in Kind}
# What reading bytes raises that aren't their schema's; msgspec's are ValueErrors.
_NOT_ITS_SCHEMA = (EOFError, IndexError, KeyError, ValueError, TypeError, OverflowError, struct.error)


class UndecodableError(Exception):
    """Bytes that are no event of ours, or an event by newer code. Such a record goes to the dead letters."""


class Body(NamedTuple):
    """An event as an adapter stores it."""

    type: str
    version: int
    data: bytes


class Codec:
    """Encodes and decodes events of conversations whose keys are in ``keys``."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    async def prepare(self, conversation_ids: Collection[str], *, create: bool = False) -> None:
        """Await it before events of these conversations are decoded, and with ``create`` before they are encoded: their
        keys may lie on another machine. Raises ``KeysUnavailableError``.
        """
        await self._keys.prepare(conversation_ids, create=create)

    def encode(self, event: Event) -> tuple[Body, Event]:
        """Seals what isn't sealed yet, hashes and encodes. Returns the body and the event as it now stands: in today's
        version of its type, whatever version it was read in, since its bytes are that version's."""
        if event.schema_version != event.payload.VERSION:
            event = msgspec.structs.replace(event, schema_version=event.payload.VERSION)
        writer, private = _compiled_writer(event.type), _private(type(event.payload))
        sealed, key_id = event.sealed, event.key_id
        if private and not sealed:
            key = self._keys.create(event.conversation_id)
            key_id, sealed = key.key_id, _seal(key, event, private)
        hashed = writer(event, sealed, key_id)
        digest = hashlib.sha256(hashed).digest()
        stamped = msgspec.structs.replace(event, key_id=key_id, sealed=sealed, hash=digest)
        return Body(event.type, event.schema_version, hashed + digest), stamped

    def decode(self, body: Body, stored_under: str | None = None) -> Event:
        """Raises ``UndecodableError``. Private fields of a conversation whose key is gone read ``FORGOTTEN``.

        ``stored_under``: the conversation under whose key the record stands. Bytes that name another one are refused
        before its key is asked for, which nobody prepared.
        """
        try:
            reading = _reading(body.type, body.version)
            if reading.compiled:
                return reading.compiled(body.data, stored_under, self._opened)
            return self._generically(body, reading, stored_under)
        except MisplacedError:
            raise UndecodableError(
                f"{body.type}: its bytes name another conversation than it is stored under"
            ) from None
        except UnknownSchemaError as error:
            raise UndecodableError(str(error)) from None
        except KeyMissingError:
            raise UndecodableError(f"{body.type}: a private field was changed or sealed under another key") from None
        except _NOT_ITS_SCHEMA as error:
            raise UndecodableError(f"{body.type} v{body.version}: not its schema ({type(error).__name__})") from None

    def _generically(self, body: Body, reading: _Reading, stored_under: str | None) -> Event:
        data = io.BytesIO(body.data)
        record: Any = fastavro.schemaless_reader(data, reading.writer, reading.reader)
        if data.tell() != len(body.data):  # another type's bytes may begin as this one's
            raise EOFError
        payload = record["payload"]
        if reading.lifted:
            payload = upcast(body.type, body.version, reading.payload.VERSION, payload)
        if stored_under is not None and record["conversation_id"] != stored_under:
            raise MisplacedError
        record["sealed"] = sealed = {name: payload[name] for name in reading.private if payload.get(name)}
        for name in reading.private - sealed.keys():  # a field that a newer version added: its default holds
            payload.pop(name, None)
        for name, ciphertext in sealed.items():
            payload[name] = msgspec.json.decode(
                self._opened(record["conversation_id"], record["event_id"], name, ciphertext)
            )
        record["payload"] = msgspec.convert(payload, reading.payload)
        record["kind"] = _KINDS[record["kind"]]
        return Event(**record)

    def _opened(self, conversation_id: str, event_id: str, field: str, ciphertext: bytes) -> bytes:
        """The JSON of a private field."""
        key = self._keys.get(conversation_id)
        return _FORGOTTEN if key is None else key.decrypt(ciphertext, _context(conversation_id, event_id, field))


def happening_of(body: Body, stored_under: str | None = None) -> Happening:
    """What a fold looks at, for who folds much: an eighth cheaper than ``Codec.decode``. Nothing private is opened: it reads
    ``FORGOTTEN``, and its ciphertext is in ``sealed``. Raises ``UndecodableError`` as ``decode`` does, but for damage in what is
    passed over (causes, versions, marks, hashes): to find that is the business of ``ledgerline verify``.
    """
    try:
        readers = _sealed_readers(body.type, body.version)
    except UnknownSchemaError:
        readers = ()
    for reader in readers:
        try:
            return reader(body.data, stored_under)
        except (MisplacedError, *_NOT_ITS_SCHEMA):
            continue
    return _SEALED.decode(body, stored_under)  # to say what is wrong


def digest_of(body: bytes) -> tuple[bytes, bytes]:
    """(hash as computed from the bytes, hash as they state it)."""
    return hashlib.sha256(body[:-HASH_BYTES]).digest(), body[-HASH_BYTES:]


def _seal(key: DataKey, event: Event, private: frozenset[str]) -> dict[str, bytes]:
    return {
        name: key.encrypt(
            msgspec.json.encode(getattr(event.payload, name)), _context(event.conversation_id, event.event_id, name)
        )
        for name in private
    }


def _context(conversation_id: str, event_id: str, field: str) -> bytes:
    return f"{conversation_id}\x1f{event_id}\x1f{field}".encode()


_SEALED = Codec(SealedOnly())


@cache
def _compiled_writer(name: str) -> Writer:
    """Raises ``UnknownSchemaError``."""
    return compiled_writer(released_schema(name, payload_type(name).VERSION))


@cache
def _writer(name: str, version: int | None = None) -> Any:
    schema = released_schema(name, payload_type(name).VERSION if version is None else version)
    return fastavro.parse_schema(schema)


class _Reading(NamedTuple):
    """How a version of a type is read. ``compiled``: None where only the generic reader can; that one's ``reader``: None
    where Avro has nothing to resolve, ``lifted``: by an upcaster."""

    payload: type[Payload]
    writer: Any
    reader: Any
    lifted: bool
    private: frozenset[str]
    compiled: Reader | None


@cache
def _reading(name: str, version: int) -> _Reading:
    """Raises ``UnknownSchemaError``."""
    payload = payload_type(name)
    current, lifted = version == payload.VERSION, _has_upcaster(name)
    reader = None if current or lifted else _writer(name)
    schema, today = released_schema(name, version), released_schema(name, payload.VERSION)
    compiled = compiled_reader(payload, schema, today) if current or not lifted else None
    return _Reading(payload, _writer(name, version), reader, lifted and not current, _private(payload), compiled)


@cache
def _sealed_readers(name: str, version: int) -> tuple[SealedReader, ...]:
    """To be tried in order. Raises ``UnknownSchemaError``."""
    payload = payload_type(name)
    if _has_upcaster(name) and version != payload.VERSION:
        return ()
    schema, today = released_schema(name, version), released_schema(name, payload.VERSION)
    native = compiled()
    readers = (
        native_sealed_reader(native, payload, schema, today, FORGOTTEN) if native else None,
        compiled_sealed_reader(payload, schema, today, FORGOTTEN),
    )
    return tuple(reader for reader in readers if reader)


@cache
def _private(payload: type[Payload]) -> frozenset[str]:
    return private_fields(payload)


@cache
def _has_upcaster(name: str) -> bool:
    return any(known == name for known, _ in UPCASTERS)
