"""What a process keeps on its own disk of a log on real brokers: it spares reading, and is never believed blindly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from broker import bootstrap, topics_for
from support import eventually, run
from written import entry, step, took

from schemas.event import Event
from streams.kafka import conversation_index
from streams.kafka.conversation_index import ConversationIndex
from streams.kafka.ledger import KafkaLedger
from streams.kafka.local_file import LocalFile
from streams.kafka.log import opened
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import Record
from streams.kafka.topics import Topics
from streams.ports import Snapshot


class Reads:
    """Counts the records of the log that any index reads from the brokers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offsets: list[int] = []
        read = PartitionReader.read

        async def counted(reader: PartitionReader, start: int, limit: int, *, until: int | None = None) -> list[Record]:
            found = await read(reader, start, limit, until=until)
            if reader.at.topic.endswith("support.conversation.v1"):
                self.offsets += [record.offset for record in found]
            return found

        monkeypatch.setattr(PartitionReader, "read", counted)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


@asynccontextmanager
async def log(directory: Path, *, local: Path | None = None, warm: bool = False) -> AsyncIterator[KafkaLedger]:
    async with opened(
        bootstrap(), topics_for(directory, 1), local=local or directory / "local.db", warm=warm
    ) as stores:
        assert isinstance(stores.ledger, KafkaLedger)
        yield stores.ledger


async def append(ledger: KafkaLedger, *batches: list[Event]) -> None:
    for events in batches:
        await ledger.append(0, [entry(event) for event in events])


async def offsets(ledger: KafkaLedger, conversation_id: str, until: int | None = None) -> list[int]:
    return [record.offset for record in await ledger.read_conversation(conversation_id, until=until)]


def test_the_next_process_reads_only_what_came_since(tmp_path: Path, reads: Reads) -> None:
    async def first() -> None:
        async with log(tmp_path) as ledger:
            await append(ledger, [took(1)], *(step(1, f"s{n}", 2, f"c{n % 3}") for n in range(30)))
            assert await offsets(ledger, "c0") == [0, *(o for n in range(0, 30, 3) for o in (1 + 2 * n, 2 + 2 * n))]

    async def second() -> None:
        async with log(tmp_path) as ledger:
            await append(ledger, [took(2)], step(2, "s", 2, "c0"))
            reads.offsets.clear()
            assert (await offsets(ledger, "new")) == [0, 61]
            assert reads.offsets == [60, 61, 62, 63]  # the last that it knew, to see that it is the same; and the rest
            assert (await offsets(ledger, "c0"))[-3:] == [61, 62, 63]

    run(first())
    run(second())


def test_what_an_owner_appends_itself_is_known_without_reading_it(tmp_path: Path, reads: Reads) -> None:
    async def scenario() -> None:
        async with log(tmp_path) as ledger:
            await append(ledger, [took(1)])
            assert await offsets(ledger, "c1", until=1) == [0]
            reads.offsets.clear()
            await append(ledger, *(step(1, f"s{n}", 2, f"c{n}") for n in range(50)))
            assert await offsets(ledger, "new", until=101) == [0]
            assert reads.offsets == []
            assert await offsets(ledger, "c7", until=101) == [0, 15, 16]
            assert reads.offsets == [15, 16]

    run(scenario())


def test_a_zombie_s_records_between_an_owner_s_are_found_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with log(tmp_path) as ledger, log(tmp_path) as zombie:
            await append(ledger, [took(2)])
            assert await offsets(ledger, "c1", until=1) == [0]
            await append(ledger, step(2, "a", 2))
            await append(zombie, [took(1)], step(1, "void", 2))
            await append(ledger, step(2, "b", 2))
            assert await offsets(ledger, "c1", until=8) == [0, 1, 2, 3, 4, 5, 6, 7]

    run(scenario())


def test_a_topic_that_was_made_anew_is_noticed(tmp_path: Path) -> None:
    async def writes(name: str) -> None:
        async with log(tmp_path) as ledger:
            await append(ledger, [took(1)], *(step(1, f"{name}{n}", 1, f"{name}{n % 2}") for n in range(10)))
            assert await offsets(ledger, f"{name}0") == [0, 1, 3, 5, 7, 9]

    async def removed() -> None:
        topics = topics_for(tmp_path, 1)
        admin = AIOKafkaAdminClient(bootstrap_servers=str(bootstrap()))
        await admin.start()
        try:
            await admin.delete_topics([topics.log])

            async def gone() -> bool:
                return topics.log not in await admin.list_topics()

            await eventually(gone)
        finally:
            await admin.close()

    async def reads_anew() -> None:
        async with log(tmp_path) as ledger:
            await append(ledger, [took(1)], *(step(1, f"b{n}", 1, f"b{n % 2}") for n in range(20)))
            assert await offsets(ledger, "a0") == [0]
            assert await offsets(ledger, "b1") == [0, *range(2, 21, 2)]

    run(writes("a"))
    run(removed())
    run(reads_anew())


def test_a_damaged_file_is_built_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with log(tmp_path) as ledger:
            await append(ledger, [took(1)], step(1, "s", 2))
        (tmp_path / "local.db").write_bytes(b"this is no database, whatever its name says" * 100)
        async with log(tmp_path) as ledger:
            assert await offsets(ledger, "c1") == [0, 1, 2]

    run(scenario())


