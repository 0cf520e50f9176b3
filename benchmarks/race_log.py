"""The race on the log: the production owner, deciders and effects on a SQLite log, from fact put to decision read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from agent_core.behaviour import Behaviour
from agent_core.ports import Embedder, LanguageModel, Passage
from benchmarks.race_calls import Calls
from benchmarks.race_side import Decided, Durability, Side
from benchmarks.race_turns import RaceTurn
from console.agent import make_mind
from console.workspace import Host, Workspace
from processors.effects import EffectRunner
from processors.executors.classify_by_model import ClassifyByModel
from processors.executors.complete import Complete
from processors.executors.know_pace import KnowPace
from processors.executors.retrieve import Retrieve
from processors.executors.score import Score
from schemas import decisions as d

if TYPE_CHECKING:
    from benchmarks.race_gateway import RaceGateway
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

    async def always(behaviour: Behaviour) -> FixedPassages:
        return FixedPassages(passages)

    return EffectRunner(
        {
            d.ClassificationAsked: ClassifyByModel(model),
            d.PassagesAsked: Retrieve(always),
            d.CompletionAsked: Complete(model),
            d.GuardrailAsked: Score(embedder, model),
            d.PaceAsked: KnowPace(model),
        }
    )


class RaceCall(Protocol):
    async def decide(self, question: str) -> Decided: ...

    async def close(self) -> None: ...


class LogRace:
    """``owning`` while turns are decided; a call is ``opened`` before its turn is measured, and ``close``d after."""

    def __init__(self, workspace: Workspace, behaviour: Behaviour, make_effects: Callable[[], EffectRunner]) -> None:
        self._workspace, self._make_effects = workspace, make_effects
        self._calls = Calls(workspace, behaviour)
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

    async def opened(self, call_id: str) -> RaceCall:
        return await self._calls.opened(call_id)


class HostedRace(LogRace):
    """On Kafka, by the host that is named. The calls are another process's."""

    def __init__(
        self,
        workspace: KafkaWorkspace,
        behaviour: Behaviour,
        make_effects: Callable[[], EffectRunner],
        host: str,
        gateway: RaceGateway,
    ) -> None:
        super().__init__(workspace, behaviour, make_effects)
        self._on_kafka, self._host, self._gateway = workspace, host, gateway

    async def opened(self, call_id: str) -> RaceCall:
        return await self._gateway.opened(call_id)

    def _make_host(self) -> Host:
        return self._on_kafka.worker(self._host, self.mind, self._make_effects)


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
        self._calls: dict[str, RaceCall] = {}
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
