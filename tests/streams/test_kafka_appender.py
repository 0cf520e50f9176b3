"""Appends to a partition when brokers fail: what is sent, what isn't, and who hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from support import run
from written import entry, step, took

from streams.codec import Body
from streams.kafka.appender import PartitionAppender, RecordTooLargeError
from streams.kafka.connection import MAX_BATCH_BYTES, MAX_RECORD_BYTES
from streams.kafka.partition_producer import Sent
from streams.kafka.records import KafkaRecord, unframe
from streams.ports import AppendUnknownError, Entry


class Brokers:
    """Stands for a connection and its producers. ``answers``: what each batch in turn gets, then offsets as they come."""

    def __init__(self, *answers: KafkaError | int) -> None:
        self.answers = list(answers)
        self.sent: list[list[bytes]] = []
        self.producers = 0
        self._end = 0
        self.reached, self.answering = asyncio.Event(), asyncio.Event()

    async def partition_producer(self, topic: str, partition: int) -> Brokers:
        self.producers += 1
        return self

    async def drop(self, producer: object) -> None:
        return

    def send(self, records: Sequence[KafkaRecord]) -> Sent:
        batch: list[bytes] = []
        for record in records:
            if batch and sum(map(len, batch)) + len(record.value) > MAX_BATCH_BYTES:
                break
            batch.append(record.value)
        self.sent.append(batch)
        self.reached.set()
        return Sent(len(batch), None, None)

    async def landed(self, sent: Sent) -> int:
        await self.answering.wait()
        answer = self.answers.pop(0) if self.answers else self._end
        if not isinstance(answer, int):
            raise answer
        self._end = answer + sent.records
        return answer

    @property
    def records(self) -> int:
        return sum(map(len, self.sent))


def appender(brokers: Any, *, answering: bool = True) -> PartitionAppender:
    """``answering``: whether brokers answer at once; else when ``brokers.answering`` is set."""
    if answering:
        brokers.answering.set()
    return PartitionAppender(brokers, "log", 0)


def entries(step_id: str, size: int = 1) -> list[Entry]:
    return [entry(event) for event in step(1, step_id, size)]


async def outcome(receipt: Any) -> object:
    try:
        return tuple(await receipt)
    except AppendUnknownError:
        return "unknown"


def test_what_waits_behind_a_failed_append_fails_with_it_and_is_never_sent() -> None:
    async def scenario() -> None:
        brokers = Brokers(KafkaError())
        appending = appender(brokers, answering=False)
        first = appending.append(entries("s1"))
        await brokers.reached.wait()
        behind = [appending.append(entries(f"s{n}")) for n in (2, 3)]
        brokers.answering.set()
        assert [await outcome(receipt) for receipt in (first, *behind)] == ["unknown"] * 3
        assert brokers.records == 1

    run(scenario())


def test_after_a_failure_nothing_lands_until_an_owner_announces_itself() -> None:
    async def scenario() -> None:
        brokers = Brokers(KafkaError())
        appending = appender(brokers)
        assert await outcome(appending.append(entries("s1"))) == "unknown"
        assert await outcome(appending.append(entries("s2"))) == "unknown"
        assert brokers.records == 1
        assert await outcome(appending.append([entry(took(2))])) == (0, 0)
        assert await outcome(appending.append(entries("s3"))) == (1, 1)
        assert brokers.producers == 2  # the sequence numbers of the first are lost

    run(scenario())


def test_an_announcement_that_waits_behind_a_failure_is_sent() -> None:
    async def scenario() -> None:
        brokers = Brokers(KafkaError())
        appending = appender(brokers, answering=False)
        first = appending.append(entries("s1"))
        await brokers.reached.wait()
        receipts = [
            appending.append(entries("s2")),
            appending.append([entry(took(2))]),
            appending.append(entries("s3")),
        ]
        brokers.answering.set()
        assert [await outcome(receipt) for receipt in (first, *receipts)] == ["unknown", "unknown", (0, 0), (1, 1)]
        assert await outcome(appending.append(entries("s4"))) == (2, 2)

    run(scenario())


def test_a_duplicate_whose_place_the_broker_has_forgotten_is_unknown() -> None:
    async def scenario() -> None:
        assert await outcome(appender(Brokers(-1)).append(entries("s1"))) == "unknown"

    run(scenario())


def test_a_step_that_fits_lies_in_one_batch_and_a_larger_one_spans_several() -> None:
    begins = entries("s1")[0].body.data

    def large(count: int) -> list[Entry]:
        return [Entry("c1", Body("KeyPressed", 1, begins + bytes(250_000)))] * count

    async def scenario() -> None:
        brokers = Brokers(0, 2, 4, 9)
        appending = appender(brokers)
        receipts = [appending.append(large(count)) for count in (2, 2, 4)]
        assert [await outcome(receipt) for receipt in receipts] == [(0, 1), (2, 3), (4, 9)]
        assert [len(batch) for batch in brokers.sent] == [2, 2, 3, 1]
        assert all(unframe(value) == large(1)[0].body for batch in brokers.sent for value in batch)

    run(scenario())


def test_a_record_that_no_broker_takes_is_refused_before_anything_is_sent() -> None:
    async def scenario() -> None:
        brokers = Brokers()
        with pytest.raises(RecordTooLargeError):
            appender(brokers).append([Entry("c1", Body("KeyPressed", 1, bytes(MAX_RECORD_BYTES)))])
        assert brokers.records == 0

    run(scenario())


def test_a_receipt_that_nobody_waits_for_any_more_changes_nothing_for_the_next() -> None:
    async def scenario() -> None:
        appending = appender(Brokers())
        appending.append(entries("s1")).cancel()
        assert await outcome(appending.append(entries("s2", 2))) == (1, 2)

    run(scenario())


def test_what_an_owner_appends_is_in_the_socket_before_anything_else_has_its_turn() -> None:
    async def scenario() -> None:
        brokers = Brokers()
        appending = appender(brokers)
        await outcome(appending.append(entries("s1")))  # makes the producer
        receipt = appending.append(entries("s2", 2))
        assert [len(batch) for batch in brokers.sent] == [1, 2]
        assert await outcome(receipt) == (1, 2)

    run(scenario())


def test_what_is_in_no_hurry_leaves_with_the_next_append_that_is_in_one_batch_and_in_order() -> None:
    async def scenario() -> None:
        brokers = Brokers()
        appending = appender(brokers)
        await outcome(appending.append(entries("s1")))
        receipts = [appending.append(entries("s2"), hurry=False), appending.append(entries("s3", 2), hurry=False)]
        await asyncio.sleep(0)
        assert len(brokers.sent) == 1
        receipts.append(appending.append(entries("s4")))
        assert [len(batch) for batch in brokers.sent] == [1, 4]
        assert [await outcome(receipt) for receipt in receipts] == [(1, 1), (2, 3), (4, 4)]

    run(scenario())


def test_what_is_in_no_hurry_leaves_by_itself_though_nothing_comes_behind_it() -> None:
    async def scenario() -> None:
        brokers = Brokers()
        assert await outcome(appender(brokers).append(entries("s1", 2), hurry=False)) == (0, 1)

    run(scenario())


def test_what_is_in_no_hurry_waits_on_behind_a_batch_that_is_under_way_and_then_leaves() -> None:
    async def scenario() -> None:
        brokers = Brokers()
        appending = appender(brokers, answering=False)
        first = appending.append(entries("s1"))
        await brokers.reached.wait()
        lingering = appending.append(entries("s2"), hurry=False)
        brokers.answering.set()
        assert await outcome(first) == (0, 0)
        await asyncio.sleep(0)
        assert len(brokers.sent) == 1
        assert await outcome(lingering) == (1, 1)

    run(scenario())


def test_what_lingers_behind_a_failed_append_fails_with_it() -> None:
    async def scenario() -> None:
        brokers = Brokers(KafkaError())
        appending = appender(brokers, answering=False)
        first = appending.append(entries("s1"))
        await brokers.reached.wait()
        lingering = appending.append(entries("s2"), hurry=False)
        brokers.answering.set()
        assert [await outcome(first), await outcome(lingering)] == ["unknown", "unknown"]
        assert brokers.records == 1

    run(scenario())


def test_what_lingers_when_the_log_is_closed_is_sent_first() -> None:
    async def scenario() -> None:
        brokers = Brokers()
        appending = appender(brokers, answering=False)
        first = appending.append(entries("s1"))
        await brokers.reached.wait()
        behind = appending.append(entries("s2"), hurry=False)
        closing = asyncio.create_task(appending.close())
        await asyncio.sleep(0)
        brokers.answering.set()
        await closing
        assert behind.done()
        assert [await outcome(first), await outcome(behind)] == [(0, 0), (1, 1)]
        alone = appender(brokers)
        lingering = alone.append(entries("s3"), hurry=False)
        await alone.close()
        assert lingering.done()

    run(scenario())
