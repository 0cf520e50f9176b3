"""``ledgerline replay … --what-if``: what would have been said, had the agent been another one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from console.failures import UsageError
from console.find_call import find_call
from console.judges import all_calls, each_call, open_what_if
from console.output import print_json, tell
from console.settings import Settings, load_settings
from console.since import since_us
from console.workspace import open_workspace
from projections.what_if.change import WhatIf, WhatIfError, parse
from projections.what_if.limits import Limit, Verdict, limits, of_verdict
from projections.what_if.report import (
    CHANGED,
    DOES_NOT_FIT,
    SAME,
    CallWhatIf,
    Compared,
    Said,
    TurnWhatIf,
    WentOn,
    WhatIfReport,
    WhatIfSummary,
)
from projections.what_if.summary import Gathered

MOST_SHOWN = 20


class _Judging(NamedTuple):
    """How calls are judged. ``since``: which; ``seed``: of simulated callers, None where no call goes on."""

    what_if: WhatIf
    limited: tuple[Limit, ...]
    since: str | None
    offline: bool
    every_call: bool
    seed: int | None
    jobs: int | None


def run(
    *,
    call_id: str | None,
    what_if: list[str],
    since: str | None,
    offline: bool,
    fail_on: list[str],
    every_call: bool,
    seed: int | None,
    jobs: int | None,
    data: Path | None,
    log: str | None,
    as_json: bool,
) -> int:
    try:
        change, limited = parse(what_if), limits(fail_on)
    except WhatIfError as error:
        raise UsageError(str(error)) from None
    judging = _Judging(
        what_if=change, limited=limited, since=since, offline=offline, every_call=every_call, seed=seed, jobs=jobs
    )
    report = asyncio.run(_report(load_settings(data, log), call_id, judging))
    if as_json:
        print_json(report)
    else:
        tell("\n".join(_told(report)))
    return 1 if report.failed_on or report.undecided else 0


async def _report(settings: Settings, call_id: str | None, judging: _Judging) -> WhatIfReport:
    wanted = await all_calls(settings) if call_id is None else [await _named(settings, call_id)]
    from_us = since_us(judging.since) if judging.since else None
    gathered, kept = Gathered(), list[CallWhatIf]()
    open_judge = partial(open_what_if, settings, judging.what_if, judging.offline, judging.seed)
    async for call in each_call(open_judge, wanted, from_us, judging.jobs, "judging calls anew"):
        gathered.add(call)
        if judging.every_call or call_id is not None or call.identical is not True:
            kept.append(call)
    summary = gathered.summary()
    if not summary.calls:
        raise UsageError(f"--since {judging.since}: no call began since then")
    misfits = [call.why_not for call in kept if call.why_not and call.why_not.startswith(DOES_NOT_FIT)]
    if misfits and not summary.judged:  # it fits no call: as likely as not it is mistyped
        raise UsageError(misfits[0].removeprefix(DOES_NOT_FIT))
    of = partial(
        of_verdict,
        limited=judging.limited,
        summary=summary,
        not_identical=gathered.not_identical,
        doubts=gathered.doubts,
    )
    return WhatIfReport(
        what_if=judging.what_if.told,
        since=judging.since,
        identical=gathered.identical,
        failed_on=of(Verdict.BROKEN),
        undecided=of(Verdict.UNDECIDED),
        summary=summary,
        calls=tuple(sorted(kept, key=lambda call: call.call_id)),
    )


async def _named(settings: Settings, wanted: str) -> str:
    async with open_workspace(settings, create=False) as workspace:
        return await find_call(workspace, wanted)


# --- for people ------------------------------------------------------------------------------------------------------


def _told(report: WhatIfReport) -> Iterator[str]:
    yield f"what if {', '.join(report.what_if)}"
    yield from _summary(report.summary)
    changed = [(call, turn) for call in report.calls for turn in call.turns if turn.reply != SAME]
    for call, turn in changed[:MOST_SHOWN]:
        yield from _turn(call, turn)
    if len(changed) > MOST_SHOWN:
        yield f"… and {len(changed) - MOST_SHOWN} turns more: --json names them all"
    for call in report.calls:
        if call.went_on:
            yield from _went_on(call.call_id, call.went_on)
    not_judged = [call for call in report.calls if call.why_not]
    for call in not_judged[:MOST_SHOWN]:
        yield f"{call.call_id}: not judged ({call.why_not})"
    if len(not_judged) > MOST_SHOWN:
        yield f"… and {len(not_judged) - MOST_SHOWN} calls more that weren't judged: --json names them all"
    for told in report.failed_on:
        yield f"--fail-on {told}: it is so"
    for told in report.undecided:
        yield f"--fail-on {told}: it can't be told, since too much is unknown; that fails too (docs/replay.md)"


def _summary(found: WhatIfSummary) -> Iterator[str]:
    share = f" ({100 * found.changed / found.turns:.1f} %)" if found.turns else ""
    yield f"{found.calls} calls, {found.turns} turns: {found.changed} replies change{share}, {found.unknown} unknown"
    if found.not_comparable:
        yield f"  {found.not_comparable} of them lie behind an earlier change in their call"
    if found.older_code:
        yield f"  {found.older_code} turns were decided by older code: compared is what this code would have decided then"
    for name, both, newly in (
        ("blocked", found.blocked, (found.newly_blocked, found.no_longer_blocked)),
        ("escalated", found.escalated, (found.newly_escalated, found.no_longer_escalated)),
    ):
        yield f"  turns {name}: {_both(both)} ({newly[0]} newly, {newly[1]} no longer)"
    yield f"  fallbacks and closing lines: {_both(found.fallbacks)}"
    yield f"  marks for a holding line reached: {_both(found.holds)}"
    yield f"  decided after, median: {_both(found.decision_p50_ms)} ms; p95: {_both(found.decision_p95_ms)} ms"
    untold = f"; of {found.cost_unknown} turns unknown" if found.cost_unknown else ""
    yield f"  models' cost, millionths: {_both(found.cost_micros)}{untold}"
    failed = f", {found.failed} of them failed: what is told of those turns rests on that" if found.failed else ""
    yield f"  recorded outcomes used: {found.reused}; asked anew: {found.asked}{failed}"
    if found.went_on:
        ends = ", ".join(f"{o.outcome} {o.recorded} → {o.what_if}" for o in found.outcomes)
        yield f"  simulated to their end: {found.went_on} calls, {found.end_unknown} with no known end; outcomes: {ends}"


def _turn(call: CallWhatIf, turn: TurnWhatIf) -> Iterator[str]:
    behind = "" if turn.comparable else f" · not comparable: behind {call.first_change}"
    yield f"{call.call_id} {turn.turn_id} (seq {turn.seq}) {turn.reply}{behind}"
    yield f"  then: {_said(turn.recorded)}"
    if turn.what_if:
        yield f"  now:  {_said(turn.what_if)}{_left_ringing(turn)}"
    elif turn.reply == CHANGED:
        yield f"  now:  something else, not known: {turn.unknown}"
    else:
        yield f"  now:  not known: {turn.unknown}"


def _left_ringing(turn: TurnWhatIf) -> str:
    """A greeting that isn't even formed has one reason: with no closing line to grant, no call is answered."""
    now = turn.what_if
    ringing = turn.cause == "greeting" and now is not None and now.kind == "nothing" and not now.blocked
    return ": the call isn't answered, since a guardrail blocks the closing line" if ringing else ""


