"""Changes to a conversation that several parts of the fold make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from agent_core import guard_budget
from agent_core.conversation import Ask, Candidate, Conversation, Fate, Turn
from agent_core.guests import TIMER as GUEST_TIMER
from agent_core.guests import timer_of
from agent_core.proposal import Errand
from schemas import decisions as d
from schemas.event import Happening
from schemas.writing import UndoRequested, WriteRequested

Reducer = Callable[[Conversation, Happening, Any], Conversation]


def unchoose(turn: Turn) -> Turn:
    candidate = turn.candidates[turn.chosen or ""]
    candidates = {**turn.candidates, candidate.candidate_id: replace(candidate, fate=Fate.ACCEPTED)}
    return replace(turn, chosen=None, candidates=candidates)


def with_candidate(c: Conversation, turn: Turn, candidate: Candidate) -> Conversation:
    return replace(c, turn=replace(turn, candidates={**turn.candidates, candidate.candidate_id: candidate}))


def set_fate(c: Conversation, candidate_id: str, fate: Fate) -> Conversation:
    candidate = c.turn.candidates.get(candidate_id) if c.turn else None
    return with_candidate(c, c.turn, replace(candidate, fate=fate)) if c.turn and candidate else c


def with_errand(c: Conversation, errand: Errand) -> Conversation:
    return replace(c, turn=replace(c.turn, errand=errand)) if c.turn else c


def outlives_turn(ask: Ask) -> bool:
    """What was approved is carried out whatever becomes of the turn, and of the call; a read may be kept."""
    return ask.kept or isinstance(ask.payload, WriteRequested | UndoRequested)


def mark_asked(c: Conversation, turn: Turn, intent: str) -> Conversation:
    return c if intent in turn.asked else replace(c, turn=replace(turn, asked=(*turn.asked, intent)))


def with_asks_closed(c: Conversation) -> Conversation:
    """Asks belong to the open turn's speculation: with it, what is still to come becomes a loser's. What writes doesn't."""
    timers = {key: timer for key, timer in c.timers.items() if timer.purpose != guard_budget.TIMER}
    return replace(
        c,
        asks={key: ask if outlives_turn(ask) else replace(ask, open=False) for key, ask in c.asks.items()},
        timers=timers,
    )


def without_budget_timer(c: Conversation, ask_id: str) -> Conversation:
    """The guardrail that was asked has answered, failed or is asked again: nobody waits for this run any more."""
    prefix = guard_budget.prefix_of(ask_id)
    timers = {key: timer for key, timer in c.timers.items() if not key.startswith(prefix)}
    return replace(c, timers=timers) if len(timers) < len(c.timers) else c


def without_guardrails_asked(c: Conversation, candidate_id: str) -> Conversation:
    """What guardrails would still say of this candidate is of no use to anybody."""
    for ask in c.asks.values():
        if ask.open and isinstance(ask.payload, d.GuardrailAsked) and ask.payload.candidate_id == candidate_id:
            c = without_budget_timer(replace(c, asks=closed(c.asks, ask.ask_id)), ask.ask_id)
    return c


def with_asks_of_reply(c: Conversation, candidate: Candidate) -> Conversation:
    """Only what the chosen reply goes on with stays asked: its own attempt, and verdicts on it."""
    asks = {}
    for key, ask in c.asks.items():
        if key == candidate.ask_id:
            done = ask.done | (frozenset(range(ask.attempts)) - {candidate.attempt})
            asks[key] = replace(ask, done=done, open=ask.open and len(done) < ask.attempts)
        elif outlives_turn(ask) or _judges(c, ask, candidate):
            asks[key] = ask
        else:
            asks[key] = replace(ask, open=False)
    judged = tuple(guard_budget.prefix_of(key) for key, ask in asks.items() if ask.open)
    timers = {key: t for key, t in c.timers.items() if t.purpose != guard_budget.TIMER or key.startswith(judged)}
    return replace(c, asks=asks, timers=timers)


def with_attempt_over(c: Conversation, candidate: Candidate) -> Conversation:
    """The attempt that said it isn't needed any more."""
    ask = c.asks.get(candidate.ask_id)
    if ask is None or not ask.open or ask.reply_id(candidate.attempt) != candidate.whole_id:
        return c
    done = ask.done | {candidate.attempt}
    return replace(c, asks={**c.asks, ask.ask_id: replace(ask, done=done, open=len(done) < ask.attempts)})


def _judges(c: Conversation, ask: Ask, reply: Candidate) -> bool:
    if c.turn is None or not isinstance(ask.payload, d.GuardrailAsked):
        return False
    candidate = c.turn.candidates.get(ask.payload.candidate_id)
    return candidate is not None and candidate.whole_id == reply.whole_id


def without_guests_awaited(c: Conversation, candidate_id: str = "") -> Conversation:
    """Nobody waits any more for what guests say of this candidate; of any, where none is named."""
    prefix = timer_of(candidate_id, "") if candidate_id else ""
    timers = {k: t for k, t in c.timers.items() if t.purpose != GUEST_TIMER or not k.startswith(prefix)}
    return replace(c, timers=timers) if len(timers) < len(c.timers) else c


def closed(asks: dict[str, Ask], ask_id: str) -> dict[str, Ask]:
    return {**asks, ask_id: replace(asks[ask_id], open=False)}
