"""Events to bytes and back: nothing is lost, nothing private is readable, nothing changed goes unnoticed."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from payloads import events

from schemas import facts as f
from schemas.avro import private_fields
from schemas.event import GENESIS, HASH_BYTES, Event
from schemas.registry import EVENT_TYPES
from streams.codec import FORGOTTEN, Body, Codec, UndecodableError, digest_of
from streams.fact_writer import fact_event
from streams.keys import MemoryKeyStore

KEYS = MemoryKeyStore()
CODEC = Codec(KEYS)
MARKER = "Zanzibar-4417"  # stands in for what a caller said


def said(text: str = MARKER, conversation_id: str = "c1") -> Event:
    heard = f.UtteranceHeard(utterance_id="u1", text=text, final=True, confidence=0.5, since_speech_end_ms=200.0)
    return fact_event(conversation_id, heard, event_id="e1", occurred_at_us=1)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_event_comes_back_as_it_was_written(name: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(event=events(EVENT_TYPES[name]))
    def round_trip(event: Event) -> None:
        body, stamped = CODEC.encode(event)
        assert CODEC.decode(body) == stamped
        assert replace(stamped, sealed={}, key_id=event.key_id, hash=event.hash) == event

    round_trip()


def test_an_event_read_from_the_log_is_written_again_byte_for_byte() -> None:
    body, _ = CODEC.encode(said())
    assert CODEC.encode(CODEC.decode(body))[0] == body


def test_a_fact_of_an_older_gateway_is_written_onto_the_log_in_todays_version() -> None:
    """It was read in its own; what an owner writes are the bytes of today's class."""
    codec = Codec(MemoryKeyStore())
    scores = f.ScoresReturned(ask_id="a", scores=(f.Score("fees", 0.9),), model="m")
    older = replace(fact_event("c1", scores), schema_version=f.ScoresReturned.VERSION - 1)
    body, written = codec.encode(older)
    assert body.version == written.schema_version == f.ScoresReturned.VERSION
    assert codec.decode(body, "c1") == written


@pytest.mark.parametrize("name", [name for name, kind in EVENT_TYPES.items() if private_fields(kind)])
def test_private_fields_are_ciphertext_in_the_bytes(name: str) -> None:
    kind = EVENT_TYPES[name]

    @settings(max_examples=5, deadline=None)
    @given(event=events(kind))
    def sealed(event: Event) -> None:
        private = dict.fromkeys(private_fields(kind), MARKER)
        body, stamped = CODEC.encode(replace(event, payload=replace(event.payload, **private)))
        assert MARKER.encode() not in body.data
        assert stamped.sealed.keys() == private.keys()
        assert stamped.key_id is not None

    sealed()


def test_two_writings_of_the_same_words_do_not_look_alike() -> None:
    a, b = (CODEC.encode(said())[1].sealed["text"] for _ in range(2))
    assert a != b


def test_the_hash_is_over_every_byte_before_it_and_over_the_event_before() -> None:
    body, stamped = CODEC.encode(replace(said(), prev_hash=bytes(range(32))))
    assert stamped.hash == hashlib.sha256(body.data[:-HASH_BYTES]).digest()
    assert digest_of(body.data) == (stamped.hash, stamped.hash)
    other, _ = CODEC.encode(replace(stamped, prev_hash=GENESIS))
    assert digest_of(other.data)[0] != stamped.hash


def test_bytes_that_go_on_behind_an_event_are_none() -> None:
    """Another type's may begin as this one's: its own is read, and what follows isn't passed over."""
    body, _ = CODEC.encode(fact_event("c1", f.KeyPressed(key="1"), event_id="e1"))
    for longer in (
        body._replace(data=body.data + b"x"),
        body._replace(data=body.data[:40] + b"x" * 40 + body.data[40:]),
    ):
        with pytest.raises(UndecodableError):
            CODEC.decode(longer)
    verdict = f.GuestVerdictPosted(guardrail="veto", candidate_id="t1.c", text_digest="ab", passed=True)
    posing, _ = CODEC.encode(fact_event("c1", verdict, event_id="e2"))
    renamed = posing.data.replace(b"\x24GuestVerdictPosted", b"\x12CallEnded")
    with pytest.raises(UndecodableError, match="CallEnded v1: not its schema"):
        CODEC.decode(Body("CallEnded", 1, renamed))


