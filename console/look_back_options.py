"""The commands that look back at a call: ``show``, ``why``, ``debug``, ``replay``. Their work is in ``console/commands/``."""

from __future__ import annotations

from typing import Annotated, Any

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
    question: Annotated[str, typer.Option("--question", help="What you want to know about the call.")],
    turn: Annotated[str, typer.Option("--turn", help="The turn that it is about: t3, or 'last'.")] = "last",
    steps: Annotated[int, typer.Option("--steps", min=1, help="How often the model may look something up.")] = 12,
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


def replay(
    call_id: Annotated[
        str | None, typer.Argument(metavar="CALL", help="A call's id, its beginning, or 'last'.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Instead of a call: all of them.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="With --all: ISO 8601, or 30m, 24h, 7d, 2w ago.")
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            metavar="CHANGE",
            help="behaviour=DIR, prompt=FILE|TEXT, guardrail=FILE|forbid:WORDS|without:NAME, model=NAME, "
            "budget.hold_ms=MS (also give_up_ms, hard_ms, completion_timeout_ms).",
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no language model: what the log doesn't say is unknown.")
    ] = False,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on", metavar="LIMIT", help="Exit code 1 where it is so, or can't be told: such as reply-changed>1%."
        ),
    ] = None,
    every_call: Annotated[
        bool, typer.Option("--every-call", help="With --what-if --json: calls that don't differ, too.")
    ] = False,
    go_on: Annotated[
        bool,
        typer.Option(
            "--go-on",
            help="With --what-if: go on behind a call's first changed reply with a simulated caller and tools.",
        ),
    ] = False,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of the simulated callers (default: 0).")] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Processes (default: one a core).")] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Play the call back, its race and its audio at the original pace.")
    ] = False,
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
    """Recompute every decision from the facts and compare it with the log; or say what another agent would have decided.

    Example: ledgerline replay --all --since 7d --what-if guardrail=forbid:guarantee --fail-on 'reply-changed>1%'
    """
    common: dict[str, Any] = {"data": data, "log": log, "as_json": json}
    if seed is not None and not go_on:
        raise typer.BadParameter("--seed goes with --go-on")
    is_stretch = topic is not None or end is not None or start != "0"
    ways = [lane is not None, partition is not None, realtime, bool(what_if), every and not what_if]
    _check_replay(
        ways,
        call_id,
        every=every,
        several=bool(since or jobs),
        judged=bool(fail_on or offline or every_call or go_on),
        is_stretch=is_stretch,
    )
    if lane is not None:
        run_command("lane_diff", lane=lane, call_id=call_id, **common)
    if partition is not None:
        run_command("replay_topic", topic=topic, partition=partition, start=start, end=end, **common)
    if realtime:
        run_command("realtime", call_id=call_id, **common)
    if what_if:
        run_command(
            "what_if",
            call_id=call_id,
            what_if=what_if,
            since=since,
            offline=offline,
            fail_on=fail_on or [],
            every_call=every_call,
            seed=(seed or 0) if go_on else None,
            jobs=jobs,
            **common,
        )
    if every:
        run_command("replay_all", since=since, jobs=jobs, **common)
    run_command("replay", call_id=call_id, **common)


def _check_replay(
    ways: list[bool], call_id: str | None, *, every: bool, several: bool, judged: bool, is_stretch: bool
) -> None:
    """``ways``: by a lane, a stretch, in real time, what if, all. Raises ``typer.BadParameter`` for what doesn't go together."""
    lane, partition, _, what_if, _ = ways
    if sum(ways) > 1:
        raise typer.BadParameter("--lane, --partition, --realtime, --what-if and --all are ways of their own")
    if judged and not what_if:
        raise typer.BadParameter("--fail-on, --offline, --every-call and --go-on go with --what-if")
    if several and not every:
        raise typer.BadParameter("--since and --jobs go with --all")
    if every and call_id is not None:
        raise typer.BadParameter("name a CALL, or --all")
    if is_stretch and not partition:
        raise typer.BadParameter("a stretch is of one --partition")
    if call_id is None and not (lane or partition or every):
        raise typer.BadParameter("name a CALL, --all, a --partition or a --lane")
