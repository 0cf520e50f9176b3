"""A reader in another language, on other libraries, finds what owners wrote whole, and what is planted wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from broker import bootstrap, topics_for
from go_programs import built, read_independently, run_go
from msgspec.structs import replace
from owning import reigning
from support import PATIENCE_S, DataDirectory, run
from written import CODEC, pressed, took

from schemas.event import GENESIS, Event
from schemas.facts import CallArrived, CallEnded, KeyPressed
from schemas.registry import lock, released_schema
from streams.codec import Body, Codec
from streams.effective import EffectiveReader
from streams.fact_writer import FactWriter, fact_event
from streams.kafka.connection import Connection
from streams.kafka.log import opened
from streams.kafka.topics import Topics, create_topics
from streams.owner import Stores
from streams.partitioner import partition_of
from streams.ports import Entry

FAULTS = (
    "lost",
    "doubled",
    "out_of_order",
    "facts_lost",
    "broken_chains",
    "wrong_hashes",
    "broken_steps",
    "undecodable",
    "misplaced",
    "unannounced",
    "offsets_missing",
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.getbasetemp().parent, "reader")


def wrong(account: dict[str, Any]) -> dict[str, int]:
    """What isn't as on a whole log."""
    return {name: account[name] for name in FAULTS if account[name] != 0}


def test_the_programs_of_guests_are_well_formed() -> None:
    run_go("vet", "./...")


# --- what owners write -----------------------------------------------------------------------------------------------


def test_what_owners_wrote_with_a_zombie_among_them_is_whole(reader: Path, data: DataDirectory, tmp_path: Path) -> None:
    topics = topics_for(tmp_path, 1)
    put: list[str] = []

    async def scenario() -> None:
        async with opened(bootstrap(), topics) as old, opened(bootstrap(), topics) as new:
            writer = FactWriter(old.inbox, data.codec)

            async def talk(key: str) -> None:
                for name in ("c1", "c2", "c3"):
                    fact = fact_event(name, KeyPressed(key=key))
                    await writer.put(fact)
                    put.append(fact.event_id)
                await _until_effective(new, data.codec, put)

            async with reigning(data, stores=old) as zombie:
                for name in ("c1", "c2", "c3"):
                    fact = fact_event(name, CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="none"))
                    await writer.put(fact)
                    put.append(fact.event_id)
                await talk("2")
                async with reigning(data, stores=new):
                    await talk("3")
                    async with asyncio.timeout(PATIENCE_S):
                        await zombie.task
                    await writer.put(fact_event("c1", CallEnded(reason="caller_hung_up"), event_id=put[0]))
                    await talk("1")

    run(scenario())
    acknowledged = tmp_path / "acknowledged"
    acknowledged.write_text("\n".join(put))
    code, account = read_independently(
        reader, str(bootstrap()), topics.log, "-acknowledged", str(acknowledged), "-timeout", "30s"
    )
    assert (code, wrong(account)) == (0, {})
    assert account["conversations"] == 3
    assert account["acknowledged"] == len(put) == 12
    assert account["effective"] == 3 * (2 + 3 + 4 + 2)
    assert account["void"] >= 4  # the zombie took at least the first fact of "3" before it knew


def test_what_lies_in_each_partition_is_where_another_client_would_put_it(reader: Path, tmp_path: Path) -> None:
    topics = topics_for(tmp_path, 8)
    names = [f"call-{number}" for number in range(1000)]

    async def scenario() -> None:
        async with opened(bootstrap(), topics) as stores:
            for partition in range(8):
                await stores.ledger.append(partition, _entries([took(1)]))
            by_partition: dict[int, list[Event]] = {}
            for name in names:
                by_partition.setdefault(partition_of(name, 8), []).extend(chain(name, 1))
            for partition, events in by_partition.items():
                await stores.ledger.append(partition, _entries(events))

    run(scenario())
    code, account = read_independently(reader, str(bootstrap()), topics.log)
    assert (code, wrong(account)) == (0, {})
    assert (account["records"], account["effective"], account["conversations"]) == (1008, 1000, 1000)


