"""A log with a schema registry: what stands there, what it refuses, and that nobody waits for it in a call."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest
from aiohttp import web
from aiokafka import AIOKafkaConsumer, TopicPartition
from broker import ROOT, bootstrap, topics_for
from support import run
from written import body, entry, pressed, step, took

from schemas.base import Kind
from schemas.registry import EVENT_TYPES, lock
from servers.ports import free_port
from servers.registry import RegistryServer
from streams.kafka.log import opened
from streams.kafka.registration import registered_ids, schema_text
from streams.kafka.registry import (
    BACKWARD_TRANSITIVE,
    IncompatibleSchemaError,
    RegistryRefusedError,
    RegistryUnreachableError,
    SchemaRegistry,
)
from streams.kafka.topics import Topics

JARS = ROOT / ".ledgerline/servers/jars"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    server = RegistryServer(tmp_path_factory.mktemp("registry"), jars=JARS)
    server.start()
    yield server
    server.stop(at_once=True)


@pytest.fixture
def topics() -> Topics:
    """A log that the registry never heard of."""
    return Topics(1, f"test-{uuid.uuid4().hex[:8]}.")


def get(server: RegistryServer, path: str) -> Any:
    """As any client has it, with none of our code."""
    with urllib.request.urlopen(f"{server.url}{path}", timeout=20) as answer:
        return json.load(answer)


def test_every_released_schema_stands_under_the_topics_that_carry_it(server: RegistryServer, topics: Topics) -> None:
    ids = run(registered_ids(server.url, topics)).ids
    released = {name.rpartition(".v")[0] for name in lock()}
    facts = {name for name in released if EVENT_TYPES[name].KIND is Kind.FACT}
    on_log = {f"{topics.log}-ledgerline.{name}.{name}" for name in released}
    on_inbox = {f"{topics.inbox}-ledgerline.{name}.{name}" for name in facts}
    assert {subject for subject in get(server, "/subjects") if subject.startswith(topics.prefix)} == on_log | on_inbox
    for subject in on_log | on_inbox:
        assert get(server, f"/config/{subject}") == {"compatibilityLevel": BACKWARD_TRANSITIVE}
    assert ids.keys() == lock().keys()
    for name, schema_id in ids.items():
        event_type, _, version = name.rpartition(".v")
        assert json.loads(get(server, f"/schemas/ids/{schema_id}")["schema"]) == json.loads(
            schema_text(event_type, int(version))
        )


def test_who_registers_at_the_same_time_or_again_gets_the_same_ids(server: RegistryServer, topics: Topics) -> None:
    async def scenario() -> None:
        first, second = await asyncio.gather(*(registered_ids(server.url, topics) for _ in range(2)))
        assert first.ids == second.ids == (await registered_ids(server.url, topics)).ids

    run(scenario())


def changed(event_type: str, **fields: object) -> str:
    """Its first schema with other types in the envelope; a field of type None is taken out."""
    schema = json.loads(schema_text(event_type, 1))
    schema["fields"] = [field | {"type": fields.get(field["name"], field["type"])} for field in schema["fields"]]
    schema["fields"] = [field for field in schema["fields"] if field["type"] is not None]
    return json.dumps(schema)


def test_a_schema_that_cannot_read_what_was_written_is_refused(server: RegistryServer, topics: Topics) -> None:
    async def scenario() -> None:
        await registered_ids(server.url, topics)
        subject = f"{topics.log}-ledgerline.KeyPressed.KeyPressed"
        async with SchemaRegistry(server.url) as registry:
            with pytest.raises(IncompatibleSchemaError, match=r"KeyPressed.*not compatible") as refused:
                await registry.register(subject, changed("KeyPressed", event_id="long"))
            assert subject in str(refused.value)
            assert await registry.find(subject, changed("KeyPressed", event_id="long")) is None
            assert get(server, f"/subjects/{subject}/versions") == [1]

    run(scenario())


def test_a_field_never_comes_back_as_another_type(server: RegistryServer, topics: Topics) -> None:
    """Taking it out is compatible; then its old events would be read as the new type."""

    async def scenario() -> None:
        await registered_ids(server.url, topics)
        subject = f"{topics.inbox}-ledgerline.KeyPressed.KeyPressed"
        async with SchemaRegistry(server.url) as registry:
            await registry.register(subject, changed("KeyPressed", turn_id=None))
            with pytest.raises(IncompatibleSchemaError):
                await registry.register(subject, changed("KeyPressed", turn_id=["null", "long"]))

    run(scenario())


def test_a_level_that_somebody_lowered_is_set_again(server: RegistryServer, topics: Topics) -> None:
    async def scenario() -> None:
        await registered_ids(server.url, topics)
        subject = f"{topics.log}-ledgerline.KeyPressed.KeyPressed"
        async with SchemaRegistry(server.url) as registry:
            await registry.set_compatibility(subject, "NONE")
            await registered_ids(server.url, topics)
            assert await registry.compatibility(subject) == BACKWARD_TRANSITIVE

    run(scenario())


def test_requests_that_wait_for_each_other_are_not_given_up_while_each_is_answered_in_time() -> None:
    at_once, rounds, answered_after_s, timeout_s = 8, 24, 0.05, 1.0  # all of them take longer than the time-out

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(answered_after_s)
        return web.json_response({"compatibilityLevel": BACKWARD_TRANSITIVE})

    async def scenario() -> list[str | None]:
        application = web.Application()
        application.router.add_get("/config/{subject}", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            async with SchemaRegistry(f"http://127.0.0.1:{port}", timeout_s=timeout_s) as registry:
                return await asyncio.gather(*(registry.compatibility(f"s{n}") for n in range(at_once * rounds)))
        finally:
            await runner.cleanup()

    assert run(scenario()) == [BACKWARD_TRANSITIVE] * (at_once * rounds)


def test_what_answers_and_is_no_registry_is_told(server: RegistryServer, topics: Topics) -> None:
    with pytest.raises(RegistryRefusedError):
        run(registered_ids(server.url.removesuffix("/apis/ccompat/v7"), topics))


def test_the_password_of_a_registry_is_in_no_message(topics: Topics) -> None:
    with pytest.raises(RegistryUnreachableError) as told:
        run(registered_ids(f"http://someone:secret@127.0.0.1:{free_port()}", topics))
    assert "secret" not in str(told.value)


def test_strangers_decode_by_the_registry_and_readers_of_ours_without_it(
    server: RegistryServer, tmp_path: Path
) -> None:
    topics = topics_for(tmp_path, 1)

    async def scenario() -> None:
        written = [took(1), *step(1, "s1", 2)]
        async with opened(bootstrap(), topics, registry=server.url) as stores:
            await stores.ledger.append(0, [entry(written[0])])
            await stores.ledger.append(0, [entry(event) for event in written[1:]])
            await stores.inbox.put("c1", "a", body(pressed("c1", "a")))
        async with opened(bootstrap(), topics) as stores:
            await stores.ledger.append(0, [entry(event) for event in step(1, "s2", 1)])
            records = await stores.ledger.read(0, 0)
        assert [record.body.type for record in records] == ["OwnerTook", "KeyPressed", "KeyPressed", "KeyPressed"]

        values, content_types = await raw(topics.log, 4)
        bodies = [record.body.data for record in records]
        assert [value[5:] for value in values] == bodies
        assert content_types == [b"application/vnd.confluent.avro"] * 3 + [b"application/vnd.ledgerline.avro"]
        decoded = [await asyncio.to_thread(decoded_by_a_stranger, server, value) for value in values[:3]]
        assert [event["event_id"] for event in decoded] == [event.event_id for event in written]
        inbox, _ = await raw(topics.inbox, 1)
        assert decoded_by_a_stranger(server, inbox[0])["event_id"] == "a"

    run(scenario())


def decoded_by_a_stranger(server: RegistryServer, value: bytes) -> Any:
    assert value[0] == 0
    schema = get(server, f"/schemas/ids/{int.from_bytes(value[1:5], 'big')}")["schema"]
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), json.loads(schema), None)


async def raw(topic: str, count: int) -> tuple[list[bytes], list[bytes]]:
    """Values and content types, as they stand on the topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=str(bootstrap()), auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        found = [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()
    return [record.value for record in found], [dict(record.headers)["content-type"] for record in found]


def test_a_registry_that_goes_away_stops_nothing_and_its_ids_are_remembered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, topics, cache = RegistryServer(tmp_path, jars=JARS), topics_for(tmp_path, 1), tmp_path / "kept" / "ids.json"
    server.start()

    async def scenario() -> None:
        async with opened(bootstrap(), topics, registry=server.url, registry_cache=cache) as stores:
            server.stop(at_once=True)
            await stores.inbox.put("c1", "a", body(pressed("c1", "a")))
            await stores.ledger.append(0, [entry(took(1))])
            assert [record.body.type for record in await stores.ledger.read(0, 0)] == ["OwnerTook"]
        with pytest.raises(RegistryUnreachableError, match=r"127\.0\.0\.1"):
            await registered_ids(server.url, topics)
        with caplog.at_level(logging.WARNING):
            ids = await registered_ids(server.url, topics, cache=cache)
        assert "those of an earlier start" in caplog.text
        assert ids.ids == json.loads(cache.read_text())["ids"]
        with pytest.raises(RegistryUnreachableError):
            await registered_ids(f"http://127.0.0.1:{free_port()}", topics, cache=cache)  # of another registry

    try:
        run(scenario())
    finally:
        server.stop(at_once=True)


def test_a_registry_with_other_ids_than_before_is_told_of(
    server: RegistryServer, topics: Topics, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = tmp_path / "ids.json"
    ids = run(registered_ids(server.url, topics, cache=cache)).ids
    kept = json.loads(cache.read_text())
    kept["ids"]["KeyPressed.v1"] += 1_000
    cache.write_text(json.dumps(kept))
    with caplog.at_level(logging.WARNING):
        assert run(registered_ids(server.url, topics, cache=cache)).ids == ids
    assert "other ids than before" in caplog.text
    assert json.loads(cache.read_text())["ids"] == ids
