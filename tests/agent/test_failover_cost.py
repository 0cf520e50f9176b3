"""A provider that fails inside an attempt is paid for too, though another one then answers."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from told_by_hand import BANK, Call

from agent_core.metering import Spent, note
from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, ProviderError
from processors.effects import EffectRunner
from processors.executors.complete import Complete
from providers.model_router import ModelRouter
from schemas import decisions as d
from schemas import facts as f
from simulation.virtual_loop import run_virtual
from streams.mind import Outcome

ANSWER = "A new card is free of charge."


class Failing:
    name = "failing"

    def __init__(self, cost_micros: int | None) -> None:
        self._cost_micros = cost_micros

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        note(Spent(self.name, "m", 100, 3, self._cost_micros, estimated=True))
        raise ProviderError(FailureReason.UNAVAILABLE, self.name)

    async def close(self) -> None:
        """Nothing is held."""


class Answering:
    name = "answering"

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        return CompletionResult(ANSWER, self.name, "m", input_tokens=90, output_tokens=8, cost_micros=70)

    async def close(self) -> None:
        """Nothing is held."""


def returned(*models: Failing | Answering) -> f.CompletionReturned:
    """What one attempt comes to."""
    call = Call(BANK)
    call.told(
        f.UtteranceHeard(utterance_id="u1", text="What does a new card cost", final=True, since_speech_end_ms=0.0)
    )
    while not any(isinstance(ask.payload, d.CompletionAsked) for ask in call.open_asks()):
        call.answer(call.open_asks()[0], "fees")

    async def scene() -> f.CompletionReturned:
        came: asyncio.Queue[Outcome] = asyncio.Queue()
        router = ModelRouter({BANK.routing.model: models})
        effects = EffectRunner({d.CompletionAsked: Complete(router)})
        effects.begin(1, came.put_nowait)
        ask = next(ask for ask in call.open_asks() if isinstance(ask.payload, d.CompletionAsked))
        alone = replace(call.conversation, asks={ask.ask_id: ask})
        effects.reconcile(alone.id, alone)
        while not isinstance((fact := (await came.get()).payload), f.CompletionReturned):
            pass
        await effects.stop()
        return fact

    return run_virtual(scene())


@pytest.mark.parametrize(
    ("models", "cost_micros", "estimated"),
    [
        ((Answering(),), 70, False),
        ((Failing(41), Answering()), 111, True),
        ((Failing(41), Failing(2), Answering()), 113, True),
        ((Failing(None), Answering()), None, True),
    ],
)
def test_an_answer_costs_what_all_cost_who_were_asked_for_it(
    models: tuple[Failing | Answering, ...], cost_micros: int | None, estimated: bool
) -> None:
    fact = returned(*models)
    assert (fact.provider, fact.text) == ("answering", ANSWER)
    assert (fact.cost_micros, fact.estimated) == (cost_micros, estimated)
    assert (fact.input_tokens, fact.output_tokens) == (90, 8)
