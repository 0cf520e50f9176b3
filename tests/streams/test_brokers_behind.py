"""A broker that was cut off and hasn't heard yet that another leads hands out less than was acknowledged, for seconds. Nobody
takes that for the whole log, nor for damage."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from simulation.virtual_loop import run_virtual
from streams.codec import Body
from streams.kafka.appender import PartitionAppender
from streams.kafka.brokers import Brokers
from streams.kafka.connection import Connection
from streams.kafka.conversation_index import ConversationIndex
from streams.kafka.following import Following
from streams.kafka.ledger import KafkaLedger
from streams.kafka.local_file import LocalFile
from streams.kafka.partition_fetcher import BEHIND_S, EARLIEST, PartitionFetcher
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.topics import Topics
from streams.ports import Entry, Receipt, RecordsGoneError

AT = TopicPartition("log", 0)
END = 7  # of the log
BEHIND = 4  # where a broker that is behind ends it
OUT_OF_RANGE = 1
SOON_S = 1.0


class Partition:
    """``behind``: how often one who is behind is still asked; from then on the one who leads is. ``begin``: what stands before
    was deleted."""

    def __init__(self, behind: float = 0, begin: int = 0) -> None:
        self.behind, self.begin, self.looked = behind, begin, 0
        self.told, self.last = BEHIND, END  # where who is behind ends it, and where it ends
        self.cluster = SimpleNamespace(leader_for_partition=lambda at: 1)

    async def send(self, leader: int, request: Any) -> Any:
        await asyncio.sleep(0)
        self.behind -= 1
        end = self.told if self.behind >= 0 else self.last
        if not isinstance(request, FetchRequest):
            ((_, ((_, which),)),) = request._topics
            said: tuple[Any, ...] = (0, 0, -1, self.begin if which == EARLIEST else end)
        else:
            ((_, ((_, offset, _),)),) = request.topics
            code = 0 if self.begin <= offset <= end else OUT_OF_RANGE
            said = (0, code, end, end, 0, [], batch(end) if offset < end and not code else b"")
        return SimpleNamespace(topics=[(AT.topic, [said])])

    async def force_metadata_update(self) -> bool:
        return True

    def look_who_leads(self) -> None:
        self.looked += 1


def batch(end: int) -> bytes:
    builder = DefaultRecordBatchBuilder(
        2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=1 << 16
    )
    for offset in range(end):
        builder.append(offset, timestamp=0, key=b"call-1", value=b"value", headers=[])
    return bytes(builder.build())


def reader(partition: Partition) -> PartitionReader:
    async def fetcher(topic: str, number: int) -> PartitionFetcher:
        made = PartitionFetcher(Brokers("nobody:1"), topic, number, request_timeout_ms=1_000)
        made.client = partition
        return made

    return PartitionReader(cast(Connection, SimpleNamespace(fetcher=fetcher)), *AT)


def offsets(records: Sequence[Any]) -> list[int]:
    return [record.offset for record in records]


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_an_end_does_not_go_back() -> None:
    partition = Partition()
    asked = reader(partition)

    async def scenario() -> None:
        assert await asked.end() == END
        partition.behind = 5
        assert await asked.end() == END
        partition.behind = 5
        assert offsets(await asked.read_log(2, 9)) == [2, 3, 4, 5, 6]
        partition.behind = 5
        assert offsets(await asked.read_log(BEHIND, 9)) == [4, 5, 6]
        partition.behind = 1
        assert await asked.read_log(END, 9) == []
        partition.behind = 5
        assert await asked.end() == END

    run_virtual(scenario())


def test_what_was_acknowledged_is_read_though_the_broker_ends_before_it() -> None:
    partition = Partition(behind=5)
    asked = reader(partition)
    asked.reaches(END)
    assert offsets(run_virtual(asked.read_log(0, 9))) == list(range(END))


class Acknowledging:
    """Says that an append landed at the partition's end."""

    def append(self, entries: Sequence[Entry], *, hurry: bool) -> asyncio.Future[Receipt]:
        receipt = asyncio.get_running_loop().create_future()
        receipt.set_result(Receipt(END - 1, END - 1))
        return receipt


def test_a_log_holds_what_it_acknowledged_though_the_broker_ends_before_it() -> None:
    """So a new owner finds its announcement, and makes it once."""

    async def scenario() -> None:
        ledger = KafkaLedger(cast(Connection, None), Topics(partitions=1))
        ledger._appenders[AT.partition] = cast(PartitionAppender, Acknowledging())
        ledger._readers[AT.partition] = reader(Partition(behind=5))
        await ledger.append(AT.partition, [Entry("", Body("OwnerTook", 1, b""))])
        await asyncio.sleep(0)
        assert offsets(await ledger.read(AT.partition, 0)) == list(range(END))

    run_virtual(scenario())


