"""Events as Kafka records: what goes in comes out, byte for byte, and strangers can read who it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written import body, pressed, took

from schemas.registry import AVRO_DIR, UnknownSchemaError, lock
from streams.codec import Body
from streams.kafka.records import conversation_of, frame, imported_under, to_record, unframe

RELEASED = [(name, int(version)) for name, _, version in (released.rpartition(".v") for released in lock())]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
BODIES = st.builds(Body, st.just("KeyPressed"), st.just(1), st.binary()) | st.builds(
    lambda released, data: Body(*released, data), st.sampled_from(RELEASED), st.binary()
)


@given(TEXTS, BODIES, st.none() | st.integers(0, 2**63))
def test_a_record_gives_back_what_was_appended(conversation_id: str, written: Body, under: int | None) -> None:
    record = to_record(conversation_id, written, under)
    assert conversation_of(record.key) == conversation_id
    assert unframe(record.value) == written
    assert imported_under(record.headers) == under


@given(st.binary() | st.binary(max_size=8).map(lambda rest: b"\0\0\0\0" + rest))
def test_bytes_of_strangers_come_back_whole(value: bytes) -> None:
    assert frame(unframe(value)) == value


def test_what_is_no_event_of_ours_has_no_type() -> None:
    for value in (None, b"", b"{}", b"\0", b"\0\xff\xff\xff\xffrest", b"\1" + bytes(20)):
        assert unframe(value) == Body("", 0, value or b"")


def test_the_frame_is_a_zero_byte_and_the_id_of_the_lock_file() -> None:
    written = body(pressed("c1", "e1"))
    framed = frame(written)
    assert framed[:5] == b"\0" + lock()["KeyPressed.v1"]["id"].to_bytes(4, "big")
    assert framed[5:] == written.data


def test_headers_say_what_cloud_events_require() -> None:
    event_id = "e" * 200  # a length of two bytes
    headers = dict(to_record("c1", body(pressed("c1", event_id))).headers)
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": event_id.encode(),
        "ce_source": b"/ledgerline",
        "ce_type": b"KeyPressed",
        "content-type": b"application/vnd.confluent.avro",
    }


def test_every_released_event_begins_with_its_id() -> None:
    for path in AVRO_DIR.glob("*.avsc"):
        first = json.loads(path.read_text())["fields"][0]
        assert (first["name"], first["type"]) == ("event_id", "string"), path.name


def test_an_announcement_of_an_owner_has_no_key() -> None:
    assert to_record("", body(took(1))).key is None


def test_an_event_that_was_never_released_is_refused() -> None:
    with pytest.raises(UnknownSchemaError, match="KeyPressed v99"):
        to_record("c1", Body("KeyPressed", 99, b""))
