"""A turn told in words, line by line: heard, asked, offered, blocked, chosen, and how long each took."""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.tools.base import read_result
from projections.race import Attempt, CandidateReport
from projections.turn_report import TurnReport
from projections.why.case import Case
from projections.why.findings import quoted
from projections.why.waits import dropped_without_delay
from schemas import decisions as d
from schemas import facts as f
from schemas import writing as w
from schemas.event import Event
from streams.codec import FORGOTTEN

_BEGAN = {
    "greeting": "Began by itself: the call was answered",
    "silence": "Began by itself: the caller was silent",
    "resume": "Began by itself: a reply had been cut off",
    "news": "Began by itself: the caller had to hear what became of what was asked for them",
    "keys": "Began with a proof that the caller keyed in",
}


def story(case: Case) -> Iterator[str]:
    yield from _heard(case)
    yield from _understood(case)
    yield from _asked(case)
    yield from _told_by_tools(case)
    yield from _offered(case)
    yield from _chosen(case)
    yield from _played(case)
    yield _ended(case)


def _heard(case: Case) -> Iterator[str]:
    turn = case.turn
    if turn.cause != "utterance":
        yield f"{_BEGAN.get(turn.cause, turn.cause)}."
        return
    sure = turn.latency_ms.end_of_turn
    when = "" if sure is None else f", certain {sure:,.0f} ms after the end of speech"
    again = "" if turn.speculations < 2 else f"; {turn.speculations} versions of the words were worked on"
    yield f"Heard: {quoted(turn.heard or 'nothing')}{when}{again}."


def _understood(case: Case) -> Iterator[str]:
    scores = [p for _, p in case.of(f.ScoresReturned) if p.ask_id.endswith(".classify")]
    if scores:
        best = sorted(scores[-1].scores, key=lambda s: -s.value)[:3]
        yield f"Understood as: {', '.join(f'{s.name} {s.value:.2f}' for s in best) or 'nothing'}, by {scores[-1].model}."
    passages = case.passages()
    if passages is not None:
        named = ", ".join(f"{p.article_id}{'' if p.public else ' (private)'}" for p in passages)
        yield f"Found: {named or 'no passage'}."


def _asked(case: Case) -> Iterator[str]:
    for attempt in case.turn.race.attempts:
        if attempt.kind in ("answer", "tool", "guardrail"):
            yield f"Asked: {_attempt(case, attempt)}."


def _told_by_tools(case: Case) -> Iterator[str]:
    """What a reply is filled with comes from a tool's code, which no replay runs again: so it is shown."""
    for event in case.events:
        returned = event.payload
        if not isinstance(returned, f.ToolReturned | w.WriteReturned):
            continue
        found = read_result(returned.result)
        said = ", ".join(f"{name} {quoted(text)}" for name, text in found.items())
        nothing = FORGOTTEN if returned.result == FORGOTTEN else "nothing"
        yield f"Told by the tool {returned.tool} at {case.ms(event):,.0f} ms (seq {event.seq}): {said or nothing}."


def _attempt(case: Case, attempt: Attempt) -> str:
    asked = next((e for e in case.events if getattr(e.payload, "ask_id", "") == attempt.ask_id), None)
    when = "" if asked is None else f" at {case.ms(asked):,.0f} ms"
    about = f" about {attempt.intent}" if attempt.intent else ""
    number = f", attempt {attempt.attempt}" if attempt.kind == "answer" else ""
    asked_in_turn = ", then ".join(dict.fromkeys(part.provider for part in attempt.parts))
    who = f" of {asked_in_turn or attempt.provider}" if attempt.parts or attempt.provider else ""
    took = "" if attempt.took_ms is None else f" after {attempt.took_ms:,.0f} ms"
    why = f" ({attempt.reason})" if attempt.reason else ""
    what = attempt.kind if attempt.kind != "guardrail" else attempt.ask_id.rpartition(".")[2]
    state = "no longer wanted, since its text was dropped" if _is_unwanted(case, attempt, asked) else attempt.state
    return f"{what}{about}{number}{who}{when}: {state}{why}{took}"


def _is_unwanted(case: Case, attempt: Attempt, asked: Event | None) -> bool:
    """Whether a verdict was asked for that never ran: the text that it is about was dropped in the same step."""
    if attempt.state != "open" or asked is None or not isinstance(asked.payload, d.GuardrailAsked):
        return False
    return asked.payload.candidate_id in dropped_without_delay(case)


def _offered(case: Case) -> Iterator[str]:
    for candidate in case.turn.race.candidates:
        yield f"Offered: {_candidate(candidate)}."


def _candidate(candidate: CandidateReport) -> str:
    when = "" if candidate.formed_ms is None else f" at {candidate.formed_ms:,.0f} ms"
    why = f" ({candidate.reason})" if candidate.reason else ""
    return f"{candidate.action} {candidate.intent} from {candidate.origin}{when}: {candidate.fate}{why}, {quoted(candidate.text)}"


def _chosen(case: Case) -> Iterator[str]:
    chosen = case.chosen
    if chosen is None:
        yield "Chosen: nothing."
        return
    assert isinstance(chosen.payload, d.Spoken)
    yield f"Chosen at {case.ms(chosen):,.0f} ms (seq {chosen.seq}): {quoted(chosen.payload.text)}."


def _played(case: Case) -> Iterator[str]:
    for sound in case.turn.race.sounds:
        when = "" if sound.since_speech_end_ms is None else f" from {sound.since_speech_end_ms:,.0f} ms on"
        yield f"Played: {sound.kind} {sound.sound_id}{when}{f', {quoted(sound.text)}' if sound.text else ''}."


def _ended(case: Case) -> str:
    opened, turn = case.opened, case.turn
    marks = ", ".join(f"{mark:,}" for mark in opened.hold_marks_ms) or "none"
    cut = ", cut off by the caller" if turn.interrupted else ""
    budget = f"marks for holding {marks}, given up at {opened.give_up_ms:,}, closing line at {opened.hard_ms:,} ms"
    return f"Ended: {turn.outcome or 'not yet'}{cut}. Budget: {budget}."


def imported_story(turn: TurnReport) -> Iterator[str]:
    """Of a turn that another system ran."""
    yield f"Heard: {quoted(turn.heard or 'nothing')}."
    for attempt in turn.race.attempts:
        who = " ".join(name for name in (attempt.provider, attempt.model) if name) or "a model that isn't named"
        yield f"Asked: {who}: {attempt.state}{_took(attempt)}."
    for tool in turn.tools:
        yield f"Called: {tool.tool}: {tool.state}."
    yield f"Said: {quoted(turn.spoken or 'nothing')}."
    yield "Ended: as another system recorded it; nothing of this turn was decided here."


def failures_told(turn: TurnReport) -> Iterator[str]:
    for attempt in turn.race.attempts:
        if attempt.state == "failed":
            yield f"{attempt.provider or 'A model'} failed: {attempt.reason or 'unknown'}."
    for tool in turn.tools:
        if tool.state == "failed":
            yield f"The tool {tool.tool} failed: {tool.reason or 'unknown'}."


def _took(attempt: Attempt) -> str:
    return "" if attempt.took_ms is None else f" after {attempt.took_ms:,.0f} ms"
