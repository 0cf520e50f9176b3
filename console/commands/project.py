"""``ledgerline project``: brings the read models up to the log, keeps them there, or builds one anew."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from console.failures import FailedError, UsageError
from console.output import print_json, table
from console.progress import Progress
from console.read_models import ReadModels, passed_over, read_models
from console.settings import Settings, load_settings
from console.stopping import heed_stopping
from projections.checkpoint import BEGINNING, BEHAVIOUR_STREAM
from projections.projecting import catch_up, follow
from projections.read_model_report import Projected
from projections.read_model_store import MovedElsewhereError, State
from projections.read_model_versions import Standing, members_of, rebuild, standings
from projections.read_models.catalogue import READ_MODELS

WHATS = ("list", "rebuild")


def run(
    *,
    what: str | None,
    name: str | None,
    keep_on: bool,
    store: str | None,
    data: Path | None,
    log: str | None,
    as_json: bool,
) -> int:
    if what is not None and what not in WHATS:
        raise UsageError(f"project {what}: there are project, project list and project rebuild NAME")
    if (what == "rebuild") != (name is not None) or (keep_on and what is not None):
        raise UsageError("project [--follow], project list, or project rebuild NAME")
    if name is not None and name not in READ_MODELS:
        raise UsageError(f"no read model {name!r}: there are {', '.join(READ_MODELS)}")
    settings = load_settings(data, log)
    try:
        known = asyncio.run(_run(settings, store, what, name, keep_on=keep_on))
    except MovedElsewhereError as error:
        raise FailedError(f"{error}: one process at a time projects into a store") from None
    trouble = [projected.advice for projected in known if projected.advice]
    if as_json:
        print_json(known)
    else:
        rows = [(p.name, p.version, p.rows, p.states, p.behind, p.advice or p.fit) for p in known]
        table(("read model", "version", "rows", "states", "behind", ""), rows)
    return 1 if trouble and what is None else 0


async def _run(
    settings: Settings, url: str | None, what: str | None, name: str | None, *, keep_on: bool
) -> list[Projected]:
    """Raises ``MovedElsewhereError``."""
    async with read_models(settings, url) as models:
        known = standings(models.store, READ_MODELS)
        if what is None:
            with Progress("projecting") as progress:
                caught = await catch_up(models.store, models.log, members_of(models.store, known), progress)
            _tell_unreadable(caught.unreadable)
            told = _tell_left_out(known, frozenset())  # at once: who follows may do so for weeks
            if keep_on:
                await _follow(models, told)
        elif name is not None:
            with Progress(f"rebuilding {name}") as progress:
                caught = await rebuild(models.store, models.log, READ_MODELS[name], progress)
            _tell_unreadable(caught.unreadable)
        return await _listed(models, [s for s in standings(models.store, READ_MODELS) if name in (None, s.model.name)])


async def _follow(models: ReadModels, told: frozenset[str]) -> None:
    """Until it is stopped (SIGTERM, Ctrl-C). A read model that is rebuilt meanwhile is gone on with as it then is.
    ``told``: as ``_tell_left_out`` has it."""
    stopped = heed_stopping()
    stop = asyncio.create_task(stopped.wait())
    print(f"following the log: Ctrl-C, or SIGTERM to {os.getpid()}, ends it", file=sys.stderr, flush=True)
    while not stopped.is_set():
        before = models.store.generations()
        known = standings(models.store, READ_MODELS)
        told = _tell_left_out(known, told)
        members = members_of(models.store, known)
        following = asyncio.create_task(follow(models.store, models.log, members))
        await asyncio.wait({following, stop}, return_when=asyncio.FIRST_COMPLETED)
        following.cancel()
        try:
            with suppress(asyncio.CancelledError):
                await following
        except* MovedElsewhereError as moved:
            if models.store.generations() == before:
                raise MovedElsewhereError(str(moved.exceptions[0])) from None
    stop.cancel()


async def _listed(models: ReadModels, known: Sequence[Standing]) -> list[Projected]:
    store, ledger = models.store, models.log.ledger
    building = store.generations(State.BUILDING)
    ends = {partition: await ledger.end(partition) for partition in range(ledger.partitions)}
    newest = {BEHAVIOUR_STREAM: max((version.seq for version in models.log.behaviours()), default=0)}
    listed: list[Projected] = []
    for standing in known:
        live, of = standing.live, ends if standing.model.fold else newest
        reached = store.checkpoints(live) if live else {}
        rows, states = store.count(live) if live else (None, None)
        listed.append(
            Projected(
                name=standing.model.name,
                version=live.version if live else None,
                rows=rows,
                states=states,
                behind=sum(end - reached.get(place, BEGINNING).offset for place, end in of.items()),
                fit=standing.fit.value,
                advice=standing.advice,
                rebuilding=standing.model.name in building,
            )
        )
    return listed


def _tell_left_out(known: Sequence[Standing], told: frozenset[str]) -> frozenset[str]:
    """What is to be said of read models that aren't gone on with; what was ``told`` isn't said again."""
    advice = [standing.advice for standing in known if standing.advice]
    for each in advice:
        if each not in told:
            print(f"ledgerline: {each}", file=sys.stderr, flush=True)
    return frozenset(advice)


def _tell_unreadable(records: int) -> None:
    for told in passed_over(records):
        print(f"ledgerline: {told}", file=sys.stderr)
