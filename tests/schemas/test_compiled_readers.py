"""Compiled readers read what a generic Avro reader reads, of every type in every version, and refuse what isn't it."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import msgspec
import pytest
from fastavro.utils import generate_one
from hypothesis import given, settings
from hypothesis import strategies as st
from payloads import events

from schemas.avro import avro_schema, private_fields
from schemas.base import Fact, Kind
from schemas.compiled_readers import MisplacedError, Reader, SealedReader, compiled_reader, compiled_sealed_reader
from schemas.event import GENESIS, Event, Happening
from schemas.registry import AVRO_DIR, EVENT_TYPES, payload_type, released_schema
from streams.codec import FORGOTTEN, Body, Codec, UndecodableError, happening_of
from streams.keys import MemoryKeyStore

RELEASED = sorted(path.stem for path in AVRO_DIR.glob("*.avsc"))
CODEC = Codec(MemoryKeyStore())
SAID = b'"said"'


def named(released: str) -> tuple[str, int]:
    name, _, version = released.partition(".v")
    return name, int(version)


def reader_of(name: str, version: int) -> Reader:
    kind = payload_type(name)
    reader = compiled_reader(kind, released_schema(name, version), released_schema(name, kind.VERSION))
    assert reader is not None
    return reader


def sealed_reader_of(name: str, version: int) -> SealedReader:
    kind = payload_type(name)
    reader = compiled_sealed_reader(
        kind, released_schema(name, version), released_schema(name, kind.VERSION), json.loads(SAID)
    )
    assert reader is not None
    return reader


def opened(conversation_id: str, event_id: str, field: str, ciphertext: bytes) -> bytes:
    return SAID


def generically(name: str, version: int, data: bytes) -> Event:
    """The same event, by fastavro's resolution from the schema that wrote it to today's."""
    kind = payload_type(name)
    writer = fastavro.parse_schema(released_schema(name, version))
    today = fastavro.parse_schema(released_schema(name, kind.VERSION)) if version != kind.VERSION else None
    record: Any = fastavro.schemaless_reader(io.BytesIO(data), writer, today)
    payload, sealed = record["payload"], {}
    for private in private_fields(kind):
        ciphertext = payload.pop(private, b"")
        if ciphertext:
            sealed[private] = ciphertext
            payload[private] = json.loads(SAID)
    record |= {"kind": Kind(record["kind"]), "payload": msgspec.convert(payload, kind), "sealed": sealed}
    return Event(**record)


def fields_of(event: Happening) -> str:
    """NaN isn't equal to itself, so events are compared as text."""
    return repr(msgspec.structs.replace(event, sealed=dict(sorted(event.sealed.items()))))


def as_happening(event: Event) -> Happening:
    return Happening(*(getattr(event, name) for name in Happening.__struct_fields__))


@pytest.mark.parametrize("released", RELEASED)
def test_any_version_is_read_as_a_generic_reader_reads_it(released: str) -> None:
    name, version = named(released)
    schema = fastavro.parse_schema(json.loads((AVRO_DIR / f"{released}.avsc").read_text()))
    for _ in range(20):
        record: Any = generate_one(schema)
        record |= {"type": name, "schema_version": version, "kind": payload_type(name).KIND.value, "prev_hash": GENESIS}
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, schema, record)
        read = reader_of(name, version)(buffer.getvalue(), None, opened)
        assert fields_of(read) == fields_of(generically(name, version, buffer.getvalue()))
        happening = sealed_reader_of(name, version)(buffer.getvalue(), None)
        assert fields_of(happening) == fields_of(as_happening(read))


@settings(deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "turn_id": st.sampled_from([None, "", "t1", "t11"]),
                "run_id": st.sampled_from([None, "r"]),
                "decider_version": st.sampled_from([None, "2"]),
                "occurred_at_us": st.sampled_from([0, 63, 64, 2**50]),
                "accepted_at_us": st.sampled_from([0, 64, 2**50]),
                "inbox_mark": st.sampled_from([-1, 0, 64]),
            }
        ),
        min_size=2,
    )
)
def test_what_records_share_is_read_of_each_as_if_it_stood_alone(envelopes: list[dict[str, Any]]) -> None:
    for number, envelope in enumerate(envelopes):
        name, values = (("CallAnswered", {"take": 1}), ("CallTaken", {"take": 1, "gateway_id": "g"}))[number % 2]
        event = Event(
            event_id="e", type=name, schema_version=1, conversation_id="c", kind=Kind.FACT,
            payload=payload_type(name)(**values), **envelope,
        )  # fmt: skip
        body, stamped = CODEC.encode(event)
        for _ in range(2):
            assert reader_of(name, 1)(body.data, "c", opened) == stamped
            assert sealed_reader_of(name, 1)(body.data, "c") == as_happening(stamped)


