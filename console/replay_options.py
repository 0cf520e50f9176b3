"""The command ``replay``, which is several: a call or a stretch decided again, played back, or judged as another agent would.

Their work is in ``console/commands/``: ``replay``, ``replay_all``, ``replay_topic``, ``realtime``, ``lane_diff``, ``what_if``.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cli_options import Data, Json, Log, run_command

Call = Annotated[str | None, typer.Argument(metavar="CALL", help="A call's id, its beginning, or 'last'.")]
Every = Annotated[bool, typer.Option("--all", help="Instead of a call: all of them.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="With --all: ISO 8601, or 30m, 24h, 7d, 2w ago.")
]
WhatIf = Annotated[
    list[str] | None,
    typer.Option(
        "--what-if",
        metavar="CHANGE",
        help="behaviour=DIR, prompt=FILE|TEXT, guardrail=FILE|forbid:WORDS|without:NAME, model=NAME, "
        "budget.hold_ms=MS (also give_up_ms, hard_ms, completion_timeout_ms).",
    ),
]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no language model: what the log doesn't say is unknown.")]
FailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on", metavar="LIMIT", help="Exit code 1 where it is so, or can't be told: such as reply-changed>1%."
    ),
]
EveryCall = Annotated[bool, typer.Option("--every-call", help="With --what-if --json: calls that don't differ, too.")]
GoOn = Annotated[
    bool,
    typer.Option(
        "--go-on",
        help="With --what-if: go on behind a call's first changed reply with a simulated caller and tools.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="Of the simulated callers (default: 0).")]
Jobs = Annotated[int | None, typer.Option("--jobs", metavar="N", min=1, help="Processes (default: one a core).")]
Realtime = Annotated[
    bool, typer.Option("--realtime", help="Play the call back, its race and its audio at the original pace.")
]
Partition = Annotated[
    int | None, typer.Option("--partition", metavar="N", min=0, help="Instead of a call: a stretch of this partition.")
]
Topic = Annotated[
    str | None, typer.Option("--topic", metavar="NAME", help="Of the log of that partition (default: --log's).")
]
Start = Annotated[
    str, typer.Option("--from", metavar="OFFSET|TIME", help="Time: ISO 8601, of when steps were accepted.")
]
End = Annotated[str | None, typer.Option("--to", metavar="OFFSET|TIME", help="Exclusive (default: the log's end).")]
Lane = Annotated[
    str | None, typer.Option("--lane", metavar="NAME", help="Compare what a lane decided with this log instead.")
]


def replay(
    call_id: Call = None,
    every: Every = False,
    since: Since = None,
    what_if: WhatIf = None,
    offline: Offline = False,
    fail_on: FailOn = None,
    every_call: EveryCall = False,
    go_on: GoOn = False,
    seed: Seed = None,
    jobs: Jobs = None,
    realtime: Realtime = False,
    partition: Partition = None,
    topic: Topic = None,
    start: Start = "0",
    end: End = None,
    lane: Lane = None,
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
