"""Turns decided by the production deciders, effect runner and router, with no log under them: on a virtual clock, thousands.

Each turn is a conversation of its own, greeted before. Facts enter in the order in which they come; times are the loop's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from agent_core.conversation import Context, Conversation, initial
from agent_core.hedging import TIMER as LATE
from agent_core.ports import LanguageModel
from benchmarks.race_log import effects
from benchmarks.race_turns import RaceTurn, passages
from processors.deciders import cascade
from processors.effects import EffectRunner
from processors.hedging import is_awaited
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import Event
from streams.fact_writer import fact_event
from streams.mind import Outcome


class TurnTaken(NamedTuple):
    """``reply_ms``: to the choice of what is said. ``candidate_ms``: from asking for the answer that the turn was about to
    the first acceptable one; None where no model's was. ``by_model``: whether a model's answer is said."""

    reply_ms: float
    candidate_ms: float | None
    by_model: bool
    asks: int  # answers that were asked for
    attempts: int  # at them, that reached a provider or were refused by it
    capped: int  # attempts that the share of extra calls didn't allow
    cost_micros: int


class HedgedTurns:
    def __init__(self, behaviour: Behaviour, model: LanguageModel) -> None:
        self._cascade = cascade()
        self._behaviour, self._model = behaviour, model
        self._found = passages(behaviour)
        self._greeted = self._greet()

    async def take(self, turn: RaceTurn) -> TurnTaken:
        return await _Owner(self, replace(self._greeted, id=turn.call_id)).decide(turn.question)

    def runner(self) -> EffectRunner:
        return effects(self._model, self._behaviour, self._found)

    def step(self, conversation: Conversation, event: Event) -> tuple[Conversation, tuple[Event, ...]]:
        step = self._cascade.run(conversation, event)
        return step.conversation, step.events

    def _greet(self) -> Conversation:
        behaviour = self._behaviour
        conversation = initial("greeted", Context(lambda seq, content_hash: behaviour, lambda: b"key"))
        said = "t1.s0.greet.greet"
        before: Sequence[Fact] = (
            f.CallArrived(channel="voice", behaviour_seq=1, behaviour_hash=behaviour.content_hash),
            f.CallTaken(take=1, gateway_id="bench"),
            f.CallAnswered(take=1),
            f.SpeechStarted(candidate_id=said, take=1),
            f.SpeechCompleted(candidate_id=said, spoken=behaviour.lines.disclosure),
        )
        for fact in before:
            turn_id = conversation.turn.turn_id if conversation.turn else None
            conversation, _ = self.step(conversation, fact_event("greeted", fact, turn_id=turn_id))
        return conversation


class _Owner:
    """One conversation's: takes facts one by one, carries out what is asked, fires what is due."""

    def __init__(self, turns: HedgedTurns, conversation: Conversation) -> None:
        self._turns, self._conversation = turns, conversation
        self._effects = turns.runner()
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._events: list[Event] = []

    async def decide(self, question: str) -> TurnTaken:
        began_us = _now_us()
        self._effects.begin(1, self._report)
        self._put(f.UtteranceHeard(utterance_id="u1.1", text=question, final=True, since_speech_end_ms=0.0))
        while not any(isinstance(event.payload, d.Spoken) for event in self._events):
            await self._news.wait()
            self._take_all()
        await asyncio.sleep(0)  # losers were cancelled with the choice, and tell what they cost
        self._take_all()
        for timer in self._timers.values():
            timer.cancel()
        await self._effects.stop()
        return _taken(self._events, began_us)

    def _put(self, fact: Fact, event_id: str | None = None) -> None:
        turn = self._conversation.turn
        event = fact_event(self._conversation.id, fact, turn_id=turn.turn_id if turn else None)
        self._waiting.append(replace(event, event_id=event_id or event.event_id, accepted_at_us=_now_us()))
        self._news.set()

    def _report(self, outcome: Outcome) -> None:
        self._put(outcome.payload, outcome.event_id)

    def _take_all(self) -> None:
        self._news.clear()
        while self._waiting:
            fact = replace(self._waiting.popleft(), accepted_at_us=_now_us())
            self._conversation, events = self._turns.step(self._conversation, fact)
            self._events += events
            self._effects.reconcile(self._conversation.id, self._conversation)
            self._arm()

    def _arm(self) -> None:
        """As the production owner does: what the conversation has open, and nothing else, is armed."""
        due = {
            timer.timer_id: timer
            for timer in self._conversation.timers.values()
            if timer.purpose != LATE or is_awaited(self._conversation, timer.timer_id)
        }
        for timer_id in self._timers.keys() - due.keys():
            self._timers.pop(timer_id).cancel()
        loop = asyncio.get_running_loop()
        for timer_id, timer in due.items():
            if timer_id not in self._timers:
                fired = f.TimerFired(timer_id=timer_id, purpose=timer.purpose)
                # A step later than due is a microsecond at most: what is compared with the clock is in whole ones.
                self._timers[timer_id] = loop.call_at(timer.due_at_us / 1e6 + 1e-6, self._put, fired)


def _now_us() -> int:
    return round(asyncio.get_running_loop().time() * 1e6)


def _taken(events: Sequence[Event], began_us: int) -> TurnTaken:
    asked: dict[str, Event] = {}
    accepted: dict[str, int] = {}
    formed: dict[str, d.CandidateFormed] = {}
    attempts, capped, cost = 0, 0, 0
    chosen: Event | None = None
    for event in events:
        payload = event.payload
        if isinstance(payload, d.CompletionAsked):
            asked[payload.ask_id] = event
            attempts += payload.attempts
        elif isinstance(payload, d.AttemptAsked) and payload.ask_id in asked:
            attempts += 1
        elif isinstance(payload, d.CandidateFormed):
            formed[payload.candidate_id] = payload
        elif isinstance(payload, d.CandidateAccepted):
            accepted.setdefault(formed[payload.candidate_id].ask_id, event.accepted_at_us)
        elif (isinstance(payload, f.EffectFailed) and payload.reason == "capped") or (
            isinstance(payload, f.EffectCancelled) and not payload.provider
        ):
            capped += payload.ask_id in asked
        elif isinstance(payload, d.Spoken):
            chosen = chosen or event
        cost += getattr(payload, "cost_micros", None) or 0
    assert chosen is not None
    assert isinstance(chosen.payload, d.Spoken)
    candidate = formed[chosen.payload.candidate_id]
    about = asked.get(candidate.ask_id)
    return TurnTaken(
        reply_ms=(chosen.accepted_at_us - began_us) / 1000,
        candidate_ms=(accepted[candidate.ask_id] - about.accepted_at_us) / 1000 if about else None,
        by_model=candidate.origin == "model",
        asks=len(asked),
        attempts=attempts - capped,
        capped=capped,
        cost_micros=cost,
    )
