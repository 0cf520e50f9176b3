"""A provider that fails inside an attempt is paid for too, though another one then answers."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from told_by_hand import BANK, Call

from agent_core.metering import Spent, begin, note
from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, LanguageModel, ProviderError, Sentence
from processors.effects import EffectRunner
from processors.executors.classify_by_model import ClassifyByModel
from processors.executors.complete import Complete
from providers.model_router import ModelRouter
from schemas import decisions as d
from schemas import facts as f
from simulation.streaming import by_sentence
from simulation.virtual_loop import run_virtual
from streams.mind import Outcome

ANSWER = "A new card is free of charge."
BY_SENTENCE = by_sentence(BANK)


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

    def __init__(self, cost_micros: int | None = 70) -> None:
        self._cost_micros = cost_micros

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        return CompletionResult(ANSWER, self.name, "m", input_tokens=90, output_tokens=8, cost_micros=self._cost_micros)

    async def close(self) -> None:
        """Nothing is held."""


def attempted(call: Call, *models: LanguageModel) -> f.CompletionReturned | f.EffectFailed:
    """What one attempt comes to."""
    call.told(
        f.UtteranceHeard(utterance_id="u1", text="What does a new card cost", final=True, since_speech_end_ms=0.0)
    )
    while not any(isinstance(ask.payload, d.CompletionAsked) for ask in call.open_asks()):
        call.answer(call.open_asks()[0], "fees")

    async def scene() -> f.CompletionReturned | f.EffectFailed:
        came: asyncio.Queue[Outcome] = asyncio.Queue()
        router = ModelRouter({BANK.routing.model: models})
        effects = EffectRunner({d.CompletionAsked: Complete(router)})
        effects.begin(1, came.put_nowait)
        ask = next(ask for ask in call.open_asks() if isinstance(ask.payload, d.CompletionAsked))
        alone = replace(call.conversation, asks={ask.ask_id: ask})
        effects.reconcile(alone.id, alone)
        while not isinstance((fact := (await came.get()).payload), f.CompletionReturned | f.EffectFailed):
            pass
        await effects.stop()
        return fact

    return run_virtual(scene())


@pytest.mark.parametrize(
    ("models", "cost_micros", "known_micros", "estimated"),
    [
        ((Answering(),), 70, None, False),
        ((Failing(41), Answering()), 111, None, True),
        ((Failing(41), Failing(2), Answering()), 113, None, True),
        ((Failing(None), Answering()), None, 70, True),
        ((Failing(41), Answering(None)), None, 41, True),
        ((Failing(41), Failing(None), Answering()), None, 111, True),
        ((Failing(None), Answering(None)), None, None, True),
        ((Answering(None),), None, None, False),
    ],
)
def test_an_answer_costs_what_all_cost_who_were_asked_for_it(
    models: tuple[Failing | Answering, ...], cost_micros: int | None, known_micros: int | None, estimated: bool
) -> None:
    fact = attempted(Call(BANK), *models)
    assert isinstance(fact, f.CompletionReturned)
    assert (fact.provider, fact.text) == ("answering", ANSWER)
    assert (fact.cost_micros, fact.known_micros, fact.estimated) == (cost_micros, known_micros, estimated)
    assert (fact.input_tokens, fact.output_tokens) == (90, 8)


def test_what_is_known_of_an_attempt_that_failed_at_all_of_them_is_told() -> None:
    fact = attempted(Call(BANK), Failing(41), Failing(None))
    assert isinstance(fact, f.EffectFailed)
    assert (fact.cost_micros, fact.known_micros) == (None, 41)


@pytest.mark.parametrize("models", [(Failing(41), Answering(None)), (Failing(None), Failing(41)), (Failing(41),)])
def test_the_ceiling_counts_what_is_known_beside_what_is_not(models: tuple[Failing | Answering, ...]) -> None:
    call = Call(BANK)
    fact = attempted(call, *models)
    call.told(fact)
    assert call.conversation.turn is not None
    assert call.conversation.turn.spent_micros == 41


class OfAnotherMind:
    """Tells sentences that its answer doesn't have."""

    name = "of another mind"

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        if request.on_sentence:
            request.on_sentence(Sentence("It costs five pounds.", self.name, "m", 10.0, 20.0))
        return CompletionResult(ANSWER, self.name, "m", input_tokens=90, output_tokens=8, cost_micros=70)

    async def close(self) -> None:
        """Nothing is held."""


def test_an_answer_that_is_none_is_paid_for() -> None:
    fact = attempted(Call(BY_SENTENCE), OfAnotherMind())
    assert isinstance(fact, f.EffectFailed)
    assert (fact.reason, fact.cost_micros) == ("invalid", 70)


