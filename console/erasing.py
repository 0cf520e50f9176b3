"""Destroys what is kept of conversations beside the log: keys, snapshots, recordings, dead letters; rebuilds read models.

Doing it again is safe, and does what is left of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from console.failures import FailedError
from console.read_model_file import read_model_file
from console.settings import Settings
from console.workspace import SqliteWorkspace, Workspace
from streams.keys import SqliteKeyStore
from streams.partitioner import partition_of
from streams.remote_keys import RemoteKeyStore
from streams.sqlite_erasing import TracesLeftError, empty_dead_letters


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """``messages``: of the intake. ``dead_letters``: emptied, or sealed under a key that is gone. ``dead_letters_kept``:
    those that stand in the clear where a record can't be emptied. ``read_models``: those that were built anew."""

    keys: int
    messages: int
    recordings: int
    dead_letters: int
    dead_letters_kept: int
    read_models: tuple[str, ...]


async def erase(
    workspace: Workspace, settings: Settings, conversations: Sequence[str], messages: Sequence[str], store: str | None
) -> Erased:
    """``messages``: names of their data keys. ``store``: of the read models, as ``--store`` names it.

    Raises ``KeysUnavailableError``, ``FailedError``, ``OSError``."""
    keys = await _destroy_keys(workspace, conversations)
    of_messages = await _destroy_keys(workspace, messages)
    for conversation_id in conversations:
        if workspace.stores.snapshots:
            partition = partition_of(conversation_id, workspace.stores.ledger.partitions)
            await workspace.stores.snapshots.drop(partition, conversation_id)
    recordings = sum(_remove_recording(workspace, conversation_id) for conversation_id in conversations)
    letters, kept = await _empty_letters(workspace, conversations)
    rebuilt = await _rebuild(settings, store)
    return Erased(
        keys=keys,
        messages=of_messages,
        recordings=recordings,
        dead_letters=letters,
        dead_letters_kept=kept,
        read_models=tuple(rebuilt),
    )


async def _destroy_keys(workspace: Workspace, names: Sequence[str]) -> int:
    keys = workspace.keys
    await keys.prepare(names)
    there = [name for name in names if keys.get(name) is not None]
    if isinstance(keys, SqliteKeyStore):
        for name in there:
            keys.destroy(name)
        keys.leave_no_trace()  # even where all were gone: a former run may have died in between
    elif isinstance(keys, RemoteKeyStore):
        await keys.destroy(*names)  # all of them: what a former run destroyed may have left its trace
    else:
        raise FailedError(f"keys can't be destroyed in {type(keys).__name__}")
    return len(there)


def _remove_recording(workspace: Workspace, conversation_id: str) -> int:
    removed = 0
    for path in workspace.recordings.glob("*"):
        if path.name.partition(".")[0] != conversation_id:  # whose id begins with this one is somebody else
            continue
        with suppress(FileNotFoundError):
            path.unlink()
            removed += 1
    return removed


async def _empty_letters(workspace: Workspace, conversations: Sequence[str]) -> tuple[int, int]:
    """(emptied or unreadable, left). Raises ``FailedError``."""
    if isinstance(workspace, SqliteWorkspace):
        try:
            return empty_dead_letters(workspace.store, frozenset(conversations)), 0
        except TracesLeftError as error:
            raise FailedError(f"the keys are destroyed, and dead letters emptied, but {error}: run it again") from None
    letters = [x for x in await workspace.stores.dead_letters.read() if x.conversation_id in conversations]
    sealed = sum(letter.is_sealed for letter in letters)
    return sealed, len(letters) - sealed


async def _rebuild(settings: Settings, store: str | None) -> list[str]:
    """All that were ever projected. They hold ciphertext alone; rows of older code may have held more."""
    if store is None and not read_model_file(settings).exists():
        return []
    from console.read_models import read_models
    from projections.read_model_store import MovedElsewhereError
    from projections.read_model_versions import rebuild
    from projections.read_models.catalogue import READ_MODELS

    async with read_models(settings, store) as models:
        names = [name for name in models.store.generations() if name in READ_MODELS]
        for name in names:
            try:
                await rebuild(models.store, models.log, READ_MODELS[name])
            except MovedElsewhereError as moved:
                raise FailedError(
                    f"all else is erased; read models are left to be built anew, but {moved}: run it again"
                ) from None
        return names
