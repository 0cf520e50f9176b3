"""The commands that look back at a call: ``show``, ``why``, ``debug``. Their work is in ``console/commands/``."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli_options import Data, Json, Log, run_command


def show(
    call_id: Annotated[str, typer.Argument(metavar="CALL", help="A call's id, its beginning, or 'last'.")],
    events: Annotated[bool, typer.Option("--events", help="One line an event.")] = False,
    at: Annotated[
        int | None,
        typer.Option("--at", metavar="SEQ", min=1, help="One event: the state before and after, causes and effects."),
    ] = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Show a call: what was heard, offered, blocked, chosen and really said; or one event of it, with what led to it.

    Example: ledgerline show last
    """
    if at is not None:
        run_command("show_at", call_id=call_id, seq=at, data=data, log=log, as_json=json)
    run_command("show", call_id=call_id, events=events, data=data, log=log, as_json=json)


def why(
    call_id: Annotated[str, typer.Argument(metavar="CALL", help="A call's id, its beginning, or 'last'.")],
    turn: Annotated[str, typer.Argument(metavar="TURN", help="A turn's id (t3, or 3), or 'last'.")] = "last",
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Say in words why a turn went as it did: what may have caused it, most telling first, then the turn step by step.

    Example: ledgerline why last t3
    """
    run_command("why", call_id=call_id, turn=turn, data=data, log=log, as_json=json)


def debug(
    call_id: Annotated[str, typer.Argument(metavar="CALL", help="A call's id, its beginning, or 'last'.")],
    question: Annotated[str, typer.Option("--question", metavar="TEXT", help="What you want to know about the call.")],
    turn: Annotated[
        str, typer.Option("--turn", metavar="TURN", help="The turn that it is about: t3, or 'last'.")
    ] = "last",
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=1, help="How often the model may look something up.")
    ] = 12,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Let the configured model find out: it reads timeline, prompts and source through narrow tools, and cites events.

    Example: ledgerline debug last --question "Why did it say ten days?"
    """
    run_command(
        "debug", call_id=call_id, question=question, turn=turn, most_steps=steps, data=data, log=log, as_json=json
    )
