"""Rules about what was asked of models and tools, how long it took, and which budget ran out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from agent_core.subject import level_named
from projections.race import Attempt
from projections.why.case import Case
from projections.why.findings import Finding
from projections.why.waits import Wait, waits
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.event import Event
from schemas.models import ANSWERED
from schemas.proving import ProofAccepted, ProofRefused

SLOW_MS = 1_000.0  # a part of a turn that takes longer is told
LONG_HOLD_MS = 700.0  # a holding line that ends in less than this after it began was hardly needed
_ENDED_BADLY = ("fallback", "superseded", "abandoned", None)
_WHAT = {"answer": "an answer", "classification": "the classification", "passages": "the search for passages"}
_HINTS = {
    "unauthorised": "it refuses the key",
    "rate_limited": "it is asked too often (429)",
    "unavailable": "it is down or can't be reached",
    "timed_out": "it didn't answer in time",
    "invalid": "it answered with what is no answer",
    "refused": "it declined to answer",
    "missing": "it isn't configured here",
}


def failed_attempts(case: Case) -> Iterator[Finding]:
    """Attempts that failed. They weigh most where the turn had nothing else to say."""
    failed = [attempt for attempt in case.turn.race.attempts if attempt.state == "failed"]
    for kind in dict.fromkeys(attempt.kind for attempt in failed):
        attempts = [a for a in case.turn.race.attempts if a.kind == kind]
        bad = [a for a in failed if a.kind == kind]
        none_left = not any(a.state == "returned" for a in attempts)
        weight = (96 if _ended_badly(case) else 78) if none_left else (50 if _ended_badly(case) else 34)
        yield Finding(kind="provider", weight=weight, told=_failures(kind, bad, len(attempts)), seqs=_seqs(case, bad))


def failed_over(case: Case) -> Iterator[Finding]:
    """Attempts in which another provider answered than the one that was asked first."""
    late = [a for a in case.turn.race.attempts if a.state == "returned" and a.parts]
    for kind in dict.fromkeys(attempt.kind for attempt in late):
        attempts = [a for a in late if a.kind == kind]
        failed = _counted((p.provider, p.outcome, p.calls) for a in attempts for p in a.parts if p.outcome != ANSWERED)
        took = [a.took_ms for a in attempts if a.took_ms is not None]
        by = " and ".join(dict.fromkeys(p.provider for a in attempts for p in a.parts if p.outcome == ANSWERED))
        told = (
            f"{by} answered for {_WHAT.get(kind, kind)} after others had failed in the same attempt: {failed}"
            f"{f'; it took up to {max(took):,.0f} ms in all' if took else ''}."
        )
        seqs = tuple(e.seq for e, p in _outcomes(case) if any(p.ask_id == a.ask_id for a in attempts) and p.parts)
        yield Finding(kind="provider", weight=46 if _ended_badly(case) else 38, told=told, seqs=seqs[:4])


def gave_up(case: Case) -> Iterator[Finding]:
    """The turn's own deadline ended it, while something was still to come."""
    fired = case.gave_up
    if fired is None:
        return
    late: dict[str, float | None] = {}  # by name: one guardrail is asked about several texts
    for o in waits(case):
        if o.asked_ms >= case.ms(fired):  # about what is said because of the deadline
            continue
        if o.over_ms is None or o.over_ms > case.ms(fired):
            former = late.get(o.name, 0.0)
            late[o.name] = None if o.over_ms is None or former is None else max(former, o.over_ms)
    came = {name: "never came" if ms is None else f"came at {ms:,.0f} ms" for name, ms in late.items()}
    waiting = ", ".join(f"{name} ({when})" for name, when in list(came.items())[:3])
    waited = f"; still awaited: {waiting}" if waiting else ""
    told = f"The turn's budget ran out: give_up_ms is {case.opened.give_up_ms:,}, and nothing could be said by then{waited}."
    yield Finding(kind="budget", weight=90 if _ended_badly(case) else 74, told=told, seqs=(fired.seq,))


def closing_line(case: Case) -> Iterator[Finding]:
    for event, played in case.of(f.FallbackPlayed):
        told = (
            f"The gateway played its closing line at {played.since_speech_end_ms:,.0f} ms: nothing was decided by the hard "
            f"mark of {case.opened.hard_ms:,} ms (budget.hard_ms)."
        )
        yield Finding(kind="budget", weight=84, told=told, seqs=(event.seq,))


