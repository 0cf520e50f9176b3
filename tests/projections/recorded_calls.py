"""Calls recorded by the production owner, deciders and effect runner, with vendors that answer at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType

from support import PATIENCE_S, DataDirectory

from agent_core.behaviour import Behaviour
from agent_core.behaviour_loader import load
from agent_core.conversation import Ask, Conversation
from agent_core.found import write_passages
from agent_core.guardrails import registry
from agent_core.guardrails.prompt_injection import SCORE
from agent_core.ports import Passage
from processors.cascade import Cascade
from processors.deciders import cascade
from processors.effects import EffectRunner, Executor
from processors.mind import AgentMind
from projections.recompute import Recomputer
from projections.recorded_behaviour import recorded_behaviours
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision, Fact
from schemas.event import Event
from streams.behaviours import SqliteBehaviours
from streams.fact_writer import FactWriter, fact_event
from streams.owner import Owner
from streams.tail import ConversationTail

BANK = Path(__file__).parents[2] / "examples" / "bank"
END_OF_TURN_MS = 320.0
FIRST_SOUND_MS = 700.0
_MEANT = {"lost": "lost_card", "long": "card_delivery_time", "shares": "investment_advice", "bye": "goodbye"}


def bank() -> Behaviour:
    return load(BANK)


async def _classify(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
    assert isinstance(ask.payload, d.ClassificationAsked)
    text = ask.payload.text
    meant = next((name for word, name in _MEANT.items() if word in text), "other")
    return f.ScoresReturned(ask_id=ask.ask_id, scores=(f.Score(meant, 0.98),), model="words", elapsed_ms=1.0)


async def _retrieve(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
    article = conversation.behaviour.articles[0]
    found = write_passages([Passage(article.id, article.public, 1.0, True)])
    return f.PassagesFound(ask_id=ask.ask_id, passages=found)


async def _complete(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
    assert isinstance(ask.payload, d.CompletionAsked)
    return f.CompletionReturned(
        ask_id=ask.ask_id, attempt=attempt, text=ask.payload.approved, provider="echo", model="echo-1", total_ms=12.5
    )


async def _stall(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
    await asyncio.Event().wait()
    raise AssertionError("it never ends")


async def _score(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
    scores = (f.Score(SCORE, 0.01), *(f.Score(reason, 0.001) for reason in sorted(registry.reasons())))
    return f.ScoresReturned(ask_id=ask.ask_id, scores=scores, model="echo")


def effects(*, answering: bool = True) -> EffectRunner:
    """``answering``: whether the model returns what it is asked for, or is silent."""
    executors: dict[type[Decision], Executor] = {
        d.ClassificationAsked: _classify,
        d.PassagesAsked: _retrieve,
        d.CompletionAsked: _complete if answering else _stall,
        d.GuardrailAsked: _score,
    }
    return EffectRunner(executors)


@asynccontextmanager
async def owner_of(  # type: ignore[no-untyped-def]
    data: DataDirectory, deciders: Cascade | None = None, runner: EffectRunner | None = None
):
    """A living owner of partition 0."""
    behaviour_of = recorded_behaviours(SqliteBehaviours(data.store))
    mind = AgentMind(deciders or cascade(), behaviour_of, data.keys)
    owner = Owner(0, data.stores, data.codec, mind, runner or effects(), owner_id="test")
    ready = asyncio.Event()
    task = asyncio.create_task(owner.run(ready.set))
    await ready.wait()
    try:
        yield owner
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def recomputer(data: DataDirectory) -> Recomputer:
    return Recomputer(cascade(), recorded_behaviours(SqliteBehaviours(data.store)), data.keys)


class Puppet:
    """A caller and a gateway in one: puts what it is told to, and waits for the log. ``async with`` it."""

    def __init__(self, data: DataDirectory, call_id: str) -> None:
        self.call_id = call_id
        self.events: list[Event] = []
        self._writer = FactWriter(data.inbox, data.codec)
        self._tail = ConversationTail(data.ledger, data.codec, call_id)
        self._changed = asyncio.Event()
        self._utterances = 0
        self._read_to = 0  # how many events ``next`` has passed

    async def __aenter__(self) -> Puppet:
        await self._tail.begin()
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        async for event in self._tail.events():
            self.events.append(event)
            self._changed.set()

    async def put(self, payload: Fact, turn_id: str | None = None) -> None:
        await self._writer.put(fact_event(self.call_id, payload, turn_id=turn_id))

    async def next(self, wanted: type | tuple[type, ...], also: Callable[[Event], bool] = lambda e: True) -> Event:
        """The next such event behind the last one that was waited for."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                while self._read_to < len(self.events):
                    event = self.events[self._read_to]
                    self._read_to += 1
                    if isinstance(event.payload, wanted) and also(event):
                        return event
                self._changed.clear()
                await self._changed.wait()

    async def ring(self, behaviour_seq: int, behaviour_hash: str) -> None:
        """Rings, is answered, and hears the greeting."""
        arrived = f.CallArrived(
            channel="voice",
            caller="+44 20 7946 0000",
            behaviour_seq=behaviour_seq,
            behaviour_hash=behaviour_hash,
            providers=("echo",),
        )
        await self.put(arrived)
        await self.put(f.CallTaken(take=1, gateway_id="g1"))
        await self.next(d.StandingGranted)
        await self.put(f.CallAnswered(take=1))
        await self.listen()

    async def say(self, text: str, *, hold: str | None = None) -> None:
        """Eager, then final; with ``hold``, the gateway plays that line before the reply."""
        self._utterances += 1
        utterance_id = f"u1.{self._utterances}"
        await self.put(f.CallerSpeechStarted(utterance_id=utterance_id))
        await self._hear(utterance_id, text, final=False, since_ms=120.0)
        if hold:
            await self.put(
                f.HoldingPlayed(
                    phrase_id=hold,
                    utterance_id=utterance_id,
                    mark_ms=250,
                    since_speech_end_ms=250.0,
                    text="One moment.",
                )
            )
        await self._hear(utterance_id, text, final=True, since_ms=END_OF_TURN_MS)

    async def listen(self, *, interrupt_after: str | None = None) -> Event:
        """Lets the next reply be played, whole or as far as ``interrupt_after``; returns its choice."""
        chosen = await self.next(d.Spoken)
        spoken = chosen.payload
        assert isinstance(spoken, d.Spoken)
        since = FIRST_SOUND_MS if self._utterances else None
        await self.put(
            f.SpeechStarted(candidate_id=spoken.candidate_id, take=1, since_speech_end_ms=since), chosen.turn_id
        )
        if interrupt_after is None:
            await self.put(f.SpeechCompleted(candidate_id=spoken.candidate_id, spoken=spoken.text), chosen.turn_id)
        else:
            cut = f.SpeechInterrupted(candidate_id=spoken.candidate_id, spoken_so_far=interrupt_after)
            await self.put(cut, chosen.turn_id)
        await self.next(d.TurnEnded)
        return chosen

    async def hang_up(self) -> None:
        await self.put(f.CallEnded(reason="caller_hung_up"))
        await self.next(d.ConversationClosed)

    async def _hear(self, utterance_id: str, text: str, *, final: bool, since_ms: float) -> None:
        heard = f.UtteranceHeard(
            utterance_id=utterance_id, text=text, final=final, confidence=0.9, since_speech_end_ms=since_ms
        )
        await self.put(heard)


async def record_call(data: DataDirectory, call_id: str = "call-1") -> list[Event]:
    """Greeting, a lost card, a question that is cut off, a question that may not be answered, goodbye."""
    behaviour = bank()
    seq = SqliteBehaviours(data.store).record(behaviour.content_hash, behaviour.canonical())
    async with owner_of(data), Puppet(data, call_id) as puppet:
        await puppet.ring(seq, behaviour.content_hash)
        await puppet.say("I lost my card")
        await puppet.listen()
        await puppet.say("How long does a new one take", hold="look")
        await puppet.listen(interrupt_after="A new card")
        await puppet.say("Should I buy shares")
        await puppet.listen()
        await puppet.say("Goodbye")
        await puppet.listen()
        await puppet.hang_up()
        return puppet.events
