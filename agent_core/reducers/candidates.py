"""What a turn may say: candidates, the verdicts on them and on the caller's words, and the choice."""

from __future__ import annotations

from msgspec.structs import replace

from agent_core.conversation import Candidate, Conversation, Fate
from agent_core.guardrails.base import Stage
from agent_core.guests import timer_of
from agent_core.reducers.changes import (
    Reducer,
    closed,
    mark_asked,
    set_fate,
    with_asks_closed,
    with_asks_of_reply,
    with_attempt_over,
    with_candidate,
    without_guardrails_asked,
    without_guests_awaited,
)
from schemas import decisions as d
from schemas.event import Happening


def _candidate_formed(c: Conversation, event: Happening, p: d.CandidateFormed) -> Conversation:
    if c.turn is None:
        return c
    candidate = Candidate(
        candidate_id=p.candidate_id,
        speculation=p.speculation,
        intent=p.intent,
        action=p.action,
        origin=p.origin,
        text=p.text,
        ask_id=p.ask_id,
        digest=p.request_digest,
        step_id=p.step_id,
        attempt=p.attempt,
        reply=p.reply,
        sentence=p.sentence,
        more=p.sentence is not None,
    )
    c = with_candidate(c, c.turn, candidate)
    return mark_asked(c, c.turn, p.intent) if c.turn else c


def _candidate_dropped(c: Conversation, event: Happening, p: d.CandidateDropped) -> Conversation:
    candidate = c.turn.candidates.get(p.candidate_id) if c.turn else None
    if candidate and candidate.sentence is not None:
        c = with_attempt_over(c, candidate)
    c = without_guests_awaited(set_fate(c, p.candidate_id, Fate.DROPPED), p.candidate_id)
    return without_guardrails_asked(c, p.candidate_id)


def _candidate_accepted(c: Conversation, event: Happening, p: d.CandidateAccepted) -> Conversation:
    c = set_fate(c, p.candidate_id, Fate.ACCEPTED)
    candidate = c.turn.candidates.get(p.candidate_id) if c.turn else None
    if candidate and candidate.sentence is not None:  # its stream goes on, and may yet come to nothing
        return c
    if candidate and candidate.ask_id in c.asks:  # first acceptable wins: its sibling attempts are losers
        c = replace(c, asks=closed(c.asks, candidate.ask_id))
    return c


def _verdict_issued(c: Conversation, event: Happening, p: d.VerdictIssued) -> Conversation:
    turn = c.turn
    if turn is None or p.speculation != turn.speculation or p.stage == Stage.ARGUMENTS:
        return c
    if not p.candidate_id:
        verdicts = {**turn.input_verdicts, p.guardrail: p.passed or not p.required}
        return replace(c, turn=replace(turn, input_verdicts=verdicts, input_reasons=(*turn.input_reasons, *p.reasons)))
    candidate = turn.candidates.get(p.candidate_id)
    if candidate is None:
        return c
    verdicts = {**candidate.verdicts, p.guardrail: p.passed or not p.required}
    awaited = timer_of(p.candidate_id, p.guardrail)
    if awaited in c.timers:
        c = replace(c, timers={key: timer for key, timer in c.timers.items() if key != awaited})
    return with_candidate(c, turn, replace(candidate, verdicts=verdicts))


def _chosen(c: Conversation, event: Happening, p: d.Spoken) -> Conversation:
    candidate = c.turn.candidates.get(p.candidate_id) if c.turn else None
    if c.turn is None or candidate is None:
        return with_asks_closed(c)
    c = with_asks_of_reply(c, candidate) if candidate.more else with_asks_closed(c)
    said_in = candidate.said_in or 1
    chosen = replace(candidate, fate=Fate.CHOSEN, said_in=said_in, chosen_at_us=event.accepted_at_us)
    c = with_candidate(c, c.turn, chosen) if c.turn else c
    return replace(c, turn=replace(c.turn, chosen=p.candidate_id)) if c.turn else c


REDUCERS: dict[type, Reducer] = {
    d.CandidateFormed: _candidate_formed,
    d.CandidateDropped: _candidate_dropped,
    d.CandidateAccepted: _candidate_accepted,
    d.VerdictIssued: _verdict_issued,
    d.ReplyChosen: _chosen,
    d.EscalationChosen: _chosen,
    d.CloseChosen: _chosen,
}
