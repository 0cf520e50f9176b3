"""Production's facts, passed into a lane by the worker that owns the lane's partitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from console.failures import FailedError
from console.kafka_workspace import KafkaWorkspace
from console.lane import Lane
from console.settings import Settings
from console.workspace import Workspace, open_workspace
from streams.behaviour_versions import BehaviourNumbersDifferError
from streams.kafka.connection import Connection, connected
from streams.lane_feed import Behaviours, FactFeed, Feeds, read_fed


@asynccontextmanager
async def live_facts(
    settings: Settings,
    lane: Lane,
    workspace: KafkaWorkspace,
    owned: Callable[[], frozenset[int]],
    caught_up: set[int],
) -> AsyncIterator[Coroutine[Any, Any, None]]:
    """They flow while it is entered, from when it was entered on. ``settings``: production's; ``owned``: the lane's
    partitions that are fed here; ``caught_up``: is made to hold those that aren't behind. Gives what raises when they flow no more. Raises ``NoLogError``, ``FailedError``."""
    async with AsyncExitStack() as stack:
        production = await stack.enter_async_context(open_workspace(settings, create=False))
        connection = await stack.enter_async_context(connected(workspace.url.brokers))
        behaviours = Behaviours(production.behaviours, workspace.behaviours)
        feeds = Feeds(partial(_start, production, workspace, connection, behaviours, lane), caught_up)
        ready = asyncio.Event()
        feeding = asyncio.create_task(feeds.run(owned, ready.set))
        waiting = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait([feeding, waiting], return_when=asyncio.FIRST_COMPLETED)
            if feeding.done():
                await _ended(feeding)
            yield _ended(feeding)
        finally:
            feeding.cancel()
            waiting.cancel()
            await asyncio.gather(feeding, waiting, return_exceptions=True)


def _start(
    production: Workspace,
    workspace: KafkaWorkspace,
    connection: Connection,
    behaviours: Behaviours,
    lane: Lane,
    partition: int,
    follows: Callable[[], None],
    behind: Callable[[bool], None],
) -> asyncio.Task[None]:
    source, inbox = production.stores, workspace.stores.inbox
    feed = FactFeed(partition, source.ledger, source.states, inbox, behaviours, with_outcomes=lane.takes_outcomes)

    async def feeding() -> None:
        await feed.run(await read_fed(connection, workspace.url.topics, partition), follows, behind)

    return asyncio.create_task(feeding())


async def _ended(feeding: asyncio.Task[None]) -> None:
    """Raises ``FailedError``, and what nobody foresaw."""
    try:
        await feeding
    except BehaviourNumbersDifferError as error:
        raise FailedError(f"the lane can't take production's behaviours: {error}") from None
