"""``ledgerline import``: takes a copy of a log into this one."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from console.broken_off import told_when_broken_off
from console.failures import FailedError, UsageError
from console.output import print_json
from console.passphrase import passphrase
from console.progress import Progress
from console.settings import Settings, load_settings
from console.workspace import SqliteWorkspace, Workspace, open_workspace
from streams.behaviour_versions import BehaviourNumbersDifferError
from streams.key_file import BadKeyFileError, NamedKey, PuttingKeyStore, read_keys
from streams.keys import SqliteKeyStore
from streams.transfer import Imported, Importer, ImportInterruptedError, LogExport
from streams.transfer_file import BadTransferFileError, Item, TransferReader


def run(
    *,
    file: Path | None,
    source: str | None,
    with_keys: Path | None,
    passphrase_file: Path | None,
    data: Path | None,
    log: str | None,
    as_json: bool,
) -> int:
    if (file is None) == (source is None):
        raise UsageError("name a file, or the log to copy with --from (an address, or a data directory)")
    if file is not None and file.is_dir():
        raise UsageError(f"{file} is a directory: --from {file} copies the log in it, without it a file is named")
    settings = load_settings(data, log)
    origin = None if source is None else _origin(source, settings)
    try:
        keys = read_keys(with_keys, passphrase(passphrase_file, is_new=False)) if with_keys else None
        with told_when_broken_off():
            imported = asyncio.run(_import(settings, file, origin, keys))
    except (BadTransferFileError, BadKeyFileError, BehaviourNumbersDifferError, ImportInterruptedError) as error:
        raise FailedError(str(error)) from None
    if as_json:
        print_json(imported)
    else:
        print(_told(imported))
    return 0 if imported.is_whole else 1


def _origin(source: str, target: Settings) -> Settings:
    """The log to copy: an address, whose keys are those of this data directory, or another data directory."""
    is_address = source.partition(":")[0] in ("kafka", "sqlite")
    origin = load_settings(target.data, source) if is_address else load_settings(Path(source), "sqlite")
    if origin.log.kafka() != target.log.kafka():
        return origin
    if target.log.kafka() is not None or origin.data.resolve() == target.data.resolve():
        raise UsageError("that is this very log: --log and --data name the one that is imported into")
    return origin


async def _import(
    settings: Settings, file: Path | None, origin: Settings | None, keys: list[NamedKey] | None
) -> Imported:
    async with AsyncExitStack() as stack:
        progress = stack.enter_context(Progress("bytes" if file else "records"))
        if origin is not None:
            items = await stack.enter_async_context(_read_log(origin, progress))
        else:
            assert file is not None, "a file or a log is given"
            items = _streamed(stack.enter_context(TransferReader(file, progress)))
        workspace = await stack.enter_async_context(open_workspace(settings))
        await stack.enter_async_context(alone(workspace))
        if keys is not None:
            _put_keys(workspace, keys)  # first: an owner that found a call without its key would make it another
        importer = importer_into(workspace)
        imported = await importer.take_all(items)
        await workspace.keys.prepare(importer.chains.links.keys())
        without = sum(workspace.keys.get(conversation_id) is None for conversation_id in importer.chains.links)
        return msgspec.structs.replace(imported, keys=None if keys is None else len(keys), without_key=without)


@asynccontextmanager
async def _read_log(settings: Settings, progress: Progress) -> AsyncIterator[AsyncIterator[Item]]:
    async with open_workspace(settings, create=False) as workspace:
        yield LogExport(workspace.stores.ledger, workspace.behaviours, progress).items()


async def _streamed(reader: TransferReader) -> AsyncIterator[Item]:
    for item in reader.items():
        yield item


def importer_into(workspace: Workspace) -> Importer:
    return Importer(
        workspace.stores.ledger,
        workspace.stores.states,
        workspace.behaviours,
        importer_id=f"import-{os.getpid()}-{secrets.token_hex(3)}",
        now_us=lambda: time.time_ns() // 1000,
    )


@asynccontextmanager
async def alone(workspace: Workspace) -> AsyncIterator[None]:
    """Nobody else owns this log meanwhile: an import takes every partition that it adds to, and a living owner would
    lose it in the middle of a call. Raises ``OwnerRefusedError``, ``FailedError``."""
    if isinstance(workspace, SqliteWorkspace):
        lock = workspace.owner_lock()
        lock.acquire()
        try:
            yield
        finally:
            lock.release()
        return
    workers = await workspace.owned_elsewhere()
    if workers:
        raise FailedError(
            f"{workers} workers own this log and would lose it in the middle of their calls: stop them (SIGTERM), "
            f"import, and start them again"
        )
    yield


def _put_keys(workspace: Workspace, keys: list[NamedKey]) -> None:
    """Raises ``FailedError`` where a conversation has another key here already, or the keys are kept elsewhere."""
    if not isinstance(workspace.keys, SqliteKeyStore):
        raise FailedError("the keys of this log are kept by a key service: import them where its data directory is")
    store = PuttingKeyStore(workspace.directory / "keys")
    try:
        others = [named.conversation_id for named in keys if not store.put(named.conversation_id, named.key)]
    finally:
        store.close()
    if others:
        raise FailedError(
            f"{others[0]}{f' and {len(others) - 1} more' if others[1:] else ''} has another key here: these are the keys "
            f"of another log"
        )


def _told(imported: Imported) -> str:
    lines = [
        f"{imported.events} events of {imported.conversations} conversations: {imported.added} added, "
        f"{imported.events - imported.added} were here or left out; {imported.behaviours} new behaviours"
    ]
    if imported.open:
        lines.append(f"{imported.open} conversations are open: the next owner of this log goes on with them")
    lines += [f"{name} went on otherwise in this log: it was left as it is here" for name in imported.differing]
    lines += [
        f"{name} is damaged in what was read: what stands before the damage was copied" for name in imported.broken
    ]
    if imported.without_key:
        lines.append(f"Of {imported.without_key} the keys aren't here: what callers said can't be read (--with-keys).")
    return "\n".join(lines)
