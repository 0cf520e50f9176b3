"""What every command of the command line shares: its common options, and how its work is found and run."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Directory of the log (default: LEDGERLINE_DATA, else .ledgerline)."),
]
Log = Annotated[
    str | None,
    typer.Option(
        "--log", metavar="URL", help="sqlite, kafka or kafka://HOST:PORT[/PREFIX] (default: LEDGERLINE_LOG__URL)."
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="URL", help="Of the read models: sqlite:///FILE or postgresql://… (default: in --data)."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout (shape: ledgerline schema cli).")]


def run_command(command: str, **arguments: Any) -> None:
    from console.failures import reported

    with reported():
        module = importlib.import_module(f"console.commands.{command}")
        code: int = module.run(**arguments)
    raise typer.Exit(code)


def usage_error(message: str) -> int:
    """Tells it, where no command runs yet; gives the exit code."""
    from console.failures import USAGE, say

    say(message)
    return USAGE
