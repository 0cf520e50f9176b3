"""The read models of a workspace: where they are kept, and what they are projected from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from console.failures import FailedError
from console.read_model_file import read_model_file
from console.settings import Settings
from console.workspace import SqliteWorkspace, Workspace, open_workspace
from projections.checkpoint import BEGINNING
from projections.parallel import HelperLostError
from projections.projected_log import OtherLogError, refuse_another_log
from projections.projecting import Log, Progress, catch_up
from projections.read_model_store import (
    MovedElsewhereError,
    ReadModelStore,
    ReadModelsUnreadableError,
    StoreError,
    said,
)
from projections.read_model_versions import members_of, standings
from projections.read_models.catalogue import READ_MODELS
from projections.read_models.definition import RecordedBehaviour
from streams.behaviours import BehaviourMissingError
from streams.sqlite import SqliteLedger
from streams.sqlite_store import SqliteStore

PATIENCE_S = 5.0  # for another process that projects; it commits each batch that it reads
_LOOK_EVERY_S = 0.05
_TOLD = (StoreError, HelperLostError, BehaviourMissingError)


class ReadModels(NamedTuple):
    workspace: Workspace
    store: ReadModelStore
    log: Log


@asynccontextmanager
async def read_models(settings: Settings, url: str | None) -> AsyncIterator[ReadModels]:
    """``url``: of the store; None is a SQLite file in the data directory. Raises ``FailedError``."""
    async with open_workspace(settings, create=False) as workspace:

        def behaviours() -> list[RecordedBehaviour]:
            return [RecordedBehaviour(*version) for version in workspace.behaviours.versions()]

        file = read_model_file(settings)
        try:
            opened = ReadModelStore(url or f"sqlite:///{file}")
        except ReadModelsUnreadableError as error:
            raise FailedError(str(error)) from None
        with opened as store, _told():
            try:
                await refuse_another_log(store, workspace.stores.ledger)
            except OtherLogError:
                what = "another database with --store" if url else f"another with --store, or remove {file}"
                raise FailedError(
                    f"the read models there are of another log, or of one that was here before: name {what}"
                ) from None
            opened_elsewhere = None
            if isinstance(workspace, SqliteWorkspace):
                opened_elsewhere = partial(sqlite_ledger, workspace.store.path)
            yield ReadModels(workspace, store, Log(workspace.stores.ledger, behaviours, opened_elsewhere))


@contextmanager
def _told() -> Iterator[None]:
    """Turns what may happen to a store while it is used into one message."""
    try:
        yield
    except _TOLD as error:
        raise _failed(error) from None
    except ExceptionGroup as group:  # of who follows several partitions at once
        known, rest = group.split(_TOLD)
        if known is None or rest is not None:
            raise
        raise _failed(known.exceptions[0]) from None


def _failed(error: Exception) -> FailedError:
    return FailedError(f"the read models can't be used: {said(error)}" if isinstance(error, StoreError) else str(error))


@asynccontextmanager
async def sqlite_ledger(path: Path) -> AsyncIterator[SqliteLedger]:
    """The embedded log, as a helper process of a projection opens it."""
    store = SqliteStore(path)
    try:
        yield SqliteLedger(store)
    finally:
        store.close()


async def bring_up_to_date(models: ReadModels, progress: Progress | None = None) -> list[str]:
    """Projects what is behind, for who wants to ask the rows. What can't go on, and why, and what was passed over.

    Where another process projects, it is waited for; what it hasn't reached by then is told.
    """
    ledger = models.log.ledger
    ends = {partition: await ledger.end(partition) for partition in range(ledger.partitions)}
    known = standings(models.store, READ_MODELS)
    advised = [standing.advice for standing in known if standing.advice]
    members = members_of(models.store, known)
    try:
        caught = await catch_up(models.store, models.log, members, progress)
        advised += passed_over(caught.unreadable)
    except MovedElsewhereError:
        behind = await _behind(models.store, [model.name for model, _ in members if model.fold], ends)
        if behind:
            advised.append(
                f"the rows are {behind} records behind the log: another process projects them just now, ask again"
            )
    return advised


async def _behind(store: ReadModelStore, names: list[str], ends: Mapping[int, int]) -> int:
    """How many records the read model that is furthest behind lacks of those up to ``ends``, once another process had
    ``PATIENCE_S`` to take them."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + PATIENCE_S
    while True:
        live = store.generations()
        reached = [store.checkpoints(live[name]) for name in names if name in live]
        behind = max(
            (sum(max(0, end - at.get(place, BEGINNING).offset) for place, end in ends.items()) for at in reached),
            default=0,
        )
        if not behind or loop.time() >= until_s:
            return behind
        await asyncio.sleep(_LOOK_EVERY_S)


def passed_over(places: int) -> list[str]:
    """What a person is told of them, if there are any."""
    what = "1 place of the log" if places == 1 else f"{places} places of the log"
    return [f"{what} can't be read, or records are gone there: ledgerline verify names them"] if places else []
