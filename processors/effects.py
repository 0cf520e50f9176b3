"""Runs what decisions ask for as tasks beside the owner, and reports what came of each as a fact.

What should run is read from the conversation after every step, so starting, asking again and cancelling losers are one
rule. Each run has its own id from (ask, epoch, generation, attempt): outcomes of two runs are never taken for one.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import msgspec

from agent_core import metering
from agent_core.conversation import Ask, Conversation
from agent_core.ports import FailureReason, ProviderError
from processors.provider_costs import answered, parts
from schemas import facts as f
from schemas.base import Decision, Fact
from schemas.event import derived_id
from streams.mind import Outcome, Report

_LOG = logging.getLogger(__name__)

# Until losers are cancelled. To close the streams of eleven of them keeps the event loop for 3 ms, and the decision that
# made them losers is on its way to the log and to the caller's ear.
LINGER_S = 0.005


class Executor(Protocol):
    """Does one thing that a decision asked for. Raises ``ProviderError``. Cancelling it must stop its cost."""

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact: ...


class TellingExecutor(ABC):
    """An executor whose outcome comes in parts: ``tell`` takes each but the last, which closes the attempt."""

    @abstractmethod
    async def run(self, conversation: Conversation, ask: Ask, attempt: int, tell: Callable[[Fact], None]) -> Fact: ...


class _Run(NamedTuple):
    ask_id: str
    generation: int
    attempt: int


@dataclass(slots=True)
class _UnderWay:
    """Also one that is done, while its outcome wasn't taken yet."""

    task: asyncio.Task[None]
    lost: bool = False  # nobody wants it any more, and it will be cancelled