def too_late(case: Case) -> Iterator[Finding]:
    """An answer that came behind its own time limit."""
    for event, p in case.of(d.CompletionAsked):
        timed = [a for a in case.turn.race.attempts if a.ask_id == p.ask_id and a.reason == "timed_out"]
        if timed and all((a.took_ms or 0) >= 0.9 * p.timeout_ms for a in timed):
            told = (
                f"{len(timed)} of {p.attempts} attempts at an answer ran into the budget's completion_timeout_ms of "
                f"{p.timeout_ms:,}."
            )
            yield Finding(kind="budget", weight=70 if _ended_badly(case) else 30, told=told, seqs=(event.seq,))


def slow_parts(case: Case) -> Iterator[Finding]:
    """What the wait before the choice was spent on, where that was long."""
    chosen = case.chosen
    end_ms = case.ms(chosen) if chosen else case.turn.latency_ms.first_sound
    if end_ms is None or not case.utterance_id:
        return
    for asked in waits(case):
        until = min(asked.over_ms or end_ms, end_ms)
        took = until - max(asked.asked_ms, 0.0)
        if took >= SLOW_MS and took >= 0.4 * end_ms:
            weight = 72 if _was_waited_for(case, asked) else 40
            told = f"{took:,.0f} of the {end_ms:,.0f} ms before the choice went by waiting for {asked.name}."
            yield Finding(kind="provider", weight=weight, told=told, seqs=())
    end_of_turn = case.turn.latency_ms.end_of_turn
    if end_of_turn is not None and end_of_turn >= SLOW_MS:
        told = f"The recogniser took {end_of_turn:,.0f} ms after the end of speech to be sure of the words."
        yield Finding(kind="voice", weight=66, told=told)


def needless_hold(case: Case) -> Iterator[Finding]:
    """A holding line just before the reply, which then had to wait for it."""
    chosen = case.chosen
    for event, played in case.of(f.HoldingPlayed):
        if chosen is None or not case.utterance_id:
            continue
        ahead_ms = case.ms(chosen) - played.since_speech_end_ms
        if ahead_ms < LONG_HOLD_MS:
            when = f"the reply was chosen {abs(ahead_ms):,.0f} ms {'later' if ahead_ms >= 0 else 'before that'}"
            told = (
                f"A holding line began at {played.since_speech_end_ms:,.0f} ms, at the budget's mark of {played.mark_ms:,} ms; "
                f"{when} and had to wait for its end."
            )
            early = played.mark_ms < 500  # callers take shorter pauses for a person's
            yield Finding(kind="budget", weight=62 if early else 44, told=told, seqs=(event.seq,))


def tool_trouble(case: Case) -> Iterator[Finding]:
    for call in case.turn.tools:
        name, reason = call.tool, call.reason
        if reason:
            told = f"The tool {name} gave nothing: {reason.replace('_', ' ')} ({reason}){_ran_out(case, name, reason)}."
            yield Finding(kind="access", weight=86, told=told, seqs=_tool_seqs(case, name))


def money_ran_out(case: Case) -> Iterator[Finding]:
    for event, stopped in case.of(d.SpendingStopped):
        told = (
            f"The turn's money didn't pay for more: {stopped.spent_micros:,} of {stopped.ceiling_micros:,} millionths were "
            f"spent and {stopped.reserved_micros:,} set aside for what still ran (budget.turn_cost_micros); no attempt "
            f"started any more."
        )
        yield Finding(kind="budget", weight=83 if _ended_badly(case) else 55, told=told, seqs=(event.seq,))


def nothing_done(case: Case) -> Iterator[Finding]:
    """Changes that were proposed and came to nothing, and proofs that didn't pass."""
    for event, lapsed in case.of(w.WriteLapsed):
        told = f"What was proposed to the caller was not done: {lapsed.reason.replace('_', ' ')} ({lapsed.reason})."
        yield Finding(kind="access", weight=81, told=told, seqs=(event.seq,))
    for event, ended in case.of(w.WriteEnded):
        if ended.outcome != "done":
            told = f"What the caller approved ended as {ended.outcome}{f' ({ended.reason})' if ended.reason else ''}."
            yield Finding(kind="access", weight=92, told=told, seqs=(event.seq,))
    for event, refused in case.of(ProofRefused):
        told = f"The caller did not prove who they are: {refused.reason.replace('_', ' ')} ({refused.reason}), {refused.attempts_left} attempts left."
        yield Finding(kind="access", weight=86, told=told, seqs=(event.seq,))


