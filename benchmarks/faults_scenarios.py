"""The faults: each strikes while every caller of the stage waits for an answer.

A scenario asks its rounds and leaves the timed turns on the stage; what holds of the history is the caller's to check.
"""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from benchmarks.faults_calls import Ended, Turn
from benchmarks.faults_stage import Stage
from benchmarks.faults_workers import Worker
from servers.kafka import KafkaCluster
from streams.kafka.connection import connected
from streams.partitioner import partition_of

# After the first caller began to speak: most have ended by then, their words are at the owner, and few are answered.
STRIKE_AFTER_S = 0.65
STOPPED_S = 5.0  # longer than any session time-out of the group, and than heartbeats may be missing
MOST_ROUNDS = 5  # until brokers that came back serve everybody again
NOISE = (b"", b"poison", b"\x00\xff\xff\xff\xffpoison", b"\x00" + bytes(64))


class Struck(NamedTuple):
    """Turns by when they were asked: in flight when the fault struck, while it lasted, after it."""

    in_flight: list[Turn]
    meanwhile: list[Turn]
    after: list[Turn]


async def struck(stage: Stage, strike: Callable[[], Awaitable[None]]) -> list[Turn]:
    """A round, and the fault in the middle of it."""
    asking = asyncio.create_task(stage.round())
    await asyncio.sleep(STRIKE_AFTER_S)
    await strike()
    return await asking


async def kill_an_owner(stage: Stage, victim: Worker) -> Struck:
    """SIGKILL. The others take what it owned."""
    in_flight = await struck(stage, victim.kill)
    return Struck(in_flight, [], await stage.round())


async def stop_an_owner(stage: Stage, victim: Worker, stopped_s: float = STOPPED_S) -> Struck:
    """SIGSTOP with appends in flight; others take over; SIGCONT while callers wait again: it wakes as a zombie."""
    loop = asyncio.get_running_loop()

    async def stop() -> None:
        victim.send(signal.SIGSTOP)

    async def wake() -> None:
        victim.send(signal.SIGCONT)

    began = loop.time()
    in_flight = await struck(stage, stop)
    meanwhile = await stage.round()
    await asyncio.sleep(max(0.0, began + STRIKE_AFTER_S + stopped_s - loop.time()))
    return Struck(in_flight, meanwhile, await struck(stage, wake))


async def fill_the_disk(stage: Stage, victims: list[Worker]) -> Struck:
    """From now on no file of these workers may grow: each write fails."""

    async def fill() -> None:
        for victim in victims:
            resource.prlimit(victim.pid, resource.RLIMIT_FSIZE, (0, 0))

    return Struck(await struck(stage, fill), [], await stage.round())


async def poison(stage: Stage) -> Struck:
    """Bytes that are no event of ours: into the inbox under the names of calls, into the log under none."""
    stage.foreign_records = True

    async def write() -> None:
        topics = stage.url.topics
        async with connected(stage.url.bootstrap) as connection:
            producer = await connection.shared_producer()
            for partition in range(topics.partitions):
                called = next(c.call_id for c in stage.calls if partition_of(c.call_id, topics.partitions) == partition)
                for noise in NOISE:
                    await producer.send_and_wait(topics.inbox, noise, key=called.encode(), partition=partition)
                    await producer.send_and_wait(topics.log, noise, key=None, partition=partition)

    return Struck(await struck(stage, write), [], await stage.round())


async def lose_the_brokers(stage: Stage, cluster: KafkaCluster, down_s: float) -> Struck:
    """SIGKILL to all of them; they come back over their data."""
    loop = asyncio.get_running_loop()

    async def kill() -> None:
        for number in cluster.numbers:
            await loop.run_in_executor(None, cluster.kill, number)

    async def come_back() -> None:
        await asyncio.sleep(max(0.0, killed_at + down_s - loop.time()))
        await asyncio.gather(*(loop.run_in_executor(None, cluster.start_node, number) for number in cluster.numbers))

    killed_at = loop.time() + STRIKE_AFTER_S
    asking = asyncio.create_task(struck(stage, kill))
    coming_back = asyncio.create_task(come_back())
    in_flight = await asking
    await coming_back
    return await _until_all_are_answered(stage, in_flight, [])


async def lose_a_leader(stage: Stage, lose: Callable[[], None], mend: Callable[[], None]) -> Struck:
    """One of three brokers goes, in the way that ``lose`` does it, and comes back."""
    loop = asyncio.get_running_loop()

    async def gone() -> None:
        await loop.run_in_executor(None, lose)

    in_flight = await struck(stage, gone)
    meanwhile = await stage.round()
    await loop.run_in_executor(None, mend)
    return await _until_all_are_answered(stage, in_flight, meanwhile)


async def _until_all_are_answered(stage: Stage, in_flight: list[Turn], meanwhile: list[Turn]) -> Struck:
    """Rounds while the brokers find themselves again; the first in which everybody has an answer is the one after."""
    for _ in range(MOST_ROUNDS):
        turns = await stage.round()
        if all(turn.ended is Ended.REPLY for turn in turns):
            return Struck(in_flight, meanwhile, turns)
        meanwhile = [*meanwhile, *turns]
    return Struck(in_flight, meanwhile, [])
