"""A simulated model that streams, behind the production executor: in any pieces, with every shape of stall and of death.

With ``Fault.STREAM_BREAKS`` in play replies are released by sentence, and streams stall or die between sentences and within
them; otherwise an answer comes in one piece.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable

from agent_core.behaviour import Behaviour
from agent_core.conversation import Ask, Conversation
from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, ProviderError, Sentence
from agent_core.release import Release
from agent_core.sentences import SentenceSplitter
from processors.effects import TellingExecutor
from processors.executors.complete import Complete
from schemas import decisions as d
from schemas.base import Fact
from simulation.durable import Durable
from simulation.faults import Fault, Faults
from simulation.process import Process
from simulation.small_bank import FORBIDDEN

NAME = "simulated"
REPAIR = "Sorry, I have to leave it there."
HARD_TO_SPLIT = "Please ask for Mr. Miller or Dr. Jones."
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?])(?<!Mr\.)(?<!Dr\.) (?=[A-Z])")  # also where it is said again: "I said: ..."
MEDIAN_S = 0.25
PIECE_S = 0.015
Work = Callable[[random.Random, float], Awaitable[None]]
Cost = Callable[[Conversation, random.Random], int | None]


def by_sentence(behaviour: Behaviour) -> Behaviour:
    """Guests judge the whole meanwhile, required ones too."""
    guardrails = tuple(
        g.model_copy(update={"holds_release": False}) if g.means == "guest" else g for g in behaviour.guardrails
    )
    release = Release(by="sentence", repair=REPAIR, render_ahead=True)
    return behaviour.model_copy(update={"release": release, "guardrails": guardrails})


class Answers(TellingExecutor):
    """``work`` takes a vendor's time, or fails as one; ``cost`` in millionths."""

    def __init__(self, process: Process, faults: Faults, durable: Durable, work: Work, cost: Cost) -> None:
        self._process, self._faults, self._durable, self._work, self._cost = process, faults, durable, work, cost

    async def run(self, conversation: Conversation, ask: Ask, attempt: int, tell: Callable[[Fact], None]) -> Fact:
        self._process.at("executor:before", conversation.id)
        draw = self._faults.rng(f"{conversation.id}/{ask.ask_id}/{ask.generation}/{attempt}")
        assert isinstance(ask.payload, d.CompletionAsked)
        if attempt >= ask.at_once and self._faults.strikes(Fault.VENDOR_ERROR, draw, 0.2):
            raise ProviderError(FailureReason.CAPPED, NAME)
        sentences = self._sentences(ask.payload, draw)
        self._durable.meant |= set(sentences)
        cost_micros = self._cost(conversation, draw)
        model = _Model(self._process, self._faults, draw, self._work, conversation.id, " ".join(sentences), cost_micros)
        fact = await Complete(model).run(conversation, ask, attempt, tell)
        self._process.at("executor:after", conversation.id)
        return fact

    def _sentences(self, asked: d.CompletionAsked, draw: random.Random) -> list[str]:
        approved = asked.approved or "I am happy to help."
        said = [
            draw.choice(("", "Certainly.", "Of course.")),
            approved if approved[-1] in ".!?" else f"{approved} and so on.",
        ]
        if self._faults.has(Fault.STREAM_BREAKS) and draw.random() < 0.6:
            said.append(draw.choice(("Is there anything else?", HARD_TO_SPLIT)))
        if self._faults.strikes(Fault.BAD_COMPLETION, draw, 0.35):
            bad = draw.choice(FORBIDDEN)
            said = draw.choice(([bad], [*said, bad], [said[0], bad, *said[1:]]))
        return [sentence for text in said if text for sentence in _BETWEEN_SENTENCES.split(text)]


class _Model:
    """A ``LanguageModel`` for one attempt."""

    name = NAME

    def __init__(
        self,
        process: Process,
        faults: Faults,
        draw: random.Random,
        work: Work,
        call_id: str,
        text: str,
        cost_micros: int | None,
    ) -> None:
        self._process, self._faults, self._draw, self._work = process, faults, draw, work
        self._call_id, self._text, self._cost_micros = call_id, text, cost_micros

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        await self._work(self._draw, MEDIAN_S)
        splitter = SentenceSplitter()
        for piece in self._pieces():
            await self._between()
            for text in splitter.push(piece):
                if request.on_sentence:
                    request.on_sentence(Sentence(text, NAME, NAME, None, 0.0))
                self._process.at("executor:sentence", self._call_id)
        return CompletionResult(self._text, NAME, NAME, cost_micros=self._cost_micros)

    async def close(self) -> None:
        """Nothing is open."""

    def _pieces(self) -> list[str]:
        if not self._faults.has(Fault.STREAM_BREAKS):
            return [self._text]
        size = self._draw.randint(6, 24)
        return [self._text[at : at + size] for at in range(0, len(self._text), size)]

    async def _between(self) -> None:
        """A stream takes its time from piece to piece; in play, it stands still or breaks off."""
        if not self._faults.has(Fault.STREAM_BREAKS):
            return
        await asyncio.sleep(PIECE_S * self._draw.lognormvariate(0, 0.5))
        if self._faults.strikes(Fault.STREAM_BREAKS, self._draw, 0.1):
            await asyncio.sleep(self._draw.choice((0.3, 0.9, 1.7, 3600.0)))
        if self._faults.strikes(Fault.STREAM_BREAKS, self._draw, 0.06):
            raise ProviderError(self._draw.choice((FailureReason.UNAVAILABLE, FailureReason.INVALID)), NAME)
