"""Brings read models up to the log, and keeps them there.

Read models that stand at the same place are folded together, over one reading of the log. A commit holds whole steps: their
rows and the checkpoint behind them. What was folded and not committed is folded again by whoever comes next.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from projections.checkpoint import BEGINNING, BEHAVIOUR_STREAM, Checkpoint
from projections.garbage import rarely_collected
from projections.parallel import OpenLedger, stretches
from projections.projector import BehaviourOf, Projector, none_recorded
from projections.read_model_store import Generation, ReadModelStore
from projections.read_models.definition import ReadModel, RecordedBehaviour, Row
from projections.recorded_behaviour import behaviours_among
from projections.versions import Changes, Moment, Versions
from streams.ports import Ledger, LogRecord

COMMIT_AFTER = 20_000  # changed rows: some tens of MB in memory
READ = 2_000
MUCH = 100_000  # records from which helpers are worth their start of about a second
HELPERS = min(4, os.cpu_count() or 1)
BEHAVIOURS_EVERY_S = 5.0  # behaviours change when somebody deploys one

Progress = Callable[[int, int], None]
"""(records read, of how many)."""
Member = tuple[ReadModel, Generation]


class Log(NamedTuple):
    """What is projected. ``open_ledger``: None where other processes can't open it, or needn't."""

    ledger: Ledger
    behaviours: Callable[[], list[RecordedBehaviour]]
    open_ledger: OpenLedger | None = None


class Caught(NamedTuple):
    """``events``: that were folded. ``unreadable``: as ``Projector`` counts them; ``ledgerline verify`` names them."""

    events: int = 0
    unreadable: int = 0

    def plus(self, other: Caught) -> Caught:
        return Caught(self.events + other.events, max(self.unreadable, other.unreadable))


class PartitionRun:
    """Some read models, all at the same place of one partition."""

    def __init__(
        self,
        store: ReadModelStore,
        ledger: Ledger,
        members: Sequence[Member],
        partition: int,
        start: Checkpoint,
        behaviour_of: BehaviourOf = none_recorded,
    ) -> None:
        self._store, self._partition, self._committed = store, partition, start
        self._models = [model for model, _ in members]
        self._generations = [generation for _, generation in members]

        async def history(conversation_id: str, _: int, until: int) -> Sequence[LogRecord]:
            return await ledger.read_conversation(conversation_id, 0, until)

        self._projector = Projector(self._models, history, partition, start, behaviour_of=behaviour_of)

    @property
    def caught(self) -> Caught:
        return Caught(self._projector.events, self._projector.unreadable)

    async def take(self, records: Sequence[LogRecord]) -> None:
        await self._projector.take(records)
        if self._projector.pending >= COMMIT_AFTER:
            self.commit()

    def commit(self) -> None:
        """Raises ``MovedElsewhereError``."""
        reached = self._projector.checkpoint
        if reached == self._committed:
            return
        changes = self._projector.changes()
        self._store.commit(self._models, self._generations, [changes], self._partition, self._committed, reached)
        self._committed = reached


class _Behind(NamedTuple):
    """Read models that stand at the same place of a partition, and how far the log goes there."""

    partition: int
    at: Checkpoint
    end: int
    members: list[Member]


async def catch_up(
    store: ReadModelStore,
    log: Log,
    members: Sequence[Member],
    progress: Progress | None = None,
    *,
    helpers: int = HELPERS,
) -> Caught:
    """Up to the log's end as it is now. ``helpers``: how many processes fold, where there is much to do.

    Raises ``MovedElsewhereError``, ``HelperLostError``.
    """
    caught, done = Caught(), 0
    behind: list[_Behind] = []
    folded = [member for member in members if member[0].fold]
    for partition in range(log.ledger.partitions if folded else 0):
        end = await log.ledger.end(partition)
        groups = _by_place(store, folded, partition)
        behind += [_Behind(partition, at, end, group) for at, group in groups if at.offset < end]
    of = sum(each.end - each.at.offset for each in behind)
    with rarely_collected():
        for each in behind:
            is_much = each.end - each.at.offset >= MUCH and helpers > 1 and log.open_ledger is not None
            caught_up = _with_helpers(store, log, each, helpers) if is_much else _alone(store, log, each)
            so_far = Caught()
            async with aclosing(caught_up):
                async for offset, folded_so_far in caught_up:
                    so_far = folded_so_far
                    if progress:
                        progress(done + offset - each.at.offset, of)
            done += each.end - each.at.offset
            caught = caught.plus(so_far)
    project_behaviours(store, log.behaviours(), members)
    return caught


async def _alone(store: ReadModelStore, log: Log, behind: _Behind) -> AsyncGenerator[tuple[int, Caught], None]:
    behaviour_of = behaviours_among(log.behaviours)
    run = PartitionRun(store, log.ledger, behind.members, behind.partition, behind.at, behaviour_of)
    start = behind.at.offset
    while start < behind.end and (
        records := await log.ledger.read(behind.partition, start, min(READ, behind.end - start))
    ):
        await run.take(records)
        start = records[-1].offset + 1
        yield start, run.caught
    run.commit()


async def _with_helpers(
    store: ReadModelStore, log: Log, behind: _Behind, helpers: int
) -> AsyncGenerator[tuple[int, Caught], None]:
    assert log.open_ledger is not None
    models = [model for model, _ in behind.members]
    generations = [generation for _, generation in behind.members]
    former = behind.at
    found = stretches(log.open_ledger, models, behind.partition, former, behind.end, helpers, log.behaviours())
    async with aclosing(found):
        async for stretch in found:
            if stretch.reached != former:
                store.commit(models, generations, stretch.changes, behind.partition, former, stretch.reached)
                former = stretch.reached
            yield stretch.end, Caught(stretch.events, stretch.unreadable)


async def follow(store: ReadModelStore, log: Log, members: Sequence[Member]) -> None:
    """Without end, from where each stands; read models that stand at different places are first brought together.

    Raises ``MovedElsewhereError``.
    """
    await catch_up(store, log, members)
    folded = [member for member in members if member[0].fold]
    async with asyncio.TaskGroup() as tasks:
        for partition in range(log.ledger.partitions if folded else 0):
            for at, group in _by_place(store, folded, partition):
                tasks.create_task(_follow(store, log, group, partition, at))
        tasks.create_task(_follow_behaviours(store, log, members))


async def _follow(store: ReadModelStore, log: Log, members: Sequence[Member], partition: int, at: Checkpoint) -> None:
    run = PartitionRun(store, log.ledger, members, partition, at, behaviours_among(log.behaviours))
    async for records in log.ledger.follow(partition, at.offset):
        await run.take(records)
        run.commit()


async def _follow_behaviours(store: ReadModelStore, log: Log, members: Sequence[Member]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(BEHAVIOURS_EVERY_S)
        recorded = await loop.run_in_executor(None, log.behaviours)
        project_behaviours(store, recorded, members)


def project_behaviours(store: ReadModelStore, recorded: Sequence[RecordedBehaviour], members: Sequence[Member]) -> None:
    """The few versions that there are, all anew; what is new of them is written. Raises ``MovedElsewhereError``."""
    of_behaviours = [member for member in members if member[0].behaviours]
    reached = Checkpoint(max((version.seq for version in recorded), default=0), 0)
    for model, generation in of_behaviours:
        former = store.checkpoints(generation).get(BEHAVIOUR_STREAM, BEGINNING)
        if reached != former:
            changes = _behaviour_changes(model, recorded, former.offset)
            store.commit([model], [generation], [changes], BEHAVIOUR_STREAM, former, reached)


def _behaviour_changes(model: ReadModel, recorded: Sequence[RecordedBehaviour], done: int) -> Changes:
    assert model.behaviours is not None
    fold, versions, changes = model.behaviours(), Versions([model]), Changes(1)
    for version in recorded:
        made, gone = fold.take(version)
        rows: dict[tuple[int, Any], Row | None] = {(0, model.key_of(row)): row for row in made}
        rows |= {(0, key): None for key in gone}
        is_new = version.seq > done
        moment = Moment(None, version.seq, version.recorded_us)
        versions.change(rows, moment, changes if is_new else Changes(1), 1 if is_new else 0)
    return changes


def _by_place(
    store: ReadModelStore, members: Sequence[Member], partition: int
) -> list[tuple[Checkpoint, list[Member]]]:
    groups: dict[Checkpoint, list[Member]] = {}
    for member in members:
        groups.setdefault(store.checkpoints(member[1]).get(partition, BEGINNING), []).append(member)
    return sorted(groups.items())
