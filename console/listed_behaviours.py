"""The behaviour stream of an open log, as who copies a log needs it: with all its versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from console.workspace import SqliteWorkspace, Workspace
from streams.behaviour_versions import ListedBehaviours, SqliteVersions


@asynccontextmanager
async def listed_behaviours(workspace: Workspace) -> AsyncIterator[ListedBehaviours]:
    """Raises ``BrokerUnreachableError``."""
    if isinstance(workspace, SqliteWorkspace):
        yield SqliteVersions(workspace.store)
        return
    from console.kafka_workspace import KafkaWorkspace
    from streams.kafka.behaviour_versions import KafkaVersions

    assert isinstance(workspace, KafkaWorkspace), "a log is on SQLite or on Kafka"
    versions = KafkaVersions(workspace.url.bootstrap, workspace.url.topics)
    try:
        yield versions
    finally:
        await asyncio.get_running_loop().run_in_executor(None, versions.close)
