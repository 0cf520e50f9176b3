"""What a call that goes on asks of models and of the company, and when what comes of it arrives. On a virtual clock."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from itertools import count
from statistics import median
from typing import Any, NamedTuple

from msgspec.structs import replace

from agent_core.conversation import Ask, Conversation
from agent_core.given_proofs import code_digest
from agent_core.ports import FailureReason, ProviderError
from processors.effects import Executor
from processors.idling import IDLE
from processors.mind import AgentMind
from projections.what_if.outcomes import RecordedAsk, RecordedOutcomes, cost_today, total
from projections.what_if.rejudge import ANSWERABLE, NAMES, Answer
from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from schemas.base import Decision, Fact, Kind
from schemas.event import Event, derived_id

_OF_THE_CALL = (IDLE, "silence")  # whoever is simulated speaks, or hangs up
_USUAL_MS = {d.CompletionAsked: 700.0}
_OTHERWISE_MS = 30.0

Tools = Mapping[type[Decision], Executor]  # what carries out each thing that is asked of the company, simulated


class Due(NamedTuple):
    """A fact that comes at ``at_us``. ``ask_id``: of an outcome."""

    at_us: int
    order: int
    fact: Fact
    ask_id: str


class Asks:
    """``code``: of the one-time codes that are sent; as many of its digits as a method has."""

    def __init__(self, recorded: RecordedOutcomes, answer: Answer, tools: Tools, code: str) -> None:
        self._recorded, self._answer, self._tools, self._code = recorded, answer, tools, code
        self._due: list[Due] = []
        self._order, self._facts = count(), count()
        self._took_ms = _usual(recorded)
        self._costs: dict[str, dict[str, int | None]] = {}

    def costs_of(self, turn_id: str) -> dict[str, int | None]:
        """What the models of a turn cost, by ask."""
        return self._costs.get(turn_id, {})

    def event_of(self, fact: Fact, conversation: Conversation, at_us: int) -> Event:
        ask = conversation.asks.get(getattr(fact, "ask_id", ""))
        turn = conversation.turn
        return Event(
            event_id=derived_id(conversation.id, f"went on {next(self._facts)}"),
            type=type(fact).__name__,
            schema_version=fact.VERSION,
            conversation_id=conversation.id,
            kind=Kind.FACT,
            causation_id=ask.event_id if ask else "",
            turn_id=ask.turn_id if ask else turn.turn_id if turn else None,
            occurred_at_us=at_us,
            accepted_at_us=at_us,
            payload=fact,
        )

    def next_due(self, mind: AgentMind, conversation: Conversation) -> Due | None:
        """The next outcome, or the next timer that fires."""
        timers = [
            Due(t.due_at_us, -1, f.TimerFired(timer_id=t.timer_id, purpose=t.purpose), "")
            for t in mind.open_work(conversation).timers.values()
            if t.purpose not in _OF_THE_CALL
        ]
        first = min(timers, key=lambda due: (due.at_us, getattr(due.fact, "timer_id", "")), default=None)
        if self._due and (first is None or self._due[0].at_us <= first.at_us):
            return self._due[0]
        return first

    def taken(self, due: Due) -> Fact:
        if self._due and due is self._due[0]:
            heapq.heappop(self._due)
        return due.fact

    async def begin(self, conversation: Conversation, events: Sequence[Event], now_us: int) -> str:
        """Begins what these events ask. Returns why what comes of it can't be known; empty where it can."""
        for event in events:
            asked = event.payload
            ask = conversation.asks.get(getattr(asked, "ask_id", ""))
            if isinstance(asked, d.GuestAsked) and asked.required:
                return f"nobody knows what the guest {asked.guardrail} would have said"
            if ask is None or not ask.open or not isinstance(asked, Decision) or isinstance(asked, d.CandidateFormed):
                continue
            attempts = range(ask.attempts) if ask.payload is asked else (getattr(asked, "attempt", 0),)
            if ask.payload is not asked and not isinstance(asked, d.AttemptAsked):
                continue
            if unknown := await self._ask(conversation, ask, attempts, now_us):
                return unknown
        return ""

    async def _ask(self, conversation: Conversation, ask: Ask, attempts: Sequence[int], now_us: int) -> str:
        found = self._recorded.of(ask.payload, conversation.behaviour)
        known = {getattr(e.payload, "attempt", 0) for e in found.outcomes} if found else set()
        costs = self._costs.setdefault(ask.turn_id, {})
        if found and known & set(attempts):
            costs[ask.ask_id] = found.cost_micros
            for event in found.outcomes:
                outcome, named = event.payload, {"ask_id": ask.ask_id}
                if isinstance(outcome, Fact) and getattr(outcome, "attempt", 0) in attempts:
                    self._come(replace(outcome, **named), now_us + event.accepted_at_us - found.at_us, ask.ask_id)
            for attempt in set(attempts) - known:  # it was cancelled then: nobody knows what would have come of it
                self._come(_failed(ask, attempt, FailureReason.CANCELLED), self._newest_us(found, now_us), ask.ask_id)
            return ""
        for attempt in attempts:
            outcomes = await self._outcomes(conversation, ask, attempt)
            if outcomes is None:
                return f"{NAMES[type(ask.payload)]} was not asked for"
            for outcome in outcomes:
                costs[ask.ask_id] = total((costs.get(ask.ask_id, 0), cost_today(outcome)))
                at_us = now_us + round(self._took_ms.get(type(ask.payload), _OTHERWISE_MS) * 1000)
                self._come(outcome, at_us, ask.ask_id)
        return ""

    @staticmethod
    def _newest_us(found: RecordedAsk, now_us: int) -> int:
        return now_us + found.outcomes[-1].accepted_at_us - found.at_us

    async def _outcomes(self, conversation: Conversation, ask: Ask, attempt: int) -> Sequence[Fact] | None:
        """None where nobody may be asked."""
        asked: Any = ask.payload
        if isinstance(asked, d.PaceAsked):
            return [_failed(ask, attempt, FailureReason.MISSING)]
        if isinstance(asked, ANSWERABLE):
            return await self._answer(conversation, ask, attempt)
        if isinstance(asked, p.CodeAsked):
            policy = conversation.behaviour.proofs
            method = policy.method(asked.method) if policy else None
            code = self._code[: method.digits] if method else self._code
            digest = code_digest(conversation.context.digest_key(), asked.challenge_id, code)
            return [p.CodeSent(ask_id=ask.ask_id, attempt=attempt, code_digest=digest)]
        execute = self._tools.get(type(asked))
        if execute is None:
            return [_failed(ask, attempt, FailureReason.MISSING)]
        try:
            return [await execute(conversation, ask, attempt)]
        except ProviderError as error:
            return [_failed(ask, attempt, error.reason)]

    def _come(self, fact: Fact, at_us: int, ask_id: str) -> None:
        heapq.heappush(self._due, Due(at_us, next(self._order), fact, ask_id))


def _failed(ask: Ask, attempt: int, reason: FailureReason) -> f.EffectFailed:
    return f.EffectFailed(ask_id=ask.ask_id, attempt=attempt, reason=reason.value, provider="simulated")


def _usual(recorded: RecordedOutcomes) -> dict[type, float]:
    """How long each kind of ask took in this call, ms: what a provider takes now is no part of what is compared, and
    would make each run another one."""
    took: dict[type, list[float]] = {}
    for ask in recorded.by_id.values():
        if ask.outcomes:
            took.setdefault(type(ask.payload), []).append((ask.outcomes[0].accepted_at_us - ask.at_us) / 1000)
    return _USUAL_MS | {kind: median(each) for kind, each in took.items()}
