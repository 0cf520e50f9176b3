"""Every schema reads all that its earlier versions wrote, and a released schema never changes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Annotated, Any

import fastavro
import msgspec
import pytest
from fastavro.utils import generate_one

from schemas import generate as generating
from schemas import registry
from schemas.avro import avro_schema
from schemas.base import PRIVATE, Decision, Fact, Kind, Payload, PrivateText
from schemas.event import GENESIS
from schemas.registry import AVRO_DIR, EVENT_TYPES, lock
from schemas.upcasters import UPCASTERS
from streams.codec import Body, Codec
from streams.keys import MemoryKeyStore

RELEASED = sorted(path.stem for path in AVRO_DIR.glob("*.avsc"))


def written(schema: dict[str, Any], keys: MemoryKeyStore, **payload: object) -> Body:
    """A record in exactly this schema, with drawn values but for ``payload``; private fields under the key of c1."""
    parsed = fastavro.parse_schema(json.loads(json.dumps(schema)))
    record: Any = generate_one(parsed)
    record |= {
        "event_id": "e1",
        "type": schema["name"],
        "schema_version": schema["version"],
        "conversation_id": "c1",
        "kind": schema["kind"],
        "prev_hash": GENESIS,
        "hash": GENESIS,
    }
    fields = next(field for field in schema["fields"] if field["name"] == "payload")["type"]["fields"]
    for field in fields:
        name = field["name"]
        if name in payload:
            record["payload"][name] = payload[name]
        if field.get("private"):
            context = f"c1\x1fe1\x1f{name}".encode()
            plain = msgspec.json.encode(payload.get(name, "said"))
            record["payload"][name] = keys.create("c1").encrypt(plain, context)
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, parsed, record)
    return Body(schema["name"], schema["version"], buffer.getvalue())


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """``release(schema)`` puts a synthetic schema among the released ones; ``current(class)`` makes it today's type."""
    monkeypatch.setattr(registry, "AVRO_DIR", tmp_path)

    class Releases:
        def release(self, schema: dict[str, Any]) -> None:
            (tmp_path / f"{schema['name']}.v{schema['version']}.avsc").write_text(json.dumps(schema))

        def current(self, kind: type[Payload]) -> None:
            monkeypatch.setitem(EVENT_TYPES, kind.__name__, kind)
            self.release(avro_schema(kind))

    return Releases()


def test_the_schema_files_are_those_of_the_classes() -> None:
    assert generating.generate(check=True) == []


@pytest.mark.parametrize("released", RELEASED)
def test_what_any_released_version_wrote_is_read_as_todays_type(released: str) -> None:
    keys = MemoryKeyStore()
    schema = json.loads((AVRO_DIR / f"{released}.avsc").read_text())
    event = Codec(keys).decode(written(schema, keys))
    assert type(event.payload) is EVENT_TYPES[schema["name"]]


def test_every_type_is_either_fact_or_decision_or_control_and_says_what_it_means() -> None:
    for kind in EVENT_TYPES.values():
        assert kind.KIND in Kind
        assert issubclass(kind, Decision) == (kind.KIND is Kind.DECISION)
    assert {entry.split(".v")[0] for entry in lock()} >= EVENT_TYPES.keys()


def test_ids_in_the_lock_are_unique_and_stay() -> None:
    ids = [entry["id"] for entry in lock().values()]
    assert sorted(ids) == list(range(1, len(ids) + 1))


def test_a_field_that_a_newer_version_added_takes_its_default_in_old_events(releases: Any) -> None:
    class Weighed(Fact, frozen=True, kw_only=True):
        VERSION = 2
        grams: int
        scale: str = "kitchen"
        note: PrivateText = "none"

    releases.current(Weighed)
    old = avro_schema(Weighed)
    old["version"] = 1
    payload = next(field for field in old["fields"] if field["name"] == "payload")["type"]
    payload["fields"] = [field for field in payload["fields"] if field["name"] == "grams"]
    releases.release(old)
    keys = MemoryKeyStore()
    assert Codec(keys).decode(written(old, keys, grams=5)).payload == Weighed(grams=5)


def test_upcasters_lift_an_old_event_step_by_step(releases: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Measured(Fact, frozen=True, kw_only=True):
        VERSION = 3
        millimetres: int
        said: Annotated[str, PRIVATE]
        source: str = "unknown"

    releases.current(Measured)
    versions = {}
    for version, name in ((1, "metres"), (2, "centimetres")):
        schema = avro_schema(Measured)
        schema["version"] = version
        payload = next(field for field in schema["fields"] if field["name"] == "payload")["type"]
        payload["fields"] = [{"name": name, "type": "long"}, {"name": "said", "type": "bytes", "private": True}]
        versions[version] = schema
        releases.release(schema)

    def into_centimetres(payload: dict[str, Any]) -> dict[str, Any]:
        return {"centimetres": payload["metres"] * 100, "said": payload["said"]}

    def into_millimetres(payload: dict[str, Any]) -> dict[str, Any]:
        return {"millimetres": payload["centimetres"] * 10, "said": payload["said"]}

    monkeypatch.setitem(UPCASTERS, ("Measured", 1), into_centimetres)
    monkeypatch.setitem(UPCASTERS, ("Measured", 2), into_millimetres)
    keys = MemoryKeyStore()
    codec = Codec(keys)
    expected = Measured(millimetres=7000, said="about seven")
    assert codec.decode(written(versions[1], keys, metres=7, said="about seven")).payload == expected
    assert codec.decode(written(versions[2], keys, centimetres=700, said="about seven")).payload == expected


def test_a_released_schema_whose_fields_change_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class CallAnswered(Fact, frozen=True, kw_only=True):
        """The same version, another field."""

        take: int
        colour: str = ""

    changed = CallAnswered
    monkeypatch.setitem(EVENT_TYPES, "CallAnswered", changed)
    before = {path.name: path.read_text() for path in AVRO_DIR.iterdir()}
    for check in (True, False):
        with pytest.raises(SystemExit, match=r"CallAnswered\.v1 is released"):
            generating.generate(check=check)
    assert {path.name: path.read_text() for path in AVRO_DIR.iterdir()} == before


def test_prose_may_be_corrected_without_a_new_version() -> None:
    schema = avro_schema(EVENT_TYPES["CallAnswered"])
    assert generating.fingerprint(schema | {"doc": "Other words."}) == generating.fingerprint(schema)
    assert generating.fingerprint(schema | {"fields": []}) != generating.fingerprint(schema)