def test_processes_in_one_directory_have_a_file_each(tmp_path: Path) -> None:
    first, second = LocalFile(tmp_path / "local.db"), LocalFile(tmp_path / "local.db")
    assert (first.path, second.path) == (tmp_path / "local.db", tmp_path / "local.2.db")
    first.close()
    third = LocalFile(tmp_path / "local.db")
    assert third.path == tmp_path / "local.db"
    for file in (second, third):
        file.close()


def test_memory_holds_no_more_than_what_the_file_has_not_got_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_index, "WRITE_AFTER_RECORDS", 100)

    async def scenario() -> None:
        async with log(tmp_path) as ledger:
            assert await offsets(ledger, "none") == []
            most = 0
            for n in range(1_000):
                await append(ledger, step(1, f"s{n}", 2, f"c{n}"))
                most = max(most, sum(map(len, ledger.index(0)._fresh.values())))
            assert ledger.index(0).next == 2_000
            assert 0 < most <= 100
            assert await offsets(ledger, "c3", until=2_000) == [6, 7]

    run(scenario())


def test_who_is_kept_warm_has_log_and_snapshots_at_hand_without_asking(tmp_path: Path, reads: Reads) -> None:
    snapshot = Snapshot(0, "c1", 1, 2, 2, b"h" * 32, b"", b"state")

    async def scenario() -> None:
        topics: Topics = topics_for(tmp_path, 2)
        async with (
            opened(bootstrap(), topics) as writer,
            opened(bootstrap(), topics, local=tmp_path / "warm.db", warm=True) as standby,
        ):
            assert isinstance(standby.ledger, KafkaLedger)
            assert writer.snapshots is not None
            assert standby.snapshots is not None
            for partition in range(2):
                await writer.ledger.append(partition, [entry(took(1))])
                await writer.ledger.append(partition, [entry(event) for event in step(1, "s", 2)])
                await writer.snapshots.save(snapshot._replace(partition=partition))
            ledger, snapshots = standby.ledger, standby.snapshots

            async def warm() -> bool:
                places = getattr(snapshots, "_places", {})
                return all(ledger.index(p).next == 3 and p in places and places[p].next == 1 for p in range(2))

            await eventually(warm)
            reads.offsets.clear()
            for partition in range(2):
                found = await ledger.index(partition).records("c2", 0, 3)
                assert [record.offset for record in found] == [0]
                assert await snapshots.load(partition, "c1") == snapshot._replace(partition=partition)
            assert reads.offsets == []

    run(scenario())


def test_what_a_warm_process_appends_itself_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed = [0]
    add = ConversationIndex.add

    def seen(index: ConversationIndex, records: Sequence[Record]) -> None:
        add(index, records)
        followed.append(records[-1].offset)

    monkeypatch.setattr(ConversationIndex, "add", seen)

    async def scenario() -> None:
        async with log(tmp_path, warm=True) as ledger:
            for n in range(60):
                await append(ledger, step(1, f"s{n}", 2, f"c{n % 2}"))

            async def came_again() -> bool:
                return followed[-1] == 119

            await eventually(came_again)
            assert ledger.index(0).next == 120
            assert list(ledger.index(0)._stretches("c1")) == [(o, o + 1) for o in range(2, 120, 4)]

    run(scenario())


def test_keeping_warm_costs_no_fetch_for_each_append(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetches = 0
    send = AIOKafkaClient.send

    async def counted(client: AIOKafkaClient, node: int, request: object, **options: Any) -> object:
        nonlocal fetches
        fetches += isinstance(request, FetchRequest)
        return await send(client, node, request, **options)

    async def scenario() -> None:
        async with (
            log(tmp_path, local=tmp_path / "writer.db") as writer,
            log(tmp_path, local=tmp_path / "warm.db", warm=True) as standby,
        ):
            await append(writer, [took(1)])
            await eventually(until(standby, 1))
            monkeypatch.setattr(AIOKafkaClient, "send", counted)
            for n in range(100):
                await append(writer, step(1, f"s{n}", 1))
            await eventually(until(standby, 101))

    def until(ledger: KafkaLedger, end: int) -> Callable[[], Awaitable[bool]]:
        async def warm() -> bool:
            return ledger.index(0).next == end

        return warm

    run(scenario())
    assert fetches < 30


def test_an_announcement_that_was_kept_in_the_file_is_read_whole(tmp_path: Path) -> None:
    async def writes() -> None:
        async with log(tmp_path) as ledger:
            await append(ledger, [took(1)], step(1, "s", 1))
            await offsets(ledger, "c1")

    async def reads_again() -> None:
        async with log(tmp_path) as ledger:
            kept = (await ledger.read_conversation("c1"))[0]
            (direct,) = await ledger.read(0, 0, 1)
            assert kept == direct

    run(writes())
    run(reads_again())


def test_a_process_that_was_killed_loses_only_what_its_file_had_not_got(tmp_path: Path, reads: Reads) -> None:
    async def dies() -> None:
        async with log(tmp_path) as ledger:
            await append(ledger, [took(1)], *(step(1, f"s{n}", 2) for n in range(10)))
            await offsets(ledger, "c1")
            ledger.index(0).write()
            await append(ledger, step(1, "unwritten", 2))
            await asyncio.sleep(0)
            assert ledger.index(0).next == 23
            ledger.index(0).write = lambda: None  # type: ignore[method-assign]  # killed: nothing more is written

    async def comes_again() -> None:
        async with log(tmp_path) as ledger:
            reads.offsets.clear()
            assert await offsets(ledger, "nobody") == [0]
            assert reads.offsets == [20, 21, 22]

    run(dies())
    run(comes_again())
