"""``ledgerline export``: the log as one portable file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from console.failures import UsageError
from console.output import print_json
from console.passphrase import passphrase
from console.progress import Progress
from console.settings import Settings, load_settings
from console.workspace import open_workspace
from streams.key_file import write_keys
from streams.transfer import Exported, LogExport
from streams.transfer_file import TransferWriter


def run(
    *,
    file: Path,
    with_keys: Path | None,
    passphrase_file: Path | None,
    data: Path | None,
    log: str | None,
    as_json: bool,
) -> int:
    for written in (file, with_keys):
        if written is not None and written.exists():
            raise UsageError(f"{written} exists already: name another file")
    if with_keys == file:
        raise UsageError("the keys go into a file of their own")
    secret = passphrase(passphrase_file, is_new=True) if with_keys else None
    exported = asyncio.run(_export(load_settings(data, log), file, with_keys, secret))
    if as_json:
        print_json(exported)
    else:
        print(_told(exported, file, with_keys))
    return 1 if exported.broken else 0


async def _export(settings: Settings, file: Path, with_keys: Path | None, secret: str | None) -> Exported:
    async with open_workspace(settings, create=False) as workspace:
        with Progress("records") as progress, TransferWriter(file) as writer:
            export = LogExport(workspace.stores.ledger, workspace.behaviours, progress)
            async for item in export.items():
                writer.write(item)
        if with_keys is None or secret is None:
            return export.told()
        conversations = sorted(export.chains.links)
        await workspace.keys.prepare(conversations)
        count = write_keys(with_keys, secret, conversations, workspace.keys)
        return msgspec.structs.replace(export.told(), keys=count)


def _told(exported: Exported, file: Path, with_keys: Path | None) -> str:
    lines = [
        f"{file}: {exported.events} events of {exported.conversations} conversations, {exported.behaviours} behaviours"
    ]
    if exported.open:
        lines.append(f"{exported.open} conversations were still open: the file ends in the middle of them")
    if exported.void or exported.unreadable:
        lines.append(f"left out: {exported.void} void records, {exported.unreadable} that are no events")
    lines += [f"{name} is damaged: what stands before the damage was copied" for name in exported.broken]
    if with_keys is None:
        lines.append("The keys are not in it: without them, what callers said can't be read (--with-keys).")
    else:
        lines.append(
            f"{with_keys}: {exported.keys} keys. Whoever has it and its passphrase can read what callers said."
        )
    return "\n".join(lines)