def test_what_lies_behind_such_an_end_was_not_deleted() -> None:
    assert offsets(run_virtual(reader(Partition(behind=5)).read_log(BEHIND + 1, 9, until=END))) == [5, 6]


def test_what_no_broker_has_after_a_while_is_gone() -> None:
    async def scenario() -> None:
        asked, began_s = reader(Partition(behind=float("inf"))), now_s()
        with pytest.raises(RecordsGoneError, match="topic log, partition 0, has no offset 5"):
            await asked.read_log(BEHIND + 1, 9, until=END)
        assert BEHIND_S <= now_s() - began_s < BEHIND_S + SOON_S
        asked.reaches(END)
        assert await asked.end() == BEHIND  # its records are lost: who goes on has to know
        assert now_s() - began_s < 2 * (BEHIND_S + SOON_S)
        assert offsets(await asked.read_log(0, 9)) == [0, 1, 2, 3]
        assert now_s() - began_s < 2 * (BEHIND_S + SOON_S)

    run_virtual(scenario())


def test_what_was_deleted_is_told_of_at_once() -> None:
    async def scenario() -> None:
        began_s = now_s()
        with pytest.raises(RecordsGoneError, match="topic log, partition 0, has no offset 1"):
            await reader(Partition(begin=3)).read_log(1, 9)
        assert now_s() - began_s < SOON_S

    run_virtual(scenario())


def test_a_conversation_is_read_up_to_what_this_process_knows_of_it() -> None:
    partition = Partition()

    async def scenario() -> None:
        index = ConversationIndex(reader(partition), LocalFile())
        assert offsets(await index.records("call-1", 0, None)) == list(range(END))
        index.appended(END, [Entry("call-1", Body("Type", 1, b"value"))])
        partition.behind, partition.told, partition.last = 5, END, END + 1
        assert offsets(await index.records("call-1", 0, None)) == list(range(END + 1))

    run_virtual(scenario())


class Consumer:
    """aiokafka's, at ``BEHIND`` + 1 of a partition whose broker is behind so many times."""

    def __init__(self, partition: Partition) -> None:
        self._partition, self._client = partition, partition
        self.sought: list[int] = []

    async def getmany(self, **_: Any) -> Any:
        await asyncio.sleep(0)
        self._partition.behind -= 1
        if self._partition.behind >= 0 or self._partition.begin > BEHIND + 1:
            raise OffsetOutOfRangeError({AT: BEHIND + 1})
        return {AT: ["record"]}

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self._partition.begin)

    def seek(self, at: TopicPartition, offset: int) -> None:
        self.sought.append(offset)


async def followed(following: Following) -> Any:
    while not (fetched := await following.getmany(timeout_ms=1, max_records=1)):
        pass
    return fetched


def test_who_follows_goes_on_behind_a_broker_that_ends_too_early() -> None:
    async def scenario() -> None:
        partition, began_s = Partition(behind=5), now_s()
        consumer = Consumer(partition)
        following = Following(consumer)
        for _ in range(30):  # each time anew
            partition.behind = 5
            assert await followed(following) == {AT: ["record"]}
        assert set(consumer.sought) == {BEHIND + 1}
        assert now_s() - began_s > BEHIND_S

    run_virtual(scenario())


def test_who_follows_what_is_gone_hears_of_it() -> None:
    async def scenario() -> None:
        began_s = now_s()
        with pytest.raises(OffsetOutOfRangeError):
            await followed(Following(Consumer(Partition(begin=END))))
        assert now_s() - began_s < SOON_S
        with pytest.raises(OffsetOutOfRangeError):
            await followed(Following(Consumer(Partition(behind=float("inf")))))
        assert BEHIND_S <= now_s() - began_s < BEHIND_S + 2 * SOON_S

    run_virtual(scenario())


def test_who_hears_nothing_asks_who_leads() -> None:
    """A broker that is cut off from the others alone answers, and has nothing more to tell."""

    async def scenario() -> None:
        partition = Partition()
        following = Following(SilentConsumer(partition))
        for _ in range(3):
            assert await following.getmany(timeout_ms=1, max_records=1) == {}
        assert partition.looked == 3

    run_virtual(scenario())


class SilentConsumer(Consumer):
    async def getmany(self, **_: Any) -> Any:
        await asyncio.sleep(1)
        return {}
