"""Readers in C give what those in Python give, of every type in every version, and refuse what those refuse."""

from __future__ import annotations

import io
import json
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import fastavro
import pytest
from fastavro.utils import generate_one
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native_modules import compiled_for_test
from payloads import events
from test_compiled_readers import CODEC, RELEASED, damage, fields_of, named, sealed_reader_of

from schemas import native_module, native_readers
from schemas.base import Kind
from schemas.compiled_readers import MisplacedError, SealedReader
from schemas.event import GENESIS, Event, Happening
from schemas.native_build import CannotBuildError, build
from schemas.native_readers import native_sealed_reader
from schemas.registry import AVRO_DIR, EVENT_TYPES, payload_type, released_schema
from streams import codec
from streams.codec import Body, UndecodableError, happening_of

REFUSED = (ValueError, KeyError)


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return compiled_for_test(native_readers.SOURCE, tmp_path_factory.mktemp("native"))


def native_reader_of(fields: ModuleType, name: str, version: int) -> SealedReader:
    kind = payload_type(name)
    reader = native_sealed_reader(
        fields, kind, released_schema(name, version), released_schema(name, kind.VERSION), "said"
    )
    assert reader is not None
    return reader


def read_or_none(reader: SealedReader, data: bytes) -> Happening | None:
    try:
        return reader(data, None)
    except (*REFUSED, IndexError, EOFError):
        return None


@pytest.mark.parametrize("released", RELEASED)
def test_any_version_is_read_as_python_reads_it(native: ModuleType, released: str) -> None:
    name, version = named(released)
    schema = fastavro.parse_schema(json.loads((AVRO_DIR / f"{released}.avsc").read_text()))
    reader, in_python = native_reader_of(native, name, version), sealed_reader_of(name, version)
    for _ in range(20):
        record: Any = generate_one(schema)
        record |= {"type": name, "schema_version": version, "kind": payload_type(name).KIND.value, "prev_hash": GENESIS}
        for number in ("seq", "epoch", "step_index", "step_size", "inbox_mark", "occurred_at_us", "accepted_at_us"):
            record[number] >>= 3  # those of ten bytes are left to Python
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, schema, record)
        data = buffer.getvalue()
        expected = in_python(data, None)
        read = read_or_none(reader, data)
        if read is None:
            assert any(len(str(number)) > 18 for number in numbers_of(record["payload"]))
            continue
        assert type(read) is Happening
        assert fields_of(read) == fields_of(expected)
        assert fields_of(reader(data, record["conversation_id"])) == fields_of(expected)
        with pytest.raises(MisplacedError):
            reader(data, record["conversation_id"] + "x")


def numbers_of(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [number for each in value.values() for number in numbers_of(each)]
    if isinstance(value, list):
        return [number for each in value for number in numbers_of(each)]
    return [value] if isinstance(value, int) else []


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_damaged_bytes_are_refused_or_read_as_python_reads_them(native: ModuleType, draw: st.DataObject) -> None:
    name = draw.draw(st.sampled_from(sorted(EVENT_TYPES)))
    version = EVENT_TYPES[name].VERSION
    body, _ = CODEC.encode(draw.draw(events(EVENT_TYPES[name])))
    damaged = damage(body.data, draw)
    cut = damaged[: draw.draw(st.integers(0, len(damaged)))]
    for data in (body.data, damaged, cut):
        read = read_or_none(native_reader_of(native, name, version), data)
        if read is not None:
            expected = read_or_none(sealed_reader_of(name, version), data)
            assert expected is not None
            assert fields_of(read) == fields_of(expected)


@pytest.mark.parametrize("number", [0, -1, 63, 64, -65, 2**48, -(2**55), 2**55 - 1, 2**62 - 1, -(2**62)])
def test_numbers_are_read_whatever_their_size(native: ModuleType, number: int) -> None:
    assert read_number(native, number) == number


@pytest.mark.parametrize("number", [2**62, -(2**63), 2**63 - 1])
def test_numbers_of_ten_bytes_are_left_to_python(native: ModuleType, number: int) -> None:
    with pytest.raises(ValueError, match="usual form"):
        read_number(native, number)


def read_number(native: ModuleType, number: int) -> int:
    body, _ = CODEC.encode(taken(number))
    return native_reader_of(native, "CallTaken", 1)(body.data, "c").accepted_at_us


@pytest.mark.parametrize("accepted_at_us", [1, 2**63 - 1], ids=["in C", "left to Python"])
def test_a_fold_reads_by_it_and_falls_back_to_python(
    native: ModuleType, monkeypatch: pytest.MonkeyPatch, accepted_at_us: int
) -> None:
    monkeypatch.setattr(codec, "compiled", lambda: native)
    codec._sealed_readers.cache_clear()
    try:
        body, _ = CODEC.encode(taken(accepted_at_us))
        in_c, in_python = codec._sealed_readers("CallTaken", 1)
        assert (read_or_none(in_c, body.data) is None) == (accepted_at_us > 1)
        unchecked = Body(body.type, body.version, body.data[:-1] + b"?")  # a hash is passed over
        assert happening_of(unchecked, "c") == in_python(body.data, "c")
        with pytest.raises(UndecodableError, match="another conversation"):
            happening_of(body, "cx")
        with pytest.raises(UndecodableError, match="not its schema"):
            happening_of(Body(body.type, body.version, body.data[:-1]))
    finally:
        codec._sealed_readers.cache_clear()


def taken(accepted_at_us: int) -> Event:
    return Event(
        event_id="e", type="CallTaken", schema_version=1, conversation_id="c", kind=Kind.FACT,
        payload=payload_type("CallTaken")(take=1, gateway_id="g"), accepted_at_us=accepted_at_us,
    )  # fmt: skip


def test_what_was_compiled_from_another_source_is_not_used(native: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "schemas.native_reader", native)
    monkeypatch.setattr("schemas.native_reader", native, raising=False)
    asked = native_readers.compiled.__wrapped__
    assert asked() is native
    monkeypatch.setattr("schemas.native_module.source_digest", lambda source: "another")
    with pytest.warns(UserWarning, match="compiled from another source"):
        assert asked() is None


def test_what_every_module_includes_counts_as_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = native_module.source_digest(native_readers.SOURCE)
    changed = tmp_path / native_module.SHARED.name
    changed.write_bytes(native_module.SHARED.read_bytes() + b"\n")
    monkeypatch.setattr(native_module, "SHARED", changed)
    assert native_module.source_digest(native_readers.SOURCE) != before


def test_a_machine_without_a_compiler_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(CannotBuildError, match="no-such-compiler doesn't start: No such file"):
        build(native_readers.SOURCE, tmp_path)
    monkeypatch.delenv("CC")
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("schemas.native_build.find_spec", partial(_found, "Cython"))
    with pytest.raises(CannotBuildError, match="pip install ziglang"):
        build(native_readers.SOURCE, tmp_path)
    monkeypatch.setattr("schemas.native_build.find_spec", partial(_found, ""))
    with pytest.raises(CannotBuildError, match="Cython isn't here"):
        build(native_readers.SOURCE, tmp_path)
    assert list(tmp_path.iterdir()) == []


def _found(here: str, name: str) -> bool | None:
    return True if name == here else None
