"""Destroys what is kept of conversations beside the log: keys, snapshots, recordings, dead letters; rebuilds read models.

Doing it again is safe, and does what is left of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from console.failures import FailedError
from console.settings import Settings
from console.workspace import SqliteWorkspace, Workspace
from streams.keys import SqliteKeyStore
from streams.partitioner import partition_of
from streams.remote_keys import RemoteKeyStore
from streams.sqlite_erasing import empty_dead_letters


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """``read_models``: those that were built anew. ``dead_letters_kept``: letters of these conversations that this log can't
    empty; what our own processes put there is sealed under the keys that are gone."""

    keys: int
    recordings: int
    dead_letters: int
    dead_letters_kept: int
    read_models: tuple[str, ...]


async def erase(workspace: Workspace, settings: Settings, conversations: Sequence[str], store: str | None) -> Erased:
    """``store``: of the read models, as ``--store`` names it. Raises ``KeysUnavailableError``, ``FailedError``, ``OSError``."""
    keys = await _destroy_keys(workspace, conversations)
    for conversation_id in conversations:
        if workspace.stores.snapshots:
            partition = partition_of(conversation_id, workspace.stores.ledger.partitions)
            await workspace.stores.snapshots.drop(partition, conversation_id)
    recordings = sum(_remove_recording(workspace, conversation_id) for conversation_id in conversations)
    letters, kept = await _empty_letters(workspace, conversations)
    rebuilt = await _rebuild(settings, store)
    return Erased(
        keys=keys, recordings=recordings, dead_letters=letters, dead_letters_kept=kept, read_models=tuple(rebuilt)
    )


async def _destroy_keys(workspace: Workspace, conversations: Sequence[str]) -> int:
    keys = workspace.keys
    await keys.prepare(conversations)
    there = [conversation_id for conversation_id in conversations if keys.get(conversation_id) is not None]
    if isinstance(keys, SqliteKeyStore):
        for conversation_id in there:
            keys.destroy(conversation_id)
        keys.leave_no_trace()  # even where all were gone: a former run may have died in between
    elif isinstance(keys, RemoteKeyStore):
        for conversation_id in there:
            await keys.destroy(conversation_id)
    else:
        raise FailedError(f"keys can't be destroyed in {type(keys).__name__}")
    return len(there)


def _remove_recording(workspace: Workspace, conversation_id: str) -> int:
    removed = 0
    for path in workspace.recordings.glob(f"{conversation_id}*"):
        with suppress(FileNotFoundError):
            path.unlink()
            removed += 1
    return removed


async def _empty_letters(workspace: Workspace, conversations: Sequence[str]) -> tuple[int, int]:
    """(emptied, left)."""
    if isinstance(workspace, SqliteWorkspace):
        return empty_dead_letters(workspace.store, frozenset(conversations)), 0
    letters = await workspace.stores.dead_letters.read()
    return 0, sum(letter.conversation_id in conversations for letter in letters)


async def _rebuild(settings: Settings, store: str | None) -> list[str]:
    """All that were ever projected. They hold ciphertext alone; rows of older code may have held more."""
    if store is None and not (settings.data / "read_models.db").exists():
        return []
    from console.read_models import read_models
    from projections.read_model_versions import rebuild
    from projections.read_models.catalogue import READ_MODELS

    async with read_models(settings, store) as models:
        names = [name for name in models.store.generations() if name in READ_MODELS]
        for name in names:
            await rebuild(models.store, models.log, READ_MODELS[name])
        return names
