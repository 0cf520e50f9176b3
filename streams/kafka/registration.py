"""Every released schema under its subjects in a registry, and the ids that it gave them.

A subject is ``<topic>-<record's full name>`` (Confluent's TopicRecordNameStrategy: several event types a topic), and
``BACKWARD_TRANSITIVE`` is set for each: registries differ in their default, and Apicurio's checks nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from schemas.base import Kind
from schemas.registry import EVENT_TYPES, lock, released_schema
from streams.kafka.registry import BACKWARD_TRANSITIVE, RegistryError, RegistryUnreachableError, SchemaRegistry
from streams.kafka.schema_ids import OF_REGISTRY, SchemaIds
from streams.kafka.topics import Topics

_LOG = logging.getLogger(__name__)


class Subject(NamedTuple):
    name: str
    event_type: str
    versions: tuple[int, ...]  # in order


async def registered_ids(
    url: str, topics: Topics, *, tls: ssl.SSLContext | None = None, cache: Path | None = None
) -> SchemaIds:
    """Registers what isn't registered yet: facts for the inbox, all events for the log.

    ``tls``: whom to trust there. ``cache``: a file that keeps the ids; a registry that is down at a start is then no one's business. It may lose its
    memory as well: readers of ours don't need the ids.
    Raises ``RegistryUnreachableError`` where there is no cache, ``IncompatibleSchemaError``, ``RegistryRefusedError``.
    """
    async with SchemaRegistry(url, tls=tls) as registry:
        known = _cached(cache, registry.name)
        try:
            ids = await _register(registry, topics)
        except RegistryUnreachableError as error:
            if known is None or not lock().keys() <= known.keys():
                raise
            _LOG.warning("%s; its ids are those of an earlier start", error)
            return SchemaIds(known, OF_REGISTRY)
    if known and any(ids[name] != known[name] for name in ids.keys() & known.keys()):
        _LOG.warning(
            "the registry at %s gives other ids than before: what was written under the old ones can't be decoded by its "
            "other users any more; ledgerline reads it as before",
            registry.name,
        )
    _keep(cache, registry.name, ids)
    return SchemaIds(ids, OF_REGISTRY)


def subjects(topics: Topics) -> Iterator[Subject]:
    for event_type, payload in EVENT_TYPES.items():
        versions = tuple(v for v in range(1, payload.VERSION + 1) if f"{event_type}.v{v}" in lock())
        if not versions:
            continue  # not released yet
        full_name = f"{released_schema(event_type, versions[-1])['namespace']}.{event_type}"
        yield Subject(f"{topics.log}-{full_name}", event_type, versions)
        if payload.KIND is Kind.FACT:
            yield Subject(f"{topics.inbox}-{full_name}", event_type, versions)


def schema_text(event_type: str, version: int) -> str:
    """As it is registered: always the same bytes."""
    return json.dumps(released_schema(event_type, version), separators=(",", ":"))


async def _register(registry: SchemaRegistry, topics: Topics) -> dict[str, int]:
    ids: dict[str, int] = {}

    async def one(subject: Subject) -> None:
        # Before the first version: whoever registers a second one from now on is held to it.
        if await registry.compatibility(subject.name) != BACKWARD_TRANSITIVE:
            await registry.set_compatibility(subject.name, BACKWARD_TRANSITIVE)
        for version in subject.versions:
            text = schema_text(subject.event_type, version)
            found = await registry.find(subject.name, text)
            if found is None:
                found = await registry.register(subject.name, text)
            ids[f"{subject.event_type}.v{version}"] = found

    try:
        async with asyncio.TaskGroup() as group:
            for subject in subjects(topics):
                group.create_task(one(subject))
    except* RegistryError as failed:
        raise failed.exceptions[0] from None
    return ids


def _cached(path: Path | None, registry: str) -> dict[str, int] | None:
    """None where there is none of this registry."""
    if path is None or not path.exists():
        return None
    try:
        kept: dict[str, Any] = json.loads(path.read_text())
    except ValueError:
        return None  # made anew
    return {str(name): int(i) for name, i in kept["ids"].items()} if kept.get("registry") == registry else None


def _keep(path: Path | None, registry: str, ids: dict[str, int]) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(json.dumps({"registry": registry, "ids": dict(sorted(ids.items()))}, indent=1))
    partial.replace(path)