class EffectRunner:
    """Implements ``streams.mind.Effects``. ``executors``: decision type → what carries it out."""

    def __init__(self, executors: Mapping[type[Decision], Executor | TellingExecutor]) -> None:
        self._executors = executors
        self._running: dict[str, dict[_Run, _UnderWay]] = {}
        self._epoch = 0
        self._report: Report | None = None

    def begin(self, epoch: int, report: Report) -> None:
        self._epoch, self._report = epoch, report

    def reconcile(self, conversation_id: str, conversation: Conversation) -> None:
        running = self._running.get(conversation_id, {})
        wanted = {
            _Run(ask.ask_id, ask.generation, attempt): ask
            for ask in conversation.asks.values()
            if ask.open
            for attempt in range(ask.attempts)
            if attempt not in ask.done
        }
        if not running and not wanted:
            return
        loop = asyncio.get_running_loop()
        for run in [run for run in running if run not in wanted]:  # in the order in which they were started, everywhere
            under_way = running[run]
            if under_way.task.done():
                del running[run]
            elif not under_way.lost:
                under_way.lost = True
                loop.call_later(LINGER_S, under_way.task.cancel)
        if not running:
            self._running.pop(conversation_id, None)
        for run, ask in wanted.items():
            if run not in running:
                task = loop.create_task(self._carry_out(conversation, ask, run))
                self._running.setdefault(conversation_id, running)[run] = _UnderWay(task)

    async def stop(self) -> None:
        self._report = None
        tasks = [under_way.task for running in self._running.values() for under_way in running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()

    async def _carry_out(self, conversation: Conversation, ask: Ask, run: _Run) -> None:
        loop = asyncio.get_running_loop()
        started, meter = loop.time(), metering.begin()
        try:
            executor = self._executors[type(ask.payload)]
            if isinstance(executor, TellingExecutor):
                tell = partial(self._tell, conversation.id, ask, run)
                fact = await executor.run(conversation, ask, run.attempt, tell)
            else:
                fact = await executor(conversation, ask, run.attempt)
            fact = _with_failed_before(fact, meter)
        except asyncio.CancelledError:
            elapsed_ms = (loop.time() - started) * 1000
            self._tell(conversation.id, ask, run, _cancelled(ask, run, elapsed_ms, meter))
            raise
        except ProviderError as error:
            elapsed_ms = (loop.time() - started) * 1000
            failed = _failed(ask, run, error.reason.value, elapsed_ms, error.provider, error.model)
            fact = _with_cost(failed, meter)
        except Exception as error:  # a bug in an executor fails its ask, by name, not the owner
            _LOG.exception("the executor of %s failed", type(ask.payload).__name__)
            elapsed_ms = (loop.time() - started) * 1000
            fact = _failed(ask, run, f"{FailureReason.INVALID.value}:{type(error).__name__}", elapsed_ms)
        finally:
            self._forget_lost(conversation.id, run)
        self._tell(conversation.id, ask, run, fact)

    def _forget_lost(self, conversation_id: str, run: _Run) -> None:
        """One whose outcome somebody waits for stays known until that was taken: what was told before it is taken first, and
        the attempt would be begun anew."""
        running = self._running.get(conversation_id, {})
        if run in running and running[run].lost:
            del running[run]
            if not running:
                del self._running[conversation_id]

    def _tell(self, conversation_id: str, ask: Ask, run: _Run, fact: Fact) -> None:
        if self._report is None:  # the reign is over: what comes back now belongs to nobody
            return
        run_id = f"{run.ask_id}#{self._epoch}.{run.generation}.{run.attempt}"
        part = (fact.index,) if isinstance(fact, f.SentenceReturned) else ()
        event_id = derived_id(conversation_id, run_id, type(fact).__name__, *part)
        self._report(Outcome(conversation_id, event_id, fact, ask.event_id, ask.turn_id or None, run_id))


def _failed(ask: Ask, run: _Run, reason: str, elapsed_ms: float, provider: str = "", model: str = "") -> f.EffectFailed:
    return f.EffectFailed(
        ask_id=ask.ask_id, attempt=run.attempt, reason=reason, provider=provider, elapsed_ms=elapsed_ms, model=model
    )


def _with_failed_before(fact: Fact, meter: metering.Meter) -> Fact:
    """What an attempt came to, with what providers cost that had failed before it. One unknown makes the sum unknown; what is
    known of it counts all the same."""
    if not meter.calls or not isinstance(fact, f.CompletionReturned | f.ScoresReturned):
        return fact
    spent, each = meter.total(), parts(meter.calls, answered(fact))
    if spent is None:
        return msgspec.structs.replace(fact, parts=each)
    if fact.cost_micros is not None and spent.cost_micros is not None:
        cost_micros = fact.cost_micros + spent.cost_micros
        return msgspec.structs.replace(fact, cost_micros=cost_micros, estimated=spent.estimated, parts=each)
    before = spent.known_micros if spent.cost_micros is None else spent.cost_micros
    known = None if before is None and fact.cost_micros is None else (before or 0) + (fact.cost_micros or 0)
    return msgspec.structs.replace(fact, cost_micros=None, estimated=spent.estimated, known_micros=known, parts=each)


def _with_cost(failed: f.EffectFailed, meter: metering.Meter) -> f.EffectFailed:
    spent, each = meter.total(), parts(meter.calls)
    if spent is None:
        return msgspec.structs.replace(failed, parts=each)
    return msgspec.structs.replace(
        failed, cost_micros=spent.cost_micros, estimated=spent.estimated, known_micros=spent.known_micros, parts=each
    )


def _cancelled(ask: Ask, run: _Run, elapsed_ms: float, meter: metering.Meter) -> f.EffectCancelled:
    spent, each = meter.total(), parts(meter.calls)
    if spent is None:
        return f.EffectCancelled(ask_id=ask.ask_id, attempt=run.attempt, elapsed_ms=elapsed_ms, parts=each)
    return f.EffectCancelled(
        ask_id=ask.ask_id,
        attempt=run.attempt,
        elapsed_ms=elapsed_ms,
        cost_micros=spent.cost_micros,
        provider=spent.provider,
        model=spent.model,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        estimated=spent.estimated,
        known_micros=spent.known_micros,
        parts=each,
    )