def _ran_out(case: Case, tool: str, reason: str) -> str:
    """Whose word was too old by then, and since when: who is asked for a code again wants to know."""
    refused = next(((e, p) for e, p in case.of(d.ToolRefused) if (p.tool, p.reason) == (tool, reason)), None)
    if reason != "expired" or refused is None:
        return ""
    event, needs = refused[0], level_named(refused[1].level)
    for former in reversed(case.call):
        given = former.payload
        if former.seq > event.seq:
            continue
        if isinstance(given, ProofAccepted):
            by, lasts_ms, where = f"the proof {given.method}", given.lasts_ms, " (lasts_ms of proofs.methods)"
        elif isinstance(given, f.SubjectAuthenticated):
            by, lasts_ms, where = "the channel", given.expires_after_ms, ""
        else:
            continue
        if lasts_ms is not None and level_named(given.level).covers(needs):
            over_ms = (event.accepted_at_us - former.accepted_at_us) / 1000 - lasts_ms
            return (
                f": the level {given.level} that {by} gave at seq {former.seq} lasts {lasts_ms:,} ms{where}, and had run out "
                f"{over_ms:,.0f} ms before"
            )
    return ""


def _tool_seqs(case: Case, name: str) -> tuple[int, ...]:
    refused = [e.seq for e, p in case.of(d.ToolRefused) if p.tool == name]
    return tuple(refused or [e.seq for e, p in case.of(d.ToolRequested) if p.tool == name])[:2]


def _failures(kind: str, bad: list[Attempt], of: int) -> str:
    """Each provider that was asked, by name, where the log has several of an attempt."""
    asked = [(p.provider, p.outcome, p.calls) for a in bad for p in a.parts]
    asked += [(a.provider or "who was asked", a.reason or "unknown", 1) for a in bad if not a.parts]
    took = [a.took_ms for a in bad if a.took_ms is not None]
    after = f", after up to {max(took):,.0f} ms" if took else ""
    whole = "All" if len(bad) == of else f"{len(bad)} of {of}"
    return f"{whole} attempts at {_WHAT.get(kind, kind)} failed: {_counted(asked)}{after}."


def _counted(failures: Iterable[tuple[str, str, int]]) -> str:
    """``failures``: provider, reason, how often."""
    counted: Counter[tuple[str, str]] = Counter()
    for provider, reason, times in failures:
        counted[provider, reason] += times
    return "; ".join(
        f"{provider}: {reason}{f' ({_HINTS[reason]})' if reason in _HINTS else ''}{f' ×{n}' if n > 1 else ''}"
        for (provider, reason), n in counted.items()
    )


def _outcomes(case: Case) -> Iterator[tuple[Event, f.CompletionReturned | f.ScoresReturned]]:
    yield from case.of(f.CompletionReturned)
    yield from case.of(f.ScoresReturned)


def _seqs(case: Case, bad: list[Attempt]) -> tuple[int, ...]:
    asks = {attempt.ask_id for attempt in bad}
    return tuple(e.seq for e, p in case.of(f.EffectFailed) if p.ask_id in asks)[:4]


def _was_waited_for(case: Case, asked: Wait) -> bool:
    """Whether the choice came with it: what comes later than the choice held nobody up."""
    chosen = case.chosen
    return chosen is None or asked.over_ms is None or asked.over_ms <= case.ms(chosen)


def _ended_badly(case: Case) -> bool:
    said = case.said
    return case.turn.outcome in _ENDED_BADLY or (said is not None and said.action in ("fallback", "clarify"))


RULES = (
    failed_attempts,
    failed_over,
    gave_up,
    closing_line,
    too_late,
    slow_parts,
    needless_hold,
    tool_trouble,
    money_ran_out,
    nothing_done,
)