def test_ids_that_a_registry_gave_are_asked_of_it(reader: Path, tmp_path: Path) -> None:
    topics, asked = topics_for(tmp_path, 1), list[int]()

    async def schema(request: web.Request) -> web.Response:
        asked.append(int(request.match_info["id"]))
        name = next(name for name, entry in lock().items() if entry["id"] == asked[-1] - 10_000)
        event_type, _, version = name.rpartition(".v")
        return web.json_response({"schema": json.dumps(released_schema(event_type, int(version)))})

    async def scenario() -> tuple[int, dict[str, Any]]:
        application = web.Application()
        application.add_routes([web.get("/schemas/ids/{id}", schema)])
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            await _produce_with_registry(topics, [took(1), *chain("c1", 3)])
            return await asyncio.to_thread(read_independently, reader, str(bootstrap()), topics.log, "-registry", url)
        finally:
            await runner.cleanup()

    code, account = run(scenario())
    assert (code, wrong(account), account["effective"]) == (0, {}, 3)
    assert len(asked) == 2


# --- what is planted -------------------------------------------------------------------------------------------------


def chain(conversation_id: str, last: int, *, epoch: int = 1, behind: Event | None = None) -> list[Event]:
    """Events up to number ``last`` of a conversation, each a step of its own, as an owner stamps them. They begin
    ``behind`` an event, or with the first.
    """
    events, prev_hash = [], behind.hash if behind else GENESIS
    for seq in range(behind.seq + 1 if behind else 1, last + 1):
        event_id = f"{conversation_id}.{seq}"
        event = replace(
            pressed(conversation_id, event_id),
            seq=seq,
            epoch=epoch,
            step_id=event_id,
            step_size=1,
            prev_hash=prev_hash,
        )
        _, stamped = CODEC.encode(event)
        events.append(stamped)
        prev_hash = stamped.hash
    return events


def _entries(events: Sequence[Event], imported_under: int | None = None) -> list[Entry]:
    return [Entry(event.conversation_id, CODEC.encode(event)[0], imported_under) for event in events]


Log = list[Entry]
ONE, TWO, THREE, FOUR = 1, 2, 3, 4  # places of c1's events on ``whole()``, behind the announcement


def whole() -> Log:
    return _entries([took(1), *chain("c1", 4), *chain("c2", 2)])


def _without(log: Log) -> Log:
    return log[:TWO] + log[THREE:]


def _twice(log: Log) -> Log:
    return [*log, log[TWO]]


def _same_number_other_id(log: Log) -> Log:
    event = replace(chain("c1", 2)[1], event_id="another", step_id="another")
    return [*log, *_entries([event])]


def _same_id_next_number(log: Log) -> Log:
    last = CODEC.decode(log[FOUR].body)
    return [*log, *_entries([replace(last, seq=5, prev_hash=last.hash)])]


def _swapped(log: Log) -> Log:
    return [*log[:TWO], log[THREE], log[TWO], *log[FOUR:]]


def _other_past(log: Log) -> Log:
    event = replace(chain("c1", 4)[3], prev_hash=b"\1" * 32)
    return [*log[:FOUR], *_entries([event]), *log[FOUR + 1 :]]


def _changed_byte(log: Log) -> Log:
    body = log[TWO].body
    changed = body.data.replace(b"c1.2", b"c1.9", 1)
    return [*log[:TWO], log[TWO]._replace(body=body._replace(data=changed)), *log[THREE:]]


def _torn_step(log: Log) -> Log:
    first = replace(chain("c3", 1)[0], step_size=2)
    return [*log[:ONE], *_entries([first]), *log[ONE:]]


def _junk(log: Log) -> Log:
    return [*log, Entry("c1", Body("", 0, b"\0\0\0\0\1junk"))]


def _under_another_key(log: Log) -> Log:
    return [*log[:FOUR], log[FOUR]._replace(conversation_id="c2"), *log[FOUR + 1 :]]