def damage(data: bytes, draw: st.DataObject) -> bytes:
    """Up to three of its bytes changed."""
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(0, 3))):
        damaged[draw.draw(st.integers(0, len(damaged) - 1))] = draw.draw(st.integers(0, 255))
    return bytes(damaged)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_bytes_are_refused_or_read_as_a_generic_reader_reads_them(draw: st.DataObject) -> None:
    name = draw.draw(st.sampled_from(sorted(EVENT_TYPES)))
    version = EVENT_TYPES[name].VERSION
    body, _ = CODEC.encode(draw.draw(events(EVENT_TYPES[name])))
    damaged = damage(body.data, draw)
    cut = damaged[: draw.draw(st.integers(len(damaged) - 3, len(damaged)))]
    try:
        happening = sealed_reader_of(name, version)(cut, None)
    except (IndexError, ValueError, EOFError, KeyError):
        happening = None
    try:
        read = reader_of(name, version)(cut, None, opened)
    except (IndexError, ValueError, EOFError, KeyError):
        return  # then a happening may be read all the same: what is wrong lies in what it passes over
    assert fields_of(read) == fields_of(generically(name, version, cut))
    assert happening is not None
    assert fields_of(happening) == fields_of(as_happening(read))


@pytest.mark.parametrize(
    "number", [0, -1, 63, 64, -65, 2**20, 2**48, 2**48 - 1, -(2**55), 2**55 - 1, 2**63 - 1, -(2**63)]
)
def test_a_time_is_read_whatever_its_size(number: int) -> None:
    event = Event(
        event_id="e", type="CallAnswered", schema_version=1, conversation_id="c", kind=Kind.FACT, seq=number,
        occurred_at_us=number, accepted_at_us=number, payload=payload_type("CallAnswered")(take=number),
    )  # fmt: skip
    body, stamped = CODEC.encode(event)
    assert reader_of("CallAnswered", 1)(body.data, "c", opened) == stamped


def test_bytes_of_another_conversation_are_refused_before_anything_private_is_opened() -> None:
    kind = payload_type("KeyPressed")
    event = Event(
        event_id="e", type="KeyPressed", schema_version=1, conversation_id="c1", kind=Kind.FACT, payload=kind(key="4")
    )  # fmt: skip
    body, _ = CODEC.encode(event)

    def never(*_: object) -> bytes:
        raise AssertionError("opened")

    with pytest.raises(MisplacedError):
        reader_of("KeyPressed", 1)(body.data, "c2", never)


def test_a_happening_opens_nothing_and_is_refused_where_the_event_is() -> None:
    kind = payload_type("KeyPressed")
    event = Event(
        event_id="e", type="KeyPressed", schema_version=1, conversation_id="c1", kind=Kind.FACT, payload=kind(key="4")
    )  # fmt: skip
    body, stamped = CODEC.encode(event)
    assert happening_of(body, "c1") == as_happening(msgspec.structs.replace(stamped, payload=kind(key=FORGOTTEN)))
    for refused in (body._replace(data=body.data[:-1]), Body("KeyPressed", 99, body.data), Body("Nobody", 1, b"")):
        with pytest.raises(UndecodableError):
            happening_of(refused, "c1")
    with pytest.raises(UndecodableError, match="another conversation"):
        happening_of(body, "c2")


def test_a_field_whose_avro_type_changed_is_left_to_the_generic_reader() -> None:
    class Counted(Fact, frozen=True, kw_only=True):
        VERSION = 2
        apples: float

    old = avro_schema(Counted)
    payload = next(field for field in old["fields"] if field["name"] == "payload")["type"]
    payload["fields"] = [{"name": "apples", "type": "long"}]
    assert compiled_reader(Counted, old, avro_schema(Counted)) is None


def test_a_field_that_today_has_no_more_is_read_over() -> None:
    class Weighed(Fact, frozen=True, kw_only=True):
        grams: int

    old = avro_schema(Weighed)
    payload = next(field for field in old["fields"] if field["name"] == "payload")["type"]
    note = {"type": "record", "name": "Note", "fields": [{"name": "by", "type": ["null", "string"]}]}
    payload["fields"] = [{"name": "notes", "type": {"type": "array", "items": note}}, {"name": "grams", "type": "long"}]
    record = {name: "" for name in ("event_id", "step_id", "causation_id")} | {
        "type": "Weighed", "schema_version": 1, "conversation_id": "c", "kind": "fact", "prev_hash": GENESIS,
        "hash": GENESIS, "payload": {"notes": [{"by": "Ann"}, {"by": None}], "grams": 7},
    }  # fmt: skip
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(old), record)
    reader = compiled_reader(Weighed, old, avro_schema(Weighed))
    assert reader is not None
    assert reader(buffer.getvalue(), "c", opened).payload == Weighed(grams=7)
