"""The faults: each strikes while the callers of the stage wait for an answer, at least twenty of them.

A scenario asks its rounds and leaves the timed turns on the stage; what holds of the history is the caller's to check.
"""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]

from benchmarks.faults_calls import Turn
from benchmarks.faults_line import EAGER_AFTER_MS
from benchmarks.faults_stage import Stage
from benchmarks.faults_workers import Worker
from servers.kafka import KafkaCluster
from streams.clock import wall_clock_us
from streams.kafka.connection import connected
from streams.partitioner import partition_of

# After the last caller's words: they are at the owner, as words that are probably over. Nobody is answered before they
# surely are.
STRIKE_AFTER_S = (EAGER_AFTER_MS + 20) / 1000
IN_FLIGHT = 20  # turns, when a fault strikes
STOPPED_S = 5.0  # longer than any session time-out of the group, and than heartbeats may be missing
GAP_S = 0.3  # longer than a gateway's loop may stand still unnoticed
NOISE = (b"", b"poison", b"\x00\xff\xff\xff\xffpoison", b"\x00" + bytes(64))


class Struck(NamedTuple):
    """Turns by when they were asked: in flight when the fault struck, while it lasted, after it. ``at_us``: when it struck,
    by the wall clock, where that is told."""

    in_flight: list[Turn]
    meanwhile: list[Turn]
    after: list[Turn]
    at_us: int | None = None


class MissedError(Exception):
    """A fault struck when fewer than ``IN_FLIGHT`` callers waited for an answer: it showed less than it should."""


async def struck(stage: Stage, strike: Callable[[], Awaitable[None]]) -> list[Turn]:
    """A round, and the fault in the middle of it. Raises ``MissedError``."""
    asking = asyncio.create_task(stage.round())
    await stage.spoken()
    await asyncio.sleep(STRIKE_AFTER_S)
    struck_at = asyncio.get_running_loop().time()
    await strike()
    turns = await asking
    waiting = sum(turn.was_open(struck_at) for turn in turns)
    if waiting < IN_FLIGHT:
        raise MissedError(f"{waiting} of {len(turns)} callers waited for an answer")
    return turns


async def asked_until(stage: Stage, waited_for: Awaitable[None]) -> list[Turn]:
    """Rounds until it is done. A caller who says nothing for so long would be released."""
    waiting = asyncio.ensure_future(waited_for)
    turns: list[Turn] = []
    try:
        while not waiting.done():
            turns += await stage.round()
    finally:
        waiting.cancel()
        await asyncio.wait([waiting])
    waiting.result()
    return turns


async def kill_an_owner(stage: Stage, victim: Worker) -> Struck:
    """SIGKILL. The others take what it owned."""
    in_flight = await struck(stage, victim.kill)
    return Struck(in_flight, [], await stage.round())


async def stop_an_owner(stage: Stage, victim: Worker, stopped_s: float = STOPPED_S) -> Struck:
    """SIGSTOP with appends in flight; others take over; SIGCONT while callers wait again: it wakes as a zombie."""
    loop = asyncio.get_running_loop()

    stopped_us, stopped_at = 0, 0.0

    async def stop() -> None:
        nonlocal stopped_us, stopped_at
        victim.send(signal.SIGSTOP)
        stopped_us, stopped_at = wall_clock_us(), loop.time()

    async def wake() -> None:
        victim.send(signal.SIGCONT)

    in_flight = await struck(stage, stop)
    meanwhile = await asked_until(stage, asyncio.sleep(stopped_at + stopped_s - loop.time()))
    return Struck(in_flight, meanwhile, await struck(stage, wake), stopped_us)


async def come_and_go(stage: Stage, times: int) -> Struck:
    """Workers join and leave in good order, one at a time, while callers go on asking."""
    meanwhile: list[Turn] = []
    for _ in range(times):
        oldest = stage.workers.running[0]
        meanwhile += await asked_until(stage, _begun(stage))
        meanwhile += await struck(stage, oldest.stop)
    return Struck([], meanwhile, await stage.round())


