"""The commands that look back at a call: ``show``, ``replay``. Their work is in ``console/commands/``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cli_options import Data, Json, Log, run_command


def show(
    call_id: Annotated[str, typer.Argument(metavar="CALL", help="A call's id, its beginning, or 'last'.")],
    events: Annotated[bool, typer.Option("--events", help="One line an event.")] = False,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Show a call: what was heard, offered, blocked, chosen and really said.

    Example: ledgerline show last
    """
    run_command("show", call_id=call_id, events=events, data=data, log=log, as_json=json)


def replay(
    call_id: Annotated[
        str | None, typer.Argument(metavar="CALL", help="A call's id, its beginning, or 'last'.")
    ] = None,
    partition: Annotated[
        int | None, typer.Option("--partition", min=0, help="Instead of a call: a stretch of this partition.")
    ] = None,
    topic: Annotated[
        str | None, typer.Option("--topic", help="Of the log of that partition (default: --log's).")
    ] = None,
    start: Annotated[
        str, typer.Option("--from", metavar="OFFSET|TIME", help="Time: ISO 8601, of when steps were accepted.")
    ] = "0",
    end: Annotated[
        str | None, typer.Option("--to", metavar="OFFSET|TIME", help="Exclusive (default: the log's end).")
    ] = None,
    lane: Annotated[
        str | None, typer.Option("--lane", metavar="NAME", help="Compare what a lane decided with this log instead.")
    ] = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Recompute every decision of a call, or of a stretch of the log, from its facts and compare it with the log.

    Example: ledgerline replay last --json
    """
    common: dict[str, Any] = {"data": data, "log": log, "as_json": json}
    if lane is not None:
        run_command("lane_diff", lane=lane, call_id=call_id, **common)
    if partition is not None:
        run_command("replay_topic", topic=topic, partition=partition, start=start, end=end, **common)
    if topic is not None or end is not None or start != "0":
        raise typer.BadParameter("a stretch is of one --partition")
    if call_id is None:
        raise typer.BadParameter("name a CALL, a --partition or a --lane")
    run_command("replay", call_id=call_id, **common)
