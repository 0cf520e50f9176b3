"""The commands that prove what the log holds: ``verify``, ``anchor``, ``evidence``. Their work is in
``console/commands/``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.cli_options import Data, Json, Log, run_command

SigningKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--signing-key", metavar="FILE", help="Ed25519, PEM (default: keys/signing.key in --data, made if missing)."
    ),
]


def verify(
    against: Annotated[
        Path | None, typer.Option("--against", metavar="ANCHORS", help="Also compare the log with what was anchored.")
    ] = None,
    public_key: Annotated[
        str | None, typer.Option("--public-key", metavar="HEX", help="Of the first anchor: who else signed is refused.")
    ] = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Check the whole log: order, ids, hashes, schemas, whole steps, and every decision by recomputing it.

    Example: ledgerline verify --against anchors.jsonl
    """
    run_command("verify", against=against, public_key=public_key, data=data, log=log, as_json=json)


def anchor(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where anchors are kept: out of reach of who writes the log.")
    ],
    every: Annotated[
        float | None, typer.Option("--every", metavar="SECONDS", min=0.1, help="Go on until stopped.")
    ] = None,
    rotate: Annotated[bool, typer.Option("--rotate", help="Hand over to a new key, which signs from then on.")] = False,
    signing_key: SigningKeyFile = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Sign what every conversation ends with now, so that a later change of any of them shows (docs/evidence.md).

    Example: ledgerline anchor /mnt/worm/anchors.jsonl --every 60
    """
    if every is not None and rotate:
        raise typer.BadParameter("a rotation is one anchor: without --every")
    run_command(
        "anchor",
        file=file,
        every_s=every,
        rotate=rotate,
        signing_key=signing_key,
        data=data,
        log=log,
        as_json=json,
    )


def evidence(
    call_id: Annotated[str, typer.Argument(metavar="CALL", help="A call's id, its beginning, or 'last'.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR|ZIP", help="It must not exist yet.")],
    anchors: Annotated[
        Path | None,
        typer.Option("--anchors", metavar="FILE", help="Also prove that the call stands in the last anchor."),
    ] = None,
    signing_key: SigningKeyFile = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Write one call as signed files that are read and checked without this product. They hold what the caller said.

    Example: ledgerline evidence last -o case-17.zip
    """
    run_command(
        "evidence",
        call_id=call_id,
        output=output,
        anchors=anchors,
        signing_key=signing_key,
        data=data,
        log=log,
        as_json=json,
    )