class Guessing:
    """Classifies as what nobody asked about."""

    name = "guessing"

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        return CompletionResult('{"no_such_intent": 1}', self.name, "m", cost_micros=70)

    async def close(self) -> None:
        """Nothing is held."""


def test_a_classification_that_is_none_is_paid_for() -> None:
    call = Call(BANK)
    call.told(f.UtteranceHeard(utterance_id="u1", text="What now", final=True, since_speech_end_ms=0.0))
    ask, _ = call.asked(d.ClassificationAsked)

    async def scene() -> Spent | None:
        meter = begin()
        with pytest.raises(ProviderError, match="no probability of a known intent"):
            await ClassifyByModel(Guessing())(call.conversation, ask, 0)
        return meter.total()

    spent = run_virtual(scene())
    assert spent is not None
    assert spent.cost_micros == 70


def part(provider: str, outcome: str, cost_micros: int | None, calls: int = 1) -> tuple[str, str, int, int | None]:
    return provider, outcome, calls, cost_micros


def parts_of(fact: f.CompletionReturned | f.EffectFailed | f.EffectCancelled) -> list[tuple[str, str, int, int | None]]:
    return [part(each.provider, each.outcome, each.cost_micros, each.calls) for each in fact.parts]


class TurningAway(Answering):
    """At its limit: nothing is made, nothing is paid."""

    name = "turning away"

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        raise ProviderError(FailureReason.RATE_LIMITED, self.name, retry_after_s=60.0)


@pytest.mark.parametrize(
    ("models", "parts"),
    [
        ((Answering(),), []),
        ((Failing(41), Answering()), [part("failing", "unavailable", 41), part("answering", "answered", 70)]),
        ((Failing(None), Answering()), [part("failing", "unavailable", None), part("answering", "answered", 70)]),
        ((Failing(41), Answering(None)), [part("failing", "unavailable", 41), part("answering", "answered", None)]),
        (
            (Failing(41), Failing(2), Answering()),
            [part("failing", "unavailable", 43, calls=2), part("answering", "answered", 70)],
        ),
        ((TurningAway(), Answering()), [part("turning away", "rate_limited", 0), part("answering", "answered", 70)]),
        ((TurningAway(), Failing(41)), [part("turning away", "rate_limited", 0), part("failing", "unavailable", 41)]),
        ((Failing(41),), []),
    ],
)
def test_what_each_provider_took_is_told_under_its_own_name(
    models: tuple[LanguageModel, ...], parts: list[tuple[str, str, int, int | None]]
) -> None:
    fact = attempted(Call(BANK), *models)
    assert parts_of(fact) == parts
    known = [cost for _, _, _, cost in parts if cost is not None]
    if parts and len(known) == len(parts):
        assert fact.cost_micros == sum(known)


def test_who_only_turned_the_call_away_adds_nothing_to_what_the_answer_cost() -> None:
    fact = attempted(Call(BANK), TurningAway(), Answering())
    assert (fact.cost_micros, fact.known_micros, fact.estimated) == (70, None, False)


class Stalling:
    name = "stalling"

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        try:
            await asyncio.Event().wait()
        finally:
            note(Spent(self.name, "n", 90, 1, 19, estimated=True))
        raise AssertionError("nothing wakes it")

    async def close(self) -> None:
        """Nothing is held."""


def test_a_loser_that_was_with_its_second_provider_tells_of_both() -> None:
    call = Call(BANK)
    call.told(f.UtteranceHeard(utterance_id="u1", text="What does it cost", final=True, since_speech_end_ms=0.0))
    while not any(isinstance(ask.payload, d.CompletionAsked) for ask in call.open_asks()):
        call.answer(call.open_asks()[0], "fees")

    async def scene() -> f.CompletionReturned | f.EffectFailed | f.EffectCancelled:
        came: asyncio.Queue[Outcome] = asyncio.Queue()
        effects = EffectRunner(
            {d.CompletionAsked: Complete(ModelRouter({BANK.routing.model: [Failing(41), Stalling()]}))}
        )
        effects.begin(1, came.put_nowait)
        ask = next(ask for ask in call.open_asks() if isinstance(ask.payload, d.CompletionAsked))
        alone = replace(call.conversation, asks={ask.ask_id: replace(ask, attempts=1)})
        effects.reconcile(alone.id, alone)
        await asyncio.sleep(0.1)
        effects.reconcile(alone.id, replace(alone, asks={}))
        while not isinstance((fact := (await came.get()).payload), f.EffectCancelled | f.EffectFailed):
            pass
        await effects.stop()
        return fact

    fact = run_virtual(scene())
    assert isinstance(fact, f.EffectCancelled)
    assert parts_of(fact) == [part("failing", "unavailable", 41), part("stalling", "cancelled", 19)]
    assert fact.cost_micros == 60
