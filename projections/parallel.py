"""Catching up with several processes: each folds its share of the conversations, one writes what all of them found.

Every helper reads the whole stretch and decodes its own conversations alone, together with the records of owners. All stop
at the same offsets, so what belongs to a checkpoint is written in one transaction as ever. A helper that is ahead waits in
its pipe: memory stays flat.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from multiprocessing.connection import Connection
from typing import NamedTuple

from projections.checkpoint import Checkpoint
from projections.garbage import rarely_collected
from projections.projector import Projector
from projections.read_models.definition import ReadModel, RecordedBehaviour
from projections.recorded_behaviour import behaviours_among
from projections.versions import Changes
from streams.ports import Ledger, LogRecord

STRETCH = 10_000  # records between two checkpoints
READ = 2_000
OpenLedger = Callable[[], AbstractAsyncContextManager[Ledger]]
"""Opens the log in a helper: a function of a module, or ``functools.partial`` of one, so that it can be sent there."""


class HelperLostError(Exception):
    """A helper process ended before its work was done; what it said stands on stderr. Nothing is lost."""


class Stretch(NamedTuple):
    """What came of the records before ``end``. ``changes``: by shard."""

    end: int
    reached: Checkpoint
    changes: list[Changes]
    events: int
    unreadable: int


class _Work(NamedTuple):
    open_ledger: OpenLedger
    models: list[ReadModel]
    partition: int
    start: Checkpoint
    end: int
    shard: tuple[int, int]
    behaviours: Sequence[RecordedBehaviour]


class _Told(NamedTuple):
    reached: Checkpoint
    changes: Changes
    events: int
    unreadable: int


async def stretches(
    open_ledger: OpenLedger,
    models: Sequence[ReadModel],
    partition: int,
    start: Checkpoint,
    end: int,
    helpers: int,
    behaviours: Sequence[RecordedBehaviour] = (),
) -> AsyncGenerator[Stretch, None]:
    """Of one partition from ``start`` to the offset ``end``. Close it (``aclosing``): it ends its helpers. ``behaviours``:
    all that a conversation before ``end`` may have pinned.

    Raises ``HelperLostError``.
    """
    spawning = multiprocessing.get_context("spawn")
    loop = asyncio.get_running_loop()
    hearing: list[Connection] = []
    processes = []
    try:
        for which in range(helpers):
            here, there = spawning.Pipe(duplex=False)
            work = _Work(open_ledger, list(models), partition, start, end, (which, helpers), behaviours)
            process = spawning.Process(target=_help, args=(there, work), daemon=True)
            process.start()
            there.close()  # so that its end is heard
            hearing.append(here)
            processes.append(process)
        for stop in _stops(start.offset, end):
            try:
                told = await asyncio.gather(*(loop.run_in_executor(None, here.recv) for here in hearing))
            except EOFError:
                raise HelperLostError("a helper process of the projection ended") from None
            reached = min(each.reached for each in told)
            events, unreadable = sum(each.events for each in told), sum(each.unreadable for each in told)
            yield Stretch(stop, reached, [each.changes for each in told], events, unreadable)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        for here in hearing:
            here.close()


def _stops(start: int, end: int) -> list[int]:
    return [*range(start + STRETCH, end, STRETCH), end]


def _help(tell: Connection, work: _Work) -> None:
    with rarely_collected():
        asyncio.run(_fold(tell, work))


async def _fold(tell: Connection, work: _Work) -> None:
    async with work.open_ledger() as ledger:

        async def history(conversation_id: str, _: int, until: int) -> Sequence[LogRecord]:
            return await ledger.read_conversation(conversation_id, 0, until)

        behaviour_of = behaviours_among(lambda: work.behaviours)
        projector = Projector(work.models, history, work.partition, work.start, work.shard, behaviour_of)
        at = work.start.offset
        for stop in _stops(at, work.end):
            while at < stop:
                records = await ledger.read(work.partition, at, min(READ, stop - at))
                await projector.take(records)
                at = records[-1].offset + 1
            tell.send(_Told(projector.checkpoint, projector.changes(), projector.events, projector.unreadable))
