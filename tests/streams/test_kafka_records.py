"""Events as Kafka records: what goes in comes out, byte for byte, and strangers can read who it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written import body, pressed, took

from schemas.registry import AVRO_DIR, UnknownSchemaError, lock
from streams.codec import Body
from streams.kafka.records import IMPORTED_UNDER, conversation_of, frame, imported_under, to_record, unframe
from streams.kafka.schema_ids import OF_REGISTRY, SchemaIds, lock_file_ids

RELEASED = [(name, int(version)) for name, _, version in (released.rpartition(".v") for released in lock())]
OTHER_IDS = SchemaIds({name: 2**31 - number for number, name in enumerate(lock(), 1)}, OF_REGISTRY)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
IDS = st.sampled_from([lock_file_ids(), OTHER_IDS])


def envelope(event_id: str, event_type: str, version: int, rest: bytes) -> bytes:
    """The beginning of an event's Avro body, as its schema has it; then ``rest``."""
    texts = b"".join(number(len(text.encode())) + text.encode() for text in (event_id, event_type))
    return texts + number(version) + rest


def number(value: int) -> bytes:
    zigzag, encoded = value << 1, bytearray()
    while zigzag >= 0x80:
        encoded.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*encoded, zigzag])


@st.composite
def bodies(draw: st.DrawFn) -> Body:
    event_type, version = draw(st.sampled_from(RELEASED))
    return Body(event_type, version, envelope(draw(TEXTS), event_type, version, draw(st.binary())))


@given(TEXTS, bodies(), IDS, st.none() | st.integers(0, 2**63))
def test_a_record_gives_back_what_was_appended(
    conversation_id: str, written: Body, ids: SchemaIds, under: int | None
) -> None:
    record = to_record(conversation_id, written, ids, under)
    assert conversation_of(record.key) == conversation_id
    assert unframe(record.value) == written
    assert imported_under(record.headers) == under


@given(st.binary() | st.binary(max_size=8).map(lambda rest: b"\0\0\0\0" + rest))
def test_bytes_of_strangers_come_back_whole(value: bytes) -> None:
    assert frame(unframe(value), lock_file_ids()) == value


def test_what_is_no_event_of_ours_has_no_type() -> None:
    nameless = envelope("e", "", 1, b"rest")
    unreleased = envelope("e", "KeyPressed", 99, b"rest"), envelope("e", "NoSuchEvent", 1, b"rest")
    framed = [b"\0\0\0\0\1" + data for data in (nameless, *unreleased, b"\xff" * 40, b"\x09" * 3)]
    other_frame = b"\1\0\0\0\1" + envelope("e", "KeyPressed", 1, b"rest")
    negative_length = b"\0\0\0\0\1" + b"\x03" + envelope("e", "KeyPressed", 1, b"rest")[1:]
    for value in (None, b"", b"{}", b"\0", b"\0\xff\xff\xff\xffrest", *framed, other_frame, negative_length):
        assert unframe(value) == Body("", 0, value or b"")


def test_the_frame_is_a_zero_byte_and_the_id_that_was_given() -> None:
    written = body(pressed("c1", "e1"))
    for ids in (lock_file_ids(), OTHER_IDS):
        framed = frame(written, ids)
        assert framed[:5] == b"\0" + ids.ids["KeyPressed.v1"].to_bytes(4, "big")
        assert framed[5:] == written.data
    assert lock_file_ids().ids["KeyPressed.v1"] == lock()["KeyPressed.v1"]["id"]


def test_headers_say_what_cloud_events_require_and_whose_ids_these_are() -> None:
    event_id = "e" * 200  # a length of two bytes
    of_lock_file, of_registry = b"application/vnd.ledgerline.avro", b"application/vnd.confluent.avro"
    for ids, content_type in ((lock_file_ids(), of_lock_file), (OTHER_IDS, of_registry)):
        headers = dict(to_record("c1", body(pressed("c1", event_id)), ids).headers)
        assert headers == {
            "ce_specversion": b"1.0",
            "ce_id": event_id.encode(),
            "ce_source": b"/ledgerline",
            "ce_type": b"KeyPressed",
            "content-type": content_type,
        }


def test_every_released_event_begins_with_its_id_its_type_and_its_version() -> None:
    begin = [("event_id", "string"), ("type", "string"), ("schema_version", "long")]
    for path in AVRO_DIR.glob("*.avsc"):
        fields = json.loads(path.read_text())["fields"]
        assert [(field["name"], field["type"]) for field in fields[:3]] == begin, path.name


def test_an_announcement_of_an_owner_has_no_key() -> None:
    assert to_record("", body(took(1)), lock_file_ids()).key is None


def test_an_event_that_was_never_released_is_refused() -> None:
    with pytest.raises(UnknownSchemaError, match="KeyPressed v99"):
        to_record("c1", Body("KeyPressed", 99, b""), lock_file_ids())


@pytest.mark.parametrize("value", [None, b"", b"x", b"9" * 5_000], ids=["none", "empty", "no number", "without end"])
def test_a_strangers_header_that_names_no_epoch_is_passed_over(value: bytes) -> None:
    assert imported_under([(IMPORTED_UNDER, value), (IMPORTED_UNDER, b"7")]) == 7