def _epoch_of_nobody(log: Log) -> Log:
    return [*log, *_entries(chain("c3", 1, epoch=7))]


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        (_without, {"lost": 1, "broken_chains": 1}),
        (_twice, {"doubled": 1}),
        (_same_number_other_id, {"doubled": 1}),
        (_same_id_next_number, {"doubled": 1}),
        (_swapped, {"out_of_order": 1, "broken_chains": 2}),
        (_other_past, {"broken_chains": 1}),
        (_changed_byte, {"wrong_hashes": 1}),
        (_torn_step, {"broken_steps": 1}),
        (_junk, {"undecodable": 1}),
        (_under_another_key, {"misplaced": 1}),
        (_epoch_of_nobody, {"unannounced": 1}),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_each_thing_that_is_wrong_is_found_by_its_name(
    reader: Path, tmp_path: Path, plant: Callable[[Log], Log], found: dict[str, int]
) -> None:
    code, account = _counted(reader, tmp_path, plant(whole()))
    assert (code, wrong(account)) == (1, found)


def test_a_fact_that_was_acknowledged_and_is_not_effective_is_named(reader: Path, tmp_path: Path) -> None:
    acknowledged = tmp_path / "acknowledged"
    acknowledged.write_text("c1.1\nc1.2\nnowhere\nc9.1\n")
    void = _entries(chain("c9", 1, epoch=0))
    code, account = _counted(reader, tmp_path, [*whole(), *void], "-acknowledged", str(acknowledged))
    assert (code, wrong(account), account["acknowledged"]) == (1, {"facts_lost": 2}, 4)
    assert [problem["kind"] for problem in account["problems"]] == ["fact_lost:c9.1", "fact_lost:nowhere"]


# --- the void rule, as documented ------------------------------------------------------------------------------------


def test_void_records_are_counted_and_nothing_else_is_made_of_them(reader: Path, tmp_path: Path) -> None:
    events = chain("c1", 4)
    half = replace(chain("c3", 1)[0], step_size=2)
    log = [
        *_entries([took(1), *events, half]),  # its owner died within the step
        *_entries([took(2), took(2, "other")]),  # of two with the same epoch the first holds
        *_entries(chain("c1", 6, behind=events[-1])),  # a zombie of epoch 1
        *_entries(chain("c1", 5, epoch=2, behind=events[-1])),
        *_entries([took(1, "late")]),
        *_entries([replace(half, epoch=2)]),  # the log ends within a step
    ]
    code, account = _counted(reader, tmp_path, log)
    assert (code, wrong(account)) == (0, {})
    assert (account["effective"], account["void"]) == (5, 1 + 1 + 2 + 1 + 1)


def test_copies_count_under_the_owner_that_imported_them(reader: Path, tmp_path: Path) -> None:
    copied = chain("c1", 3, epoch=40)  # what their own log's epoch was says nothing here
    log = [*_entries([took(1)]), *_entries(copied, 1), *_entries([took(2)]), *_entries(chain("c2", 2, epoch=40), 1)]
    code, account = _counted(reader, tmp_path, log)
    assert (code, wrong(account)) == (0, {})
    assert (account["effective"], account["void"]) == (3, 2)


def _counted(reader: Path, directory: Path, log: Log, *more: str) -> tuple[int, dict[str, Any]]:
    topics = topics_for(directory, 1)

    async def append() -> None:
        async with opened(bootstrap(), topics) as stores:
            await stores.ledger.append(0, log)

    run(append())
    return read_independently(reader, str(bootstrap()), topics.log, *more)


async def _until_effective(stores: Stores, codec: Codec, event_ids: Sequence[str]) -> None:
    reader, missing = EffectiveReader(), set(event_ids)
    async with asyncio.timeout(PATIENCE_S):
        async for records in stores.ledger.follow(0, 0):
            for record in records:
                missing -= {event.event_id for event in reader.feed(record, codec.decode(record.body))}
            if not missing:
                return


async def _produce_with_registry(topics: Topics, events: Sequence[Event]) -> None:
    await create_topics(bootstrap(), topics)
    connection = Connection(bootstrap())
    try:
        producer = await connection.shared_producer()
        for event in events:
            body, _ = CODEC.encode(event)
            schema_id = 10_000 + lock()[f"{body.type}.v{body.version}"]["id"]
            await producer.send_and_wait(
                topics.log,
                b"\0" + schema_id.to_bytes(4, "big") + body.data,
                key=event.conversation_id.encode() or None,
                partition=0,
                headers=[("content-type", b"application/vnd.confluent.avro")],
            )
    finally:
        await connection.close()
