"""``ledgerline import --from transcripts|otel|langfuse``: conversations that another system ran, as facts of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from console.broken_off import told_when_broken_off
from console.commands.import_log import alone, importer_into
from console.failures import FailedError, UsageError
from console.output import print_json, tell
from console.progress import Progress
from console.settings import Settings, load_settings
from console.workspace import open_workspace
from streams.history.importing import ImportedHistory, all_read, import_history
from streams.history.langfuse import read_langfuse
from streams.history.otel import read_otel
from streams.history.transcript import BadHistoryError, Read
from streams.history.transcripts import read_transcripts
from streams.pseudonyms import Pseudonyms
from streams.transfer import ImportInterruptedError

READERS: dict[str, Callable[..., Iterator[Read]]] = {
    "transcripts": read_transcripts,
    "otel": read_otel,
    "langfuse": read_langfuse,
}


def run(*, source: str, files: list[Path], data: Path | None, log: str | None, as_json: bool) -> int:
    if not files:
        raise UsageError(f"name the files to read: ledgerline import --from {source} FILE...")
    try:
        with told_when_broken_off():
            imported = asyncio.run(_import(load_settings(data, log), source, files))
    except BadHistoryError as error:
        raise UsageError(f"{error} (nothing was imported)") from None
    except ImportInterruptedError as error:
        raise FailedError(str(error)) from None
    if as_json:
        print_json(imported)
    else:
        tell(_told(imported))
    return 1 if imported.differing else 0


async def _import(settings: Settings, source: str, files: list[Path]) -> ImportedHistory:
    """Raises ``BadHistoryError``, ``ImportInterruptedError``."""
    reads = list(READERS[source](*files))  # a file that can't be read makes no log
    async with open_workspace(settings) as workspace, alone(workspace):
        now_us = time.time_ns() // 1000
        conversations = all_read(reads, source, await Pseudonyms.of_log(workspace.keys), now_us)
        importer = importer_into(workspace)
        with Progress("importing conversations") as progress:
            return await import_history(
                conversations, source, workspace.stores.ledger, workspace.keys, importer, progress
            )


def _told(imported: ImportedHistory) -> str:
    lines = [
        f"{imported.conversations} conversations with {imported.turns} turns: {imported.added} of {imported.events} events "
        f"are new here. No decision in them is ours."
    ]
    if imported.wordless:
        lines.append(
            f"in {imported.wordless} of them models were called and no words are told: the other system didn't record them "
            f"(what OpenTelemetry's instrumentations keep to themselves unless they are told otherwise)"
        )
    lines += [f"{name} reads otherwise than when it was imported: it was left as it is" for name in imported.differing]
    lines += [f"{name} was forgotten here: it was left out" for name in imported.forgotten]
    return "\n".join(lines)
