"""``ledgerline import``: a copy of a log, or history of another system. Its work is in ``console/commands/``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli_options import Data, Json, Log, run_command

HISTORIES = ("transcripts", "otel", "langfuse")


def import_log(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="What ledgerline export wrote; or another system's history."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="WHAT",
            help="transcripts, otel or langfuse: what FILE... hold; or another log's address or directory.",
        ),
    ] = None,
    with_keys: Annotated[
        Path | None, typer.Option("--with-keys", metavar="FILE", help="The keys that were exported with it.")
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", metavar="FILE", help="Its first line opens the keys (else it is asked for)."),
    ] = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Take a copy of a log into this one, or conversations that another system ran (docs/import.md), while nobody else owns
    it. What is here already is not added again. A directory that bears one of the three names is written ./otel.

    Example: ledgerline import --from langfuse traces.jsonl
    """
    files = files or []
    if source in HISTORIES:
        if with_keys or passphrase_file:
            raise typer.BadParameter(
                "history of another system has no keys of ours: --with-keys is for a copy of a log"
            )
        run_command("import_history", source=source, files=files, data=data, log=log, as_json=json)
    if len(files) > 1:
        raise typer.BadParameter("one FILE, or --from with transcripts, otel or langfuse")
    run_command(
        "import_log",
        file=files[0] if files else None,
        source=source,
        with_keys=with_keys,
        passphrase_file=passphrase_file,
        data=data,
        log=log,
        as_json=json,
    )
