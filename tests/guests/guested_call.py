"""A call on a Kafka log whose candidates guests judge: the production owner and deciders, a key service, and a caller who
is told by hand. What models say stands in the test.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from broker import bootstrap
from support import PATIENCE_S

from agent_core.behaviour import Behaviour, Budget, GuardrailSetting
from agent_core.conversation import Ask, Conversation
from agent_core.found import write_passages
from processors.deciders import cascade
from processors.effects import EffectRunner, Executor
from processors.mind import AgentMind
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision, Fact, Payload
from schemas.event import Event
from simulation.small_bank import small_bank
from streams.codec import Codec
from streams.fact_writer import FactWriter, fact_event
from streams.kafka.brokers import Brokers
from streams.kafka.log import opened
from streams.kafka.topics import Topics
from streams.keys import MemoryKeyStore
from streams.owner import Owner, Stores
from streams.tail import ConversationTail

P = TypeVar("P", bound=Payload)

BUDGET_MS = 4_000
INTENT = "fees"
APPROVED = "A new card is free of charge."
_PATIENT = Budget(hold_marks_ms=(), give_up_ms=60_000, hard_ms=90_000)


def guest(name: str, **settings: object) -> GuardrailSetting:
    usual = {"means": "guest", "budget_ms": BUDGET_MS, "silence": "block", "judges": "models"}
    return GuardrailSetting.model_validate({"name": name} | usual | settings)


def bank(*guests: GuardrailSetting) -> Behaviour:
    content = small_bank(_PATIENT).model_dump()
    content["guardrails"] = [each.model_dump() for each in (GuardrailSetting(name="private_knowledge"), *guests)]
    content["routing"]["attempts"] = 1
    return Behaviour.model_validate(content)


class Turn(NamedTuple):
    """Every event from the caller's words to the end of the reply."""

    events: list[Event]

    def of(self, kind: type[P]) -> list[P]:
        return [event.payload for event in self.events if isinstance(event.payload, kind)]

    def verdicts(self, guardrail: str) -> list[d.VerdictIssued]:
        return [verdict for verdict in self.of(d.VerdictIssued) if verdict.guardrail == guardrail]

    @property
    def said(self) -> list[str]:
        return [chosen.text for chosen in self.of(d.ReplyChosen)]


class GuestedCall:
    """``models_say``: what the answering model returns to each of the caller's questions."""

    def __init__(self, stores: Stores, keys: MemoryKeyStore, behaviour: Behaviour, call_id: str = "call-1") -> None:
        self.models_say: dict[str, str] = {}
        self.call_id = call_id
        codec = Codec(keys)
        self.writer = FactWriter(stores.inbox, codec)
        self._tail = ConversationTail(stores.ledger, codec, call_id, states=stores.states)
        self._behaviour, self._keys = behaviour, keys
        mind = AgentMind(cascade(), lambda seq, content_hash: behaviour, keys)
        self._owner = Owner(0, stores, codec, mind, EffectRunner(self._executors()), owner_id="test")
        self._utterances = 0

    @asynccontextmanager
    async def owned(self) -> AsyncIterator[None]:
        ready = asyncio.Event()
        owning = asyncio.create_task(self._owner.run(ready.set))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await ready.wait()
            yield
        finally:
            over = owning.done() and owning.result()
            owning.cancel()
            await asyncio.gather(owning, return_exceptions=True)
            assert not over, f"the reign ended: {over}"

    async def answered(self) -> Turn:
        """The call rings, is taken, and the greeting is said."""
        self._events = await self._begin()
        return await self._said(
            f.CallArrived(channel="voice", behaviour_seq=1, behaviour_hash=self._behaviour.content_hash),
            f.CallTaken(take=1, gateway_id="test"),
            f.CallAnswered(take=1),
        )

    async def asks(self, question: str) -> Turn:
        self._utterances += 1
        return await self._said(
            f.UtteranceHeard(utterance_id=f"u{self._utterances}", text=question, final=True, since_speech_end_ms=200.0)
        )

    async def put(self, fact: Fact) -> str:
        event = fact_event(self.call_id, fact)
        await self.writer.put(event)
        return event.event_id

    async def until(self, holds: Callable[[Event], bool]) -> list[Event]:
        found: list[Event] = []
        async with asyncio.timeout(PATIENCE_S):
            async for event in self._events:
                found.append(event)
                if holds(event):
                    return found
        raise AssertionError("unreachable: a log is followed without end")

    async def close(self) -> None:
        await self._events.aclose()

    async def _begin(self) -> AsyncIterator[Event]:
        await self._tail.begin(is_new=True)
        return self._tail.events()

    async def _said(self, *facts: Fact) -> Turn:
        for fact in facts:
            await self.put(fact)
        events = await self.until(lambda event: isinstance(event.payload, d.ReplyChosen))
        chosen = events[-1].payload
        assert isinstance(chosen, d.ReplyChosen)
        await self.put(f.SpeechStarted(candidate_id=chosen.candidate_id, take=1))
        await self.put(f.SpeechCompleted(candidate_id=chosen.candidate_id, spoken=chosen.text))
        return Turn(events + await self.until(lambda event: isinstance(event.payload, d.TurnEnded)))

    def _executors(self) -> dict[type[Decision], Executor]:
        return {d.ClassificationAsked: _scores, d.PassagesAsked: _passages, d.CompletionAsked: self._completion}

    async def _completion(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        assert isinstance(ask.payload, d.CompletionAsked)
        question = json.loads(ask.payload.messages)[-1]["content"]
        text = self.models_say[question]
        return f.CompletionReturned(ask_id=ask.ask_id, attempt=attempt, text=text, provider="test", model="test")


async def _scores(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
    return f.ScoresReturned(ask_id=ask.ask_id, scores=(f.Score(INTENT, 0.98),), model="test")


async def _passages(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
    return f.PassagesFound(ask_id=ask.ask_id, passages=write_passages([]))


@asynccontextmanager
async def guested_call(
    topics: Topics, keys: MemoryKeyStore, behaviour: Behaviour, brokers: Brokers | None = None
) -> AsyncIterator[GuestedCall]:
    """``brokers``: the run's own where there are none."""
    async with opened(brokers or bootstrap(), topics) as stores:
        call = GuestedCall(stores, keys, behaviour)
        async with call.owned():
            yield call
            await call.close()