def _went_on(call_id: str, went_on: WentOn) -> Iterator[str]:
    """Everything in it is marked as what it is: nothing of it happened."""
    yield f"{call_id} went on behind {went_on.behind}, SIMULATED with seed {went_on.seed}: {_ended(went_on)}"
    for turn in went_on.turns:
        yield f"  {turn.turn_id} simulated caller ({turn.words}): {turn.text}"
        yield f"  {turn.turn_id} agent: {_said(turn.said) if turn.said else 'not known'}"
    then, now = went_on.recorded, went_on.what_if
    if now is not None:
        yield f"  outcome: {then.outcome} → {now.outcome}; turns: {then.turns} → {now.turns}"
        yield f"  turns blocked: {then.blocked} → {now.blocked}; marks for a holding line: {then.holds} → {now.holds}"
        yield f"  lasted: {then.lasted_ms / 1000:,.0f} s → {now.lasted_ms / 1000:,.0f} s (at the pace of a simulated caller)"


def _ended(went_on: WentOn) -> str:
    return f"not known: {went_on.unknown}" if went_on.unknown else went_on.ended.replace("_", " ")


def _said(said: Said) -> str:
    what = said.action if said.kind == "reply" and said.action else said.kind
    blocked = f" [blocked: {', '.join(said.blocked)}]" if said.blocked else ""
    after = "" if said.decision_ms is None else f" after {said.decision_ms:,.0f} ms"
    return f"{what}{after}{blocked} {said.text or ''}".rstrip()


def _both(both: Compared) -> str:
    if both.recorded is None or both.what_if is None:
        return "unknown"
    return f"{both.recorded:,.0f} → {both.what_if:,.0f}"
