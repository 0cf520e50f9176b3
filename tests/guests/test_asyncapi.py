"""The description for guests is written from the code, holds all that may stand on the topics, and is AsyncAPI.

``asyncapi-3.0.0.schema.json.gz`` is AsyncAPI's own JSON schema, unchanged, from npm's ``@asyncapi/specs`` 6.11.1
(``schemas/3.0.0.json``; Apache-2.0, the AsyncAPI Initiative).
"""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from projections.asyncapi import DOCUMENT, document, text
from schemas.base import Kind
from schemas.registry import AVRO_DIR, EVENT_TYPES, lock
from streams.kafka.topics import Topics

SCHEMA = json.loads(gzip.decompress((Path(__file__).parent / "asyncapi-3.0.0.schema.json.gz").read_bytes()))
VALIDATOR = Draft7Validator(SCHEMA)


def test_the_description_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == text(), "run: python -m projections.asyncapi"


def test_the_description_is_asyncapi() -> None:
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text()))] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["operations"]["readLog"].pop("action"),
        lambda d: d["channels"]["log"].update(adress="support.conversation.v1"),
        lambda d: d["components"]["messages"]["CallArrived"].update(payload=["no schema"]),
        lambda d: d["components"]["messages"]["CallArrived"]["bindings"]["kafka"].update(schemaIdLocation="value"),
    ],
)
def test_the_schema_notices_what_is_no_asyncapi(spoil: Callable[[dict[str, Any]], Any]) -> None:
    spoiled = copy.deepcopy(document())
    spoil(spoiled)
    assert list(VALIDATOR.iter_errors(spoiled))


def test_every_released_version_of_every_event_is_described_with_its_schema() -> None:
    described = {}
    for name, message in document()["components"]["messages"].items():
        if "x-schema-id" in message:
            path = (DOCUMENT.parent / message["payload"]["schema"]["$ref"]).resolve()
            assert path.parent == AVRO_DIR
            assert json.loads(path.read_text())["name"] == message["name"] == name.partition(".v")[0]
            described[path.name.removesuffix(".avsc")] = message["x-schema-id"]
    assert described == {released: entry["id"] for released, entry in lock().items()}


def test_facts_alone_go_to_the_inbox_and_everything_stands_on_the_log() -> None:
    channels, topics = document()["channels"], Topics()
    facts = {name for name, event in EVENT_TYPES.items() if event.KIND is Kind.FACT}
    assert {name.partition(".v")[0] for name in channels["inbox"]["messages"]} == facts
    assert {name.partition(".v")[0] for name in channels["log"]["messages"]} == set(EVENT_TYPES)
    assert channels["inbox"]["address"] == topics.inbox
    assert channels["log"]["address"] == topics.log


def test_every_reference_within_the_description_leads_somewhere() -> None:
    whole = document()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if "$ref" in part else []
            return own + [found for value in part.values() for found in references(value)]
        return [found for value in part for found in references(value)] if isinstance(part, list) else []

    inner = [reference for reference in references(whole) if reference.startswith("#/")]
    assert inner
    for reference in inner:
        target: Any = whole
        for name in reference[2:].split("/"):
            target = target[name]
