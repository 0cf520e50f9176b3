"""What was asked of the outside world, what came of it, and which timers run."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from agent_core import guard_budget
from agent_core.conversation import Ask, Conversation, Probability, Source, Timer
from agent_core.found import read_passages
from agent_core.reducers.changes import Reducer, closed, mark_asked, outlives_turn, without_budget_timer
from agent_core.reducers.late_reads import with_failed
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Happening


def asked(c: Conversation, event: Happening, p: Any) -> Conversation:
    """Any decision with an ``ask_id``: it is open from here on."""
    speculation = c.turn.speculation if c.turn else 0
    attempts = p.attempts if isinstance(p, d.CompletionAsked) else 1
    ask = Ask(
        p.ask_id,
        p,
        event.turn_id or "",
        speculation,
        attempts,
        event_id=event.event_id,
        at_once=attempts,
        progress_at_us=event.accepted_at_us,
    )
    c = replace(c, asks={**c.asks, p.ask_id: ask})
    if isinstance(p, d.CompletionAsked) and c.turn:
        c = mark_asked(_with_former_closed(c, ask, p.intent), c.turn, p.intent)
    return c


def _with_former_closed(c: Conversation, newest: Ask, intent: str) -> Conversation:
    """The request reads differently now: what still comes of the former one doesn't count."""
    asks = {
        key: replace(ask, open=False)
        if ask is not newest and isinstance(ask.payload, d.CompletionAsked) and ask.payload.intent == intent
        else ask
        for key, ask in c.asks.items()
    }
    return replace(c, asks=asks)


def _ask_repeated(c: Conversation, event: Happening, p: d.AskRepeated) -> Conversation:
    ask = c.asks.get(p.ask_id)
    if ask is None or not (ask.open or outlives_turn(ask)):
        return c
    again = replace(
        ask,
        open=True,
        generation=p.generation,
        done=frozenset(),
        event_id=event.event_id,
        progress_at_us=event.accepted_at_us,
        spoke=False,
    )
    return without_budget_timer(replace(c, asks={**c.asks, p.ask_id: again}), p.ask_id)


def _scores_returned(c: Conversation, event: Happening, p: f.ScoresReturned) -> Conversation:
    ask = c.asks.get(p.ask_id)
    if ask is None or not ask.open or c.turn is None:
        return c
    turn = c.turn
    if isinstance(ask.payload, d.ClassificationAsked):
        turn = replace(turn, scores=tuple(Probability(s.name, s.value) for s in p.scores))
    return without_budget_timer(replace(c, turn=turn, asks=closed(c.asks, p.ask_id)), p.ask_id)


def _passages_found(c: Conversation, event: Happening, p: f.PassagesFound) -> Conversation:
    ask = c.asks.get(p.ask_id)
    if ask is None or not ask.open or c.turn is None:
        return c
    sources = tuple(Source(x.article_id, x.text, x.public) for x in read_passages(p.passages))
    return replace(c, turn=replace(c.turn, sources=sources), asks=closed(c.asks, p.ask_id))


def _attempt_over(c: Conversation, event: Happening, p: f.CompletionReturned | f.EffectFailed) -> Conversation:
    ask = c.asks.get(p.ask_id)
    if ask is None or not ask.open:
        return c
    done = ask.done | {p.attempt}
    c = replace(c, asks={**c.asks, p.ask_id: replace(ask, done=done, open=len(done) < ask.attempts)})
    if len(done) < ask.attempts:
        return c
    c = without_budget_timer(c, p.ask_id)
    if ask.kept:
        return with_failed(c, ask)
    if isinstance(p, f.EffectFailed) and c.turn:
        if isinstance(ask.payload, d.ClassificationAsked):
            return replace(c, turn=replace(c.turn, scores=()))
        if isinstance(ask.payload, d.PassagesAsked):
            return replace(c, turn=replace(c.turn, sources=()))
        if isinstance(ask.payload, d.PaceAsked):
            return replace(c, turn=replace(c.turn, paces=c.turn.paces or ()))  # what was known still is
    return c


def _timer_set(c: Conversation, event: Happening, p: d.TimerSet) -> Conversation:
    """An idle timer belongs to the conversation, not to the turn that set it, and takes the place of the one before."""
    idle = p.purpose == "idle"
    timer = Timer(p.timer_id, p.purpose, p.due_at_us, None if idle else event.turn_id)
    others = {key: other for key, other in c.timers.items() if not (idle and other.purpose == "idle")}
    return replace(c, timers={**others, p.timer_id: timer})


def _timer_fired(c: Conversation, event: Happening, p: f.TimerFired) -> Conversation:
    timer = c.timers.get(p.timer_id)
    if timer is None:
        return c
    turn = c.turn
    if turn and timer.purpose == "give_up" and timer.turn_id == turn.turn_id and turn.committed:
        turn = replace(turn, giving_up=True)
    c = replace(c, timers={key: other for key, other in c.timers.items() if key != p.timer_id}, turn=turn)
    return _with_late_closed(c, p.timer_id) if timer.purpose == guard_budget.TIMER else c


def _with_late_closed(c: Conversation, timer_id: str) -> Conversation:
    """A guardrail whose budget is over is asked no more."""
    late = next((key for key, ask in c.asks.items() if guard_budget.timer_of(ask) == timer_id), None)
    return replace(c, asks=closed(c.asks, late)) if late else c


REDUCERS: dict[type, Reducer] = {
    f.ScoresReturned: _scores_returned,
    f.PassagesFound: _passages_found,
    f.CompletionReturned: _attempt_over,
    f.EffectFailed: _attempt_over,
    f.TimerFired: _timer_fired,
    d.ClassificationAsked: asked,
    d.PassagesAsked: asked,
    d.CompletionAsked: asked,
    d.GuardrailAsked: asked,
    d.AskRepeated: _ask_repeated,
    d.TimerSet: _timer_set,
}
