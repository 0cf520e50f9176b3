"""An append on Kafka: until it is acknowledged, and until a follower in another process has decoded it."""

from __future__ import annotations

import asyncio
import time

from msgspec.structs import replace

from benchmarks.figures import spread
from benchmarks.kafka_stage import Log, Stage
from benchmarks.report import SPREAD_COLUMNS, Cell, Table, spread_cells
from schemas import facts as f
from schemas.event import Event
from streams.codec import Codec
from streams.fact_writer import fact_event
from streams.kafka.log import opened
from streams.partitioner import partition_of
from streams.ports import Entry, Ledger

_CALL = "call-hop"
_SPACING_S = 0.01
_BATCHES_OF = 10  # fewer steps where they are large
_WARM_UP = 20


async def append_and_follow(kafka: Stage, count: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, size, spacing_s in (
        ("one event, one each 10 ms", 1, _SPACING_S),
        ("a step of 10 events, back to back", 10, 0.0),
        ("a step of 100 events, back to back", 100, 0.0),
    ):
        steps = count if spacing_s else max(20, count // _BATCHES_OF)
        async with kafka.log() as log:
            acknowledged_ms, followed_ms, events_s = await _measure(log, steps, size, spacing_s)
        rows.append((f"{name}: acknowledged", *spread_cells(spread(acknowledged_ms)), events_s))
        rows.append((f"{name}: followed", *spread_cells(spread(followed_ms)), None))
    notes = (
        "acknowledged (acks=all, idempotent): from events in memory, sealed, hashed and encoded, to the receipt; events/s: "
        "the next step is appended when the last was acknowledged",
        "followed: from the same moment to the event decoded and opened by a follower over another connection",
    )
    return Table("Append and follow on Kafka RF 1, ms", ("step", *SPREAD_COLUMNS, "events/s"), rows, notes)


async def _measure(log: Log, steps: int, size: int, spacing_s: float) -> tuple[list[float], list[float], float | None]:
    ledger, codec, url = log.workspace.stores.ledger, log.workspace.codec, log.workspace.url
    partition = partition_of(_CALL, ledger.partitions)
    delivered: asyncio.Queue[float] = asyncio.Queue()
    acknowledged_ms: list[float] = []
    followed_ms: list[float] = []
    appending_s = 0.0
    async with opened(url.brokers, url.topics) as elsewhere:
        following = asyncio.create_task(_follow(elsewhere.ledger, codec, partition, size, delivered))
        for number in range(_WARM_UP + steps):
            events = _step(number, size)
            began = time.perf_counter()
            await ledger.append(partition, [Entry(_CALL, codec.encode(event)[0]) for event in events])
            done = time.perf_counter()
            followed = await delivered.get()
            if number >= _WARM_UP:
                acknowledged_ms.append((done - began) * 1000)
                followed_ms.append((followed - began) * 1000)
                appending_s += done - began
            await asyncio.sleep(spacing_s)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    return acknowledged_ms, followed_ms, None if spacing_s else steps * size / appending_s


async def _follow(ledger: Ledger, codec: Codec, partition: int, size: int, delivered: asyncio.Queue[float]) -> None:
    async for records in ledger.follow(partition, 0):
        for record in records:
            if codec.decode(record.body).step_index == size - 1:
                delivered.put_nowait(time.perf_counter())


def _step(number: int, size: int) -> list[Event]:
    heard = f.UtteranceHeard(
        utterance_id=f"u{number}", text="how long until my new card comes", final=True, since_speech_end_ms=200.0
    )
    fact = fact_event(_CALL, heard)
    return [
        replace(fact, seq=number * size + i + 1, step_id=fact.event_id, step_index=i, step_size=size)
        for i in range(size)
    ]
