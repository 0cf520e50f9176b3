"""The race on the log: the production owner, deciders and effects on a SQLite log, from fact put to decision read."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from agent_core.behaviour import Behaviour
from agent_core.ports import Embedder, LanguageModel, Passage
from benchmarks.race_side import Decided, Durability, Side
from benchmarks.race_turns import RaceTurn
from console.agent import make_mind
from console.workspace import Host, Workspace
from processors.effects import EffectRunner
from processors.executors.classify_by_model import ClassifyByModel
from processors.executors.complete import Complete
from processors.executors.retrieve import Retrieve
from processors.executors.score import Score
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import Event
from streams.fact_writer import FactWriter, fact_event
from streams.tail import ConversationTail

if TYPE_CHECKING:
    from console.kafka_workspace import KafkaWorkspace


class FixedPassages:
    """Finds the same passages for every question, at no cost: an embedding's CPU is no part of the race."""

    def __init__(self, passages: list[Passage]) -> None:
        self._passages = passages

    def search(self, query: str) -> list[Passage]:
        return self._passages


class _NoEmbedder:
    name, dimensions = "none", 0

    def embed(self, texts: object) -> object:
        raise RuntimeError("no guardrail of the race has an embedding in it")


def effects(model: LanguageModel, behaviour: Behaviour, passages: list[Passage]) -> EffectRunner:
    embedder: Embedder = _NoEmbedder()  # type: ignore[assignment]
    return EffectRunner(
        {
            d.ClassificationAsked: ClassifyByModel(model),
            d.PassagesAsked: Retrieve({behaviour.content_hash: FixedPassages(passages)}),
            d.CompletionAsked: Complete(model),
            d.GuardrailAsked: Score(embedder, model),
        }
    )


class LogRace:
    """``owning`` while turns are decided; a call is ``opened`` before its turn is measured, and ``close``d after."""

    def __init__(self, workspace: Workspace, behaviour: Behaviour, make_effects: Callable[[], EffectRunner]) -> None:
        self._workspace, self._behaviour, self._make_effects = workspace, behaviour, make_effects
        self._seq = workspace.record(behaviour)
        self._writer = FactWriter(workspace.stores.inbox, workspace.codec)
        self.mind = make_mind(workspace.behaviour_of, workspace.keys)

    @asynccontextmanager
    async def owning(self) -> AsyncIterator[None]:
        host = self._make_host()
        async with host:
            yield
            if host.reigns_lost:
                raise RuntimeError(f"the owner lost its reign: {host.reigns_lost[0]}")

    def _make_host(self) -> Host:
        return self._workspace.host(self.mind, self._make_effects)

    async def opened(self, call_id: str) -> OpenCall:
        """A call that was greeted and waits for the caller's words."""
        tail = ConversationTail(self._workspace.stores.ledger, self._workspace.codec, call_id)
        await tail.begin()
        call = OpenCall(call_id, tail.events(), self._writer)
        arrived = f.CallArrived(channel="voice", behaviour_seq=self._seq, behaviour_hash=self._behaviour.content_hash)
        for fact in (arrived, f.CallTaken(take=1, gateway_id="bench"), f.CallAnswered(take=1)):
            await call.put(fact)
        greeting = await call.until(d.ReplyChosen)
        assert isinstance(greeting.payload, d.ReplyChosen)
        candidate, text = greeting.payload.candidate_id, greeting.payload.text
        await call.put(f.SpeechStarted(candidate_id=candidate, take=1))
        await call.put(f.SpeechCompleted(candidate_id=candidate, spoken=text))
        await call.until(d.TurnEnded)
        return call


class HostedRace(LogRace):
    """On Kafka, by the host that is named."""

    def __init__(
        self, workspace: KafkaWorkspace, behaviour: Behaviour, make_effects: Callable[[], EffectRunner], host: str
    ) -> None:
        super().__init__(workspace, behaviour, make_effects)
        self._on_kafka, self._host = workspace, host

    def _make_host(self) -> Host:
        return self._on_kafka.worker(self._host, self.mind, self._make_effects)


class OpenCall:
    def __init__(self, call_id: str, events: AsyncIterator[Event], writer: FactWriter) -> None:
        self._call_id, self._events, self._writer = call_id, events, writer

    async def put(self, payload: Fact) -> None:
        await self._writer.put(fact_event(self._call_id, payload))

    async def until(self, decision: type) -> Event:
        async for event in self._events:
            if isinstance(event.payload, decision):
                return event
        raise RuntimeError("the tail ended")

    async def decide(self, question: str) -> Decided:
        """From the fact's put to the reading of what was chosen."""
        await self.put(
            f.UtteranceHeard(utterance_id="u1.1", text=question, final=True, confidence=0.9, since_speech_end_ms=200.0)
        )
        chosen = await self.until(d.Spoken)
        assert isinstance(chosen.payload, d.Spoken)
        return Decided(chosen.payload.text, time.perf_counter())

    async def close(self) -> None:
        await self.put(f.CallEnded(reason="caller_hung_up"))
        await self.until(d.ConversationClosed)
        await self._events.aclose()  # type: ignore[attr-defined]


class LogSide(Side):
    """The owner runs only while its side has its turns."""

    name = "on the log"
    durable = Durability(
        "every fact and decision", "at the turn's end (SQLite WAL, NORMAL)", 1, "what came after the last sync"
    )

    def __init__(
        self, race: LogRace, name: str = name, durable: Durability = durable, servers: Sequence[int] = ()
    ) -> None:
        self._race, self.name, self.durable, self._servers = race, name, durable, servers
        self._calls: dict[str, OpenCall] = {}
        self._owning = AsyncExitStack()

    async def open(self, work: Sequence[RaceTurn]) -> None:
        await self._owning.enter_async_context(self._race.owning())
        self._calls = {turn.call_id: await self._race.opened(turn.call_id) for turn in work}

    def servers(self) -> Sequence[int]:
        return self._servers

    async def decide(self, turn: RaceTurn) -> Decided:
        return await self._calls[turn.call_id].decide(turn.question)

    async def close(self, work: Sequence[RaceTurn]) -> None:
        for call in self._calls.values():
            await call.close()
        await self._owning.aclose()
