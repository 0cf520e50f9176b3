"""Decider: starts further attempts at what the turn waits for, as behaviour's strategies say.

    an ask             -> AttemptAsked(at_once) for those that start with it; TimerSet(late) where more may follow
    the timer fires    -> nothing made progress meanwhile: AttemptAsked(late) for those that start together; else TimerSet
                          anew, from that progress on
    all of them failed, or were blocked -> AttemptAsked(failed, blocked), with no wait

A timer only looks: progress moves the deadline by itself, so that a stream which goes on leaves no trace on the log. How
long to wait is a fact (``PaceKnown``), asked for once a speculation.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Ask, Conversation, Fate, Turn
from agent_core.hedging import TIMER, Hedge, Purpose
from agent_core.model_asks import hedge_of, pace_of, purpose_of, routed
from agent_core.ports import FailureReason
from processors.spending import affordable
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event
from schemas.models import PaceKnown

HANDLES = (
    d.SpeculationOpened,
    d.ClassificationAsked,
    d.GuardrailAsked,
    d.CompletionAsked,
    d.AttemptAsked,
    d.CandidateDropped,
    PaceKnown,
    f.EffectFailed,
    f.TimerFired,
)
# Asking once more can't help; and a refusal is the model's answer: asking on would be shopping for a yes.
_FINAL = frozenset(
    reason.value
    for reason in (
        FailureReason.REFUSED,
        FailureReason.CANCELLED,
        FailureReason.CAPPED,
        FailureReason.CIRCUIT_OPEN,
        FailureReason.UNAUTHORISED,
        FailureReason.MISSING,
    )
)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn, payload, now_us = conversation.turn, event.payload, event.accepted_at_us
    if turn is None or not turn.live or turn.chosen or turn.started:
        return
    if isinstance(payload, d.SpeculationOpened):
        yield from _ask_pace(conversation, turn)
    elif isinstance(payload, d.CandidateDropped):
        yield from _blocked(conversation, turn, payload)
    elif isinstance(payload, f.TimerFired):
        if payload.purpose == TIMER:
            yield from _look(conversation, turn, payload.timer_id, now_us)
    elif isinstance(payload, PaceKnown):
        yield from _watch_all(conversation, now_us)
    elif ask := conversation.asks.get(getattr(payload, "ask_id", "")):
        if isinstance(payload, f.EffectFailed):
            yield from _failed(conversation, turn, ask, payload, now_us)
        else:
            yield from _started(conversation, ask, payload, now_us)


def is_awaited(conversation: Conversation, timer_id: str) -> bool:
    """Whether a timer of this purpose can still change anything."""
    ask = conversation.asks.get(ask_of(timer_id))
    return ask is not None and ask.open


def ask_of(timer_id: str) -> str:
    return timer_id.rpartition(f".{TIMER}.")[0]


def _ask_pace(conversation: Conversation, turn: Turn) -> Iterator[Decision]:
    """Only where somebody waits for it, or counts money."""
    behaviour = conversation.behaviour
    wanted = tuple(
        d.PaceWanted(purpose.value, routed(behaviour, purpose), hedge.quantile if hedge.late else None)
        for purpose in Purpose
        if purpose is not Purpose.CLASSIFY or behaviour.routing.classifier != "local"
        for hedge in (behaviour.routing.hedge(purpose),)
        if hedge.late or behaviour.budget.turn_cost_micros is not None
    )
    if wanted:
        yield d.PaceAsked(ask_id=f"{turn.turn_id}.s{turn.speculation}.pace", wanted=wanted)


def _started(conversation: Conversation, ask: Ask, payload: object, now_us: int) -> Iterator[Decision]:
    hedge = hedge_of(conversation.behaviour, ask)
    if hedge is None or not ask.open:
        return
    if isinstance(payload, d.ClassificationAsked | d.GuardrailAsked):
        for attempt in range(1, hedge.now):
            yield d.AttemptAsked(ask_id=ask.ask_id, attempt=attempt, reason="at_once")
    if not isinstance(payload, d.AttemptAsked) or payload.reason != "at_once":
        yield from _watch(conversation, ask, hedge, now_us)


def _watch_all(conversation: Conversation, now_us: int) -> Iterator[Decision]:
    for ask in conversation.asks.values():
        if ask.open and (hedge := hedge_of(conversation.behaviour, ask)):
            yield from _watch(conversation, ask, hedge, now_us)


def _watch(conversation: Conversation, ask: Ask, hedge: Hedge, now_us: int) -> Iterator[Decision]:
    """One timer an ask, set once the pace is known, or known not to be."""
    if ask.attempts >= hedge.most or conversation.turn is None or conversation.turn.paces is None:
        return
    if any(t.purpose == TIMER and ask_of(t.timer_id) == ask.ask_id for t in conversation.timers.values()):
        return
    yield _timer(ask, max(now_us, ask.progress_at_us + _wait_ms(conversation, ask, hedge) * 1000))


def _timer(ask: Ask, due_at_us: int) -> d.TimerSet:
    return d.TimerSet(timer_id=f"{ask.ask_id}.{TIMER}.{due_at_us}", purpose=TIMER, due_at_us=due_at_us)


def _wait_ms(conversation: Conversation, ask: Ask, hedge: Hedge) -> int:
    purpose = purpose_of(conversation.behaviour, ask.payload)
    pace = pace_of(conversation, purpose) if purpose else None
    usual = (pace.gap_ms if ask.spoke else pace.first_ms) if pace else None
    return max(hedge.at_least_ms, hedge.unknown_ms if usual is None else round(usual))


def _look(conversation: Conversation, turn: Turn, timer_id: str, now_us: int) -> Iterator[Decision]:
    ask = conversation.asks.get(ask_of(timer_id))
    hedge = hedge_of(conversation.behaviour, ask) if ask else None
    if ask is None or hedge is None or not ask.open:
        return
    wait_ms = _wait_ms(conversation, ask, hedge)
    due_at_us = ask.progress_at_us + wait_ms * 1000
    if due_at_us > now_us:
        yield _timer(ask, due_at_us)
    else:
        following = range(ask.attempts, ask.attempts + _may_start(conversation, turn, ask, hedge))
        for attempt in following[: hedge.together]:
            yield d.AttemptAsked(ask_id=ask.ask_id, attempt=attempt, reason="late", waited_ms=wait_ms)


def _failed(
    conversation: Conversation, turn: Turn, ask: Ask, failed: f.EffectFailed, now_us: int
) -> Iterator[Decision]:
    if isinstance(ask.payload, d.PaceAsked):
        yield from _watch_all(conversation, now_us)
    elif failed.reason not in _FINAL:
        yield from _again(conversation, turn, ask, "failed")


def _blocked(conversation: Conversation, turn: Turn, dropped: d.CandidateDropped) -> Iterator[Decision]:
    """By a guardrail; or its stream failed behind its first sentences."""
    candidate = turn.candidates.get(dropped.candidate_id)
    ask = conversation.asks.get(candidate.ask_id) if candidate else None
    if ask is None or not isinstance(ask.payload, d.CompletionAsked):
        return
    why, _, failure = dropped.reason.partition(":")
    if why == "blocked":
        yield from _again(conversation, turn, ask, "blocked")
    elif why == "cut_short" and failure not in _FINAL:
        yield from _again(conversation, turn, ask, "failed")


def _again(conversation: Conversation, turn: Turn, ask: Ask, reason: str) -> Iterator[Decision]:
    """Where every attempt is over and nothing came of them."""
    hedge = hedge_of(conversation.behaviour, ask)
    alive = any(c.ask_id == ask.ask_id and c.fate is not Fate.DROPPED for c in turn.candidates.values())
    if hedge is None or len(ask.done) < ask.attempts or alive or ask.speculation != turn.speculation:
        return
    if _may_start(conversation, turn, ask, hedge):
        yield d.AttemptAsked(ask_id=ask.ask_id, attempt=ask.attempts, reason=reason)


def _may_start(conversation: Conversation, turn: Turn, ask: Ask, hedge: Hedge) -> int:
    """How many more attempts."""
    if turn.giving_up:
        return 0
    left = hedge.most - ask.attempts
    purpose = purpose_of(conversation.behaviour, ask.payload)
    allowed = affordable(conversation, purpose) if purpose else None
    return left if allowed is None else min(left, allowed)
