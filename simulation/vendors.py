"""Simulated vendors behind the production effect runner: classifier, retrieval, models, guardrails' scores, and the
company's own systems.

What a vendor does is a function of (seed, conversation, ask, generation, attempt), never of the order of arrival. A call
that outlives its budget fails with ``ProviderError(TIMED_OUT)``, as the real executors do.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping

from agent_core.conversation import Ask, Conversation
from agent_core.found import write_passages
from agent_core.guardrails._model import VIOLATES
from agent_core.guardrails.prompt_injection import SCORE, SPREAD
from agent_core.ports import FailureReason, Passage, ProviderError
from processors.effects import Executor, TellingExecutor
from processors.executors.call_tool import CallTool, StandsOnLog
from processors.executors.check_proof import CheckProof
from processors.executors.send_code import SendCode
from processors.executors.write import Write
from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from schemas import writing as w
from schemas.base import Decision, Fact
from schemas.models import PaceKnown
from simulation.company import SimCompany
from simulation.customers import SimRecords
from simulation.durable import Durable
from simulation.faults import Fault, Faults
from simulation.hedged import COST_MICROS, MODEL_GUARD, paces
from simulation.late_reads import median_s
from simulation.process import Process
from simulation.small_bank import ASKED
from simulation.streaming import NAME, Answers

_Answer = Callable[[Conversation, Ask, int, random.Random], Fact]


class Vendors:
    """The vendors that one owner's process talks to."""

    def __init__(self, process: Process, faults: Faults, durable: Durable, stands_on_log: StandsOnLog) -> None:
        self._process, self._faults = process, faults
        self._durable, self._stands_on_log = durable, stands_on_log

    def executors(self) -> Mapping[type[Decision], Executor | TellingExecutor]:
        return {
            d.ClassificationAsked: self._executor(self._scores, 0.008, 400),
            d.PassagesAsked: self._executor(self._passages, 0.012, 400),
            d.CompletionAsked: Answers(self._process, self._faults, self._durable, self._work, _cost),
            d.GuardrailAsked: self._executor(self._guardrail, 0.015, None),
            d.ToolRequested: self._call_tool,
            p.CodeAsked: self._of_the_company,
            p.ProofAsked: self._of_the_company,
            w.WriteRequested: self._of_the_company,
            w.UndoRequested: self._of_the_company,
            d.PaceAsked: self._executor(self._pace, 0.001, 400),
        }

    async def _of_the_company(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        """The production executors; the bank's systems behind them take their time, or fail, before and after."""
        self._process.at("write:before", conversation.id)
        draw = self._faults.rng(f"{conversation.id}/{ask.ask_id}/{ask.generation}/{attempt}")

        async def work() -> None:
            await self._work(draw, 0.06)

        records = SimRecords(self._durable, self._process, conversation.id, ask.ask_id, work)
        company = SimCompany(self._durable, self._process, conversation.id, ask.ask_id, work)
        execute: Executor
        if isinstance(ask.payload, p.CodeAsked):
            execute = SendCode(
                company, records, self._stands_on_log, lambda digits: f"{draw.randrange(10**digits):0{digits}}"
            )
        elif isinstance(ask.payload, p.ProofAsked):
            execute = CheckProof(company, self._stands_on_log)
        else:
            execute = Write(company, records, self._stands_on_log)
        fact = await execute(conversation, ask, attempt)
        self._process.at("write:after", conversation.id)
        return fact

    async def _call_tool(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        """The production executor; the bank's systems behind it take their time, or fail."""
        self._process.at("tool:before", conversation.id)
        draw = self._faults.rng(f"{conversation.id}/{ask.ask_id}/{ask.generation}/{attempt}")
        takes_s = median_s(conversation, draw)
        records = SimRecords(
            self._durable, self._process, conversation.id, ask.ask_id, lambda: self._work(draw, takes_s)
        )
        fact = await CallTool(records, self._stands_on_log)(conversation, ask, attempt)
        self._process.at("tool:after", conversation.id)
        return fact

    def _executor(self, answer: _Answer, median_s: float, timeout_ms: int | None) -> Executor:
        async def execute(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
            self._process.at("executor:before", conversation.id)
            draw = self._faults.rng(f"{conversation.id}/{ask.ask_id}/{ask.generation}/{attempt}")
            budget = conversation.behaviour.budget
            limit_ms = timeout_ms or budget.guardrail_timeout_ms
            if attempt >= ask.at_once and self._faults.strikes(Fault.VENDOR_ERROR, draw, 0.2):
                raise ProviderError(FailureReason.CAPPED, NAME)
            try:
                async with asyncio.timeout(limit_ms / 1000):
                    await self._work(draw, median_s)
            except TimeoutError:
                raise ProviderError(FailureReason.TIMED_OUT, NAME) from None
            fact = answer(conversation, ask, attempt, draw)
            self._process.at("executor:after", conversation.id)
            return fact

        return execute

    async def _work(self, draw: random.Random, median_s: float) -> None:
        """Takes its time; in play, every shape of stall and error."""
        await asyncio.sleep(median_s * draw.lognormvariate(0, 0.4))
        if self._faults.strikes(Fault.STALL, draw, 0.25):
            await asyncio.sleep(draw.choice((0.3, 0.9, 1.7, 3600.0)))
        if self._faults.strikes(Fault.VENDOR_ERROR, draw, 0.2):
            reason = draw.choice(
                (FailureReason.RATE_LIMITED, FailureReason.UNAVAILABLE, FailureReason.INVALID, FailureReason.REFUSED)
            )
            raise ProviderError(reason, NAME)

    def _scores(self, conversation: Conversation, ask: Ask, attempt: int, draw: random.Random) -> Fact:
        assert isinstance(ask.payload, d.ClassificationAsked)
        found = [(ask.payload.text.rfind(text), name) for name, texts in ASKED.items() for text in texts]
        position, meant = max(found)
        if position < 0:
            meant = "other"
        sure = draw.choice((0.97, 0.9, 0.6))
        second = draw.choice(sorted(set(ASKED) - {meant}))
        scores = (f.Score(meant, sure), f.Score(second, 1 - sure))
        return f.ScoresReturned(
            ask_id=ask.ask_id, scores=scores, model=NAME, attempt=attempt, cost_micros=_cost(conversation, draw)
        )

    def _pace(self, conversation: Conversation, ask: Ask, attempt: int, draw: random.Random) -> Fact:
        assert isinstance(ask.payload, d.PaceAsked)
        return PaceKnown(ask_id=ask.ask_id, attempt=attempt, paces=paces(ask.payload, draw))

    def _passages(self, conversation: Conversation, ask: Ask, attempt: int, draw: random.Random) -> Fact:
        found = [
            Passage(article.id, text, draw.random(), public)
            for article in conversation.behaviour.articles
            for text, public in ((article.public, True), (article.private, False))
            if text
        ]
        return f.PassagesFound(ask_id=ask.ask_id, passages=write_passages(found))

    def _guardrail(self, conversation: Conversation, ask: Ask, attempt: int, draw: random.Random) -> Fact:
        assert isinstance(ask.payload, d.GuardrailAsked)
        attack = 0.99 if draw.random() < 0.03 and ask.payload.text else 0.01
        names = (VIOLATES,) if ask.payload.guardrail == MODEL_GUARD else (SCORE, SPREAD)
        cost_micros = _cost(conversation, draw)
        return f.ScoresReturned(
            ask_id=ask.ask_id,
            scores=tuple(f.Score(name, attack) for name in names),
            model=NAME,
            attempt=attempt,
            cost_micros=cost_micros,
        )


def _cost(conversation: Conversation, draw: random.Random) -> int | None:
    """Known where money counts."""
    return draw.choice(COST_MICROS) if conversation.behaviour.budget.turn_cost_micros else None
