"""Compiled writers write the bytes that a generic Avro writer writes, of every type."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payloads import events

from schemas.avro import avro_schema, private_fields
from schemas.base import Fact, Kind
from schemas.compiled_writers import compiled_writer
from schemas.event import ENVELOPE, HASH_BYTES, Event
from schemas.registry import EVENT_TYPES, released_schema

WRITERS = {name: compiled_writer(released_schema(name, kind.VERSION)) for name, kind in EVENT_TYPES.items()}
SCHEMAS = {name: fastavro.parse_schema(released_schema(name, kind.VERSION)) for name, kind in EVENT_TYPES.items()}
LARGEST = 2**63 - 1


class Note(msgspec.Struct, frozen=True):
    by: str | None
    weight: float


class Noted(Fact, frozen=True, kw_only=True):
    notes: tuple[Note, ...] = ()
    first: Note | None = None


def generically(event: Event, sealed: dict[str, bytes], key_id: str | None) -> bytes:
    record = {name: getattr(event, name) for name in ENVELOPE}
    payload = msgspec.to_builtins(event.payload, builtin_types=(bytes,)) | sealed
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, SCHEMAS[event.type], record | {"payload": payload, "key_id": key_id})
    return buffer.getvalue()[:-HASH_BYTES]


def an_event(**fields: Any) -> Event:
    payload = EVENT_TYPES["CallAnswered"](take=1)
    usual: dict[str, Any] = {
        "event_id": "e",
        "type": "CallAnswered",
        "schema_version": 1,
        "conversation_id": "c",
        "kind": Kind.FACT,
    }
    return Event(**usual | fields, payload=payload)


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_every_type_is_written_as_a_generic_writer_writes_it(name: str) -> None:
    private = private_fields(EVENT_TYPES[name])

    @settings(max_examples=20, deadline=None)
    @given(events(EVENT_TYPES[name]), st.binary(max_size=5000), st.none() | st.text(max_size=5))
    def check(event: Event, ciphertext: bytes, key_id: str | None) -> None:
        sealed = dict.fromkeys(private, ciphertext)
        assert WRITERS[name](event, sealed, key_id) == generically(event, sealed, key_id)

    check()


@pytest.mark.parametrize("number", [0, -1, 63, 64, 4095, 4096, -64, -65, 2**31, 2**55, LARGEST, -LARGEST - 1])
def test_numbers_and_lengths_of_any_size(number: int) -> None:
    event = an_event(seq=number, accepted_at_us=number, step_id="é" * (abs(number) % 9000))
    assert WRITERS["CallAnswered"](event, {}, None) == generically(event, {}, None)


def test_what_no_reader_could_read_is_not_written() -> None:
    for wrong in ({"seq": LARGEST + 1}, {"prev_hash": b"short"}, {"event_id": None}, {"seq": 1.5}, {"turn_id": 7}):
        with pytest.raises((OverflowError, ValueError, AttributeError, TypeError)):
            WRITERS["CallAnswered"](an_event(**wrong), {}, None)
    said = EVENT_TYPES["KeyPressed"](key="4")
    with pytest.raises(KeyError):  # never in clear
        WRITERS["KeyPressed"](msgspec.structs.replace(an_event(type="KeyPressed"), payload=said), {}, None)


def test_records_in_arrays_and_what_may_be_missing() -> None:
    schema = json.loads(json.dumps(avro_schema(Noted)))  # as it is released
    SCHEMAS["Noted"] = fastavro.parse_schema(schema)
    ann, nobody = Note("Ann", 0.5), Note(None, -1.0)
    for payload in (Noted(), Noted(notes=(ann, nobody), first=ann)):
        event = msgspec.structs.replace(an_event(type="Noted"), payload=payload)
        assert compiled_writer(schema)(event, {}, None) == generically(event, {}, None)