def test_the_wrong_key_opens_nothing() -> None:
    body, _ = CODEC.encode(said())
    others = MemoryKeyStore()
    others.create("c1")
    with pytest.raises(UndecodableError, match="another key"):
        Codec(others).decode(body)


def test_ciphertext_moved_to_another_event_does_not_open() -> None:
    stamped = CODEC.encode(said())[1]
    moved, _ = CODEC.encode(replace(stamped, event_id="e2"))
    with pytest.raises(UndecodableError, match="another key"):
        CODEC.decode(moved)


def test_a_changed_ciphertext_does_not_open() -> None:
    _, stamped = CODEC.encode(said())
    changed = bytearray(stamped.sealed["text"])
    changed[-1] ^= 1
    body, _ = CODEC.encode(replace(stamped, sealed={"text": bytes(changed)}))
    with pytest.raises(UndecodableError):
        CODEC.decode(body)


def test_a_forgotten_conversation_reads_forgotten_and_keeps_the_rest_and_its_hash() -> None:
    keys = MemoryKeyStore()
    codec = Codec(keys)
    body, stamped = codec.encode(said())
    keys.destroy("c1")
    event = codec.decode(body)
    assert isinstance(event.payload, f.UtteranceHeard)
    assert (event.payload.text, event.payload.utterance_id, event.hash) == (FORGOTTEN, "u1", stamped.hash)


def test_an_unknown_type_or_version_is_undecodable_and_named() -> None:
    body, _ = CODEC.encode(said())
    with pytest.raises(UndecodableError, match="Nonsense"):
        CODEC.decode(body._replace(type="Nonsense"))
    with pytest.raises(UndecodableError, match="v99"):
        CODEC.decode(body._replace(version=99))


def test_the_message_of_an_undecodable_event_holds_nothing_of_it() -> None:
    body, _ = CODEC.encode(said())
    with pytest.raises(UndecodableError) as raised:
        CODEC.decode(Body(body.type, body.version, body.data[:-40] + MARKER.encode()))
    assert MARKER not in str(raised.value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.binary(max_size=400), name=st.sampled_from(sorted(EVENT_TYPES)))
def test_bytes_of_chance_are_an_event_or_undecodable_and_nothing_else(data: bytes, name: str) -> None:
    try:
        CODEC.decode(Body(name, EVENT_TYPES[name].VERSION, data))
    except UndecodableError:
        pass


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_bytes_are_an_event_or_undecodable_and_nothing_else(draw: st.DataObject) -> None:
    name = draw.draw(st.sampled_from(sorted(EVENT_TYPES)))
    body, _ = CODEC.encode(draw.draw(events(EVENT_TYPES[name])))
    damaged = bytearray(body.data)
    for _ in range(draw.draw(st.integers(1, 4))):
        damaged[draw.draw(st.integers(0, len(damaged) - 1))] = draw.draw(st.integers(0, 255))
    cut = bytes(damaged[: draw.draw(st.integers(0, len(damaged)))])
    try:
        CODEC.decode(Body(name, body.version, cut))
    except UndecodableError:
        pass


def test_a_private_field_that_opens_to_something_else_than_text_is_undecodable() -> None:
    _, stamped = CODEC.encode(said())
    for plain in (b"not JSON", b"17"):
        sealed = {"text": KEYS.create("c1").encrypt(plain, b"c1\x1fe1\x1ftext")}
        body, _ = CODEC.encode(replace(stamped, sealed=sealed))
        with pytest.raises(UndecodableError):
            CODEC.decode(body)