async def _begun(stage: Stage) -> None:
    await stage.staff(len(stage.workers.running) + 1)


async def fill_the_disk(stage: Stage, victims: list[Worker]) -> Struck:
    """No file of these workers may grow: each write fails. In the end there is room again."""
    rooms = {victim.pid: resource.prlimit(victim.pid, resource.RLIMIT_FSIZE) for victim in victims}

    async def fill() -> None:
        for pid, (_, most) in rooms.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, most))

    try:
        return Struck(await struck(stage, fill), [], await stage.round())
    finally:
        for pid, room in rooms.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, room)


@contextmanager
def delivered_twice(stage: Stage) -> Iterator[None]:
    """Each fact is put twice, as by gateways that never get their first answer."""
    stage.inbox.times = 2
    try:
        yield
    finally:
        stage.inbox.times = 1


async def lose_the_registry(stage: Stage, stop: Callable[[], None]) -> Struck:
    """It goes and stays away. One worker begins without it, and the one that began with it is killed."""
    loop = asyncio.get_running_loop()

    async def gone() -> None:
        await loop.run_in_executor(None, stop)

    before = list(stage.workers.running)
    in_flight = await struck(stage, gone)
    meanwhile = await asked_until(stage, _begun(stage))
    meanwhile += await struck(stage, before[0].kill)
    return Struck(in_flight, meanwhile, await stage.round())


async def poison(stage: Stage) -> Struck:
    """Bytes that are no event of ours: into the inbox under the names of calls, into the log under none."""

    async def write() -> None:
        topics = stage.url.topics
        async with connected(stage.url.brokers) as connection:
            producer = await connection.shared_producer()
            for partition in range(topics.partitions):
                called = next(c.call_id for c in stage.calls if partition_of(c.call_id, topics.partitions) == partition)
                for noise in NOISE:
                    await producer.send_and_wait(topics.inbox, noise, key=called.encode(), partition=partition)
                    landed = await producer.send_and_wait(topics.log, noise, key=None, partition=partition)
                    stage.foreign.add((partition, landed.offset))

    return Struck(await struck(stage, write), [], await stage.round())


async def lose_the_brokers(stage: Stage, cluster: KafkaCluster, down_s: float) -> Struck:
    """SIGKILL to all of them; they come back over their data.

    Nobody asks again before that: a caller whom two closing lines in a row had to be played to is released.
    """
    loop = asyncio.get_running_loop()
    killed_at = 0.0

    async def kill() -> None:
        nonlocal killed_at
        killed_at = loop.time()
        for number in cluster.numbers:
            await loop.run_in_executor(None, cluster.kill, number)
        stage.stand_still(GAP_S)  # so every gateway has to read to the end of a log that is gone

    in_flight = await struck(stage, kill)
    await asyncio.sleep(killed_at + down_s - loop.time())
    await asyncio.gather(*(loop.run_in_executor(None, cluster.start_node, number) for number in cluster.numbers))
    await stage.served()
    return Struck(in_flight, [], await stage.round())


async def lose_a_leader(stage: Stage, lose: Callable[[int], None], mend: Callable[[int], None]) -> Struck:
    """The broker that leads the first partition of the log goes, in the way that ``lose`` does it, and comes back.

    Every gateway stands still meanwhile, and has to read to the end of what nobody leads before it says anything.
    """
    loop = asyncio.get_running_loop()
    number = await leader_of(stage.url.bootstrap, stage.url.topics.log, 0)

    async def gone() -> None:
        await loop.run_in_executor(None, lose, number)
        stage.stand_still(GAP_S)

    async def back() -> None:
        await loop.run_in_executor(None, mend, number)

    in_flight = await struck(stage, gone)
    await stage.served()
    meanwhile = [*await stage.round(), *await asked_until(stage, back())]
    await stage.served()
    return Struck(in_flight, meanwhile, await stage.round())


async def leader_of(bootstrap: str, topic: str, partition: int) -> int:
    """The number of the broker that takes its appends."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (described,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    return next(int(one["leader"]) for one in described["partitions"] if one["partition"] == partition)
