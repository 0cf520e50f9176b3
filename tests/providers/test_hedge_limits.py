"""What keeps hedging from making things worse: the share of extra calls, circuits, pressed providers, and true quantiles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from agent_core import metering
from agent_core.metering import Spent
from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, Message, ProviderError, Sentence
from providers.circuit_breaker import FEWEST, LONGEST_S, OPEN_S, Circuit, CircuitBreaker
from providers.comeback import FIRST_SHARE, Comeback
from providers.extra_calls import LONGEST_WAIT_S, ExtraCalls
from providers.model_router import ModelRouter
from providers.openai_compatible import OpenAICompatible, OpenAISettings
from providers.pace import ENOUGH, Took, quantile_ms
from providers.prices import Prices
from simulation.virtual_loop import run_virtual
from tests.emulators.harness import KEY, quick_config, running

Answer = Callable[[CompletionRequest], Coroutine[Any, Any, str]]


class Provider:
    """Answers as ``answer`` does; ``asked`` keeps the requests."""

    def __init__(self, name: str, answer: Answer) -> None:
        self.name, self._answer = name, answer
        self.asked: list[CompletionRequest] = []

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        self.asked.append(request)
        return CompletionResult(await self._answer(request), self.name, "m", cost_micros=70)

    async def close(self) -> None:
        """Nothing is held."""


def takes(seconds: float) -> Answer:
    async def answer(request: CompletionRequest) -> str:
        await asyncio.sleep(seconds)
        return "fine"

    return answer


def fails(reason: FailureReason, retry_after_s: float | None = None) -> Answer:
    async def answer(request: CompletionRequest) -> str:
        await asyncio.sleep(0.01)
        raise ProviderError(reason, "vendor", retry_after_s=retry_after_s)

    return answer


def request(**changes: Any) -> CompletionRequest:
    about: dict[str, Any] = {"purpose": "answer", "model": "answer", "messages": (Message("user", "hello"),)}
    return CompletionRequest(**(about | changes))


async def outcome(router: ModelRouter, **changes: Any) -> str:
    """Who answered, or why nobody did."""
    try:
        return (await router.complete(request(**changes))).provider
    except ProviderError as error:
        return error.reason.value


# --- the share of extra calls ----------------------------------------------------------------------------------------


def test_extra_calls_are_a_share_of_first_ones_beyond_the_burst() -> None:
    async def scene() -> list[int]:
        extra = ExtraCalls(share=0.2, burst=3)

        async def started(attempts: int) -> int:
            now_s = asyncio.get_running_loop().time()
            return sum([await extra.take(1, now_s) for _ in range(attempts)])

        counts = [await started(4)]
        for first_calls in (4, 1, 1000):
            for _ in range(first_calls):
                extra.first()
            counts.append(await started(10))
        return counts

    assert run_virtual(scene()) == [3, 0, 1, 3]


def test_who_finds_no_extra_call_left_waits_for_the_next_one_a_second_at_most() -> None:
    async def scene() -> tuple[tuple[bool, bool], float]:
        loop = asyncio.get_running_loop()
        extra = ExtraCalls(share=0.5, burst=1)
        assert await extra.take(1, loop.time())
        waits = asyncio.create_task(extra.take(1, loop.time() + 5))
        await asyncio.sleep(0.3)
        extra.first()
        extra.first()
        came = await waits
        began_s = loop.time()
        return (came, await extra.take(1, loop.time() + 5)), loop.time() - began_s

    came, waited_s = run_virtual(scene())
    assert came == (True, False)
    assert waited_s == pytest.approx(LONGEST_WAIT_S)


def test_an_ask_gets_its_second_attempt_before_another_gets_its_third() -> None:
    async def scene() -> list[str]:
        loop = asyncio.get_running_loop()
        extra = ExtraCalls(share=1.0, burst=1)
        came: list[str] = []

        async def attempt(name: str, number: int) -> None:
            if await extra.take(number, loop.time() + 5):
                came.append(name)

        assert await extra.take(1, loop.time())
        asked = [asyncio.create_task(attempt(f"{ask}{n}", n)) for ask in "ab" for n in (1, 2)]
        for _ in range(4):
            await asyncio.sleep(0.1)
            extra.first()
        await asyncio.gather(*asked)
        return came

    assert run_virtual(scene()) == ["a1", "b1", "a2", "b2"]


@pytest.mark.parametrize("granted", [False, True])
def test_who_is_cancelled_while_waiting_takes_no_extra_call(granted: bool) -> None:
    async def scene() -> list[bool]:
        loop = asyncio.get_running_loop()
        extra = ExtraCalls(share=1.0, burst=1)
        assert await extra.take(1, loop.time())
        leaves, stays = (asyncio.create_task(extra.take(1, loop.time() + 5)) for _ in range(2))
        await asyncio.sleep(0.1)
        if granted:
            extra.first()
        leaves.cancel()
        await asyncio.gather(leaves, return_exceptions=True)
        if not granted:
            extra.first()
        return [await stays, await extra.take(1, loop.time())]

    assert run_virtual(scene()) == [True, False]


def test_a_late_attempt_over_the_share_is_capped_and_one_that_starts_at_once_is_not() -> None:
    async def scene() -> list[str]:
        router = ModelRouter({"answer": [Provider("a", takes(0.1))]}, extra=ExtraCalls(share=0.0, burst=1))
        return [await outcome(router, attempt=1, extra=extra) for extra in (True, True, False)]

    assert run_virtual(scene()) == ["a", "capped", "a"]


def test_a_provider_that_has_no_more_is_asked_for_nothing_extra() -> None:
    async def scene() -> tuple[list[str], int]:
        limited = Provider("limited", fails(FailureReason.RATE_LIMITED, 0.5))
        router = ModelRouter({"answer": [limited]})
        first = await outcome(router, timeout_ms=300)
        return [first, *[await outcome(router, attempt=n) for n in (1, 2)]], len(limited.asked)

    assert run_virtual(scene()) == (["rate_limited", "capped", "capped"], 1)


def test_an_extra_attempt_goes_to_the_provider_that_is_not_pressed() -> None:
    async def scene() -> list[str]:
        limited, free = Provider("limited", fails(FailureReason.RATE_LIMITED, 9.0)), Provider("free", takes(0.1))
        router = ModelRouter({"answer": [free, limited]})
        return [await outcome(router, attempt=n, extra=True) for n in (1, 1, 2, 3)]

    assert run_virtual(scene()) == ["free", "free", "free", "free"]


# --- circuits --------------------------------------------------------------------------------------------------------


def test_a_circuit_opens_on_failures_lets_one_probe_through_and_closes_on_its_success() -> None:
    breaker = CircuitBreaker()
    for _ in range(FEWEST):
        assert breaker.circuit(0.0) is Circuit.CLOSED
        breaker.end(0.0, failed=True, probe=breaker.begin(0.0))
    assert breaker.circuit(0.0) is Circuit.OPEN
    assert not breaker.allows(OPEN_S - 0.01)
    assert breaker.allows(OPEN_S)
    assert breaker.begin(OPEN_S)
    assert not breaker.allows(OPEN_S)  # one probe at a time
    breaker.end(OPEN_S + 1, failed=False, probe=True)
    assert breaker.circuit(OPEN_S + 1) is Circuit.CLOSED


def test_each_probe_that_fails_doubles_the_wait_up_to_a_limit() -> None:
    breaker, now_s, waits = CircuitBreaker(), 0.0, []
    for _ in range(FEWEST):
        breaker.end(now_s, failed=True, probe=False)
    for _ in range(8):
        began_s = now_s
        while not breaker.allows(now_s):
            now_s += 0.5
        waits.append(now_s - began_s)
        breaker.end(now_s, failed=True, probe=breaker.begin(now_s))
    assert waits == [2, 4, 8, 16, 30, 30, 30, 30]
    assert waits[-1] == LONGEST_S


def test_failures_among_many_successes_open_nothing_and_a_cancelled_probe_gives_its_place_back() -> None:
    breaker = CircuitBreaker()
    for n in range(100):
        breaker.end(0.0, failed=n % 3 == 0, probe=False)
    assert breaker.circuit(0.0) is Circuit.CLOSED
    for _ in range(20):
        breaker.end(0.0, failed=True, probe=False)
    probe = breaker.begin(OPEN_S)
    breaker.end(OPEN_S, failed=None, probe=probe)
    assert breaker.allows(OPEN_S)


def test_a_provider_that_is_down_is_passed_over_and_with_nobody_else_the_caller_is_told_at_once() -> None:
    async def scene() -> tuple[list[str], int, str, float]:
        down, well = Provider("down", fails(FailureReason.UNAVAILABLE)), Provider("well", takes(0.1))
        router = ModelRouter({"answer": [down, well], "alone": [down]})
        answered = [await outcome(router) for _ in range(12)]
        began_s = asyncio.get_running_loop().time()
        alone = await outcome(router, model="alone")
        return answered, len(down.asked), alone, asyncio.get_running_loop().time() - began_s

    answered, asked, alone, took_s = run_virtual(scene())
    assert set(answered) == {"well"}
    assert asked == FEWEST
    assert (alone, took_s) == ("circuit_open", 0.0)


# --- one answer, one run ---------------------------------------------------------------------------------------------


def test_who_has_told_a_sentence_fails_rather_than_hand_over() -> None:
    async def speaks_and_dies(request: CompletionRequest) -> str:
        assert request.on_sentence
        request.on_sentence(Sentence("It is free.", "a", "m", 100.0, 200.0))
        raise ProviderError(FailureReason.UNAVAILABLE, "a")

    async def scene() -> tuple[str, list[str], int]:
        second, told = Provider("b", takes(0.1)), list[str]()
        router = ModelRouter({"answer": [Provider("a", speaks_and_dies), second]})
        came = await outcome(router, on_sentence=lambda sentence: told.append(sentence.text))
        return came, told, len(second.asked)

    assert run_virtual(scene()) == ("unavailable", ["It is free."], 0)


# --- quantiles -------------------------------------------------------------------------------------------------------


def test_too_few_calls_say_nothing_about_a_tail() -> None:
    assert quantile_ms([Took(10.0, True)] * (ENOUGH - 1), 0.9) is None
    assert quantile_ms([Took(10.0, True)] * ENOUGH, 0.9) == 10.0
    assert quantile_ms([Took(10.0, False)] * 500, 0.9) is None


def test_calls_cut_off_neither_shorten_the_tail_nor_vanish_from_it() -> None:
    whole = [Took(float(ms), True) for ms in range(1, 101)]
    assert quantile_ms(whole, 0.9) == 90.0
    cut_at_80 = [took if took.ms <= 80 else Took(80.0, False) for took in whole]
    assert quantile_ms(cut_at_80, 0.8) == 80.0
    assert quantile_ms(cut_at_80, 0.9) == 80.0  # nobody was waited for longer
    cut_early = [*whole, *[Took(1.0, False)] * 400]
    found = quantile_ms(cut_early, 0.9)
    assert found is not None
    assert found == pytest.approx(90, abs=1)


def test_the_pace_is_that_of_first_sentences_and_of_gaps() -> None:
    async def two_sentences(request: CompletionRequest) -> str:
        await asyncio.sleep(0.3)
        assert request.on_sentence
        request.on_sentence(Sentence("One.", "a", "m", 100.0, 300.0))
        await asyncio.sleep(0.1)
        return "One. Two."

    async def scene() -> Any:
        router = ModelRouter({"answer": [Provider("a", two_sentences)]})
        before = router.pace("answer", "answer", 0.9)
        for _ in range(ENOUGH):
            await router.complete(request(on_sentence=lambda sentence: None))
        return before, router.pace("answer", "answer", 0.9), router.pace("unknown", "answer", 0.9)

    before, known, unknown = run_virtual(scene())
    assert (before.first_ms, before.cost_micros, unknown) == (None, None, None)
    assert (known.provider, known.samples, known.cost_micros) == ("a", ENOUGH, 70)
    assert (known.first_ms, known.gap_ms) == (pytest.approx(300), pytest.approx(100))


# --- what a loser costs ----------------------------------------------------------------------------------------------


def test_a_cancelled_stream_costs_what_was_sent_and_heard_and_says_that_it_is_an_estimate() -> None:
    config = quick_config(
        llm={
            "stall_share": 1.0,
            "stall_after_tokens": 8,
            "stall_s": 30.0,
            "canned": "It is free. It comes by post today.",
        }
    )

    async def scene() -> Spent | None:
        meter = metering.begin()
        async with running(config) as server:
            prices = {"emulated": Prices(input=1.0, output=4.0)}
            model = OpenAICompatible(
                OpenAISettings(api_key=KEY, model="emulated", url=f"{server.url}/v1", prices=prices)
            )
            told = asyncio.Event()
            long = request(messages=(Message("user", "h" * 400),), on_sentence=lambda sentence: told.set())
            asked = asyncio.create_task(model.complete(long))
            await told.wait()
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            await model.close()
        return meter.total()

    spent = asyncio.run(scene())
    assert spent is not None
    assert spent.estimated
    assert (spent.provider, spent.model, spent.input_tokens) == ("openai", "emulated", 104)
    assert spent.output_tokens
    assert spent.cost_micros == 104 + 4 * spent.output_tokens


def test_an_answer_that_is_none_is_paid_for_as_its_provider_says() -> None:
    async def scene() -> Spent | None:
        meter = metering.begin()
        await outcome(ModelRouter({"answer": [Provider("a", takes(0.0))]}), json_schema={"type": "object"})
        return meter.total()

    assert run_virtual(scene()) == Spent("a", "m", None, None, 70, estimated=False)


def test_an_unknown_part_makes_the_sum_unknown_and_what_is_known_of_it_is_told() -> None:
    meter = metering.Meter([Spent("a", "m", 1, 1, None, False), Spent("b", "n", 2, 2, 5, True)])
    assert meter.total() == Spent("b", "n", 3, 3, None, True, known_micros=5)
    assert metering.Meter().total() is None


# --- after a limit ---------------------------------------------------------------------------------------------------


def extras_in_a_minute(comeback: Comeback, from_s: float, first_calls: int = 600) -> int:
    """How many of as many extra calls as first ones pass."""
    passed = 0
    for n in range(first_calls):
        now_s = from_s + 60.0 * n / first_calls
        comeback.first(now_s)
        if comeback.allows(now_s):
            comeback.take(now_s)
            passed += 1
    return passed


def test_what_is_extra_comes_back_slowly_and_begins_lower_after_each_further_refusal() -> None:
    comeback = Comeback()
    assert extras_in_a_minute(comeback, 0.0) == 600
    comeback.begin(60.0, 120.0)
    minutes = [extras_in_a_minute(comeback, 60.0 * n) for n in range(1, 9)]
    assert minutes[0] == 0
    assert minutes[1] == pytest.approx(600 * FIRST_SHARE * 1.44, abs=3)  # doubles within the minute
    assert minutes == sorted(minutes)
    assert minutes[-1] == 600
    comeback.begin(540.0, 540.0)
    assert extras_in_a_minute(comeback, 540.0) == pytest.approx(minutes[1], abs=1)
    comeback.begin(600.0, 600.0)
    assert extras_in_a_minute(comeback, 600.0) < minutes[1] * 0.6


def test_at_a_provider_that_had_no_more_attempts_at_once_come_back_slowly_too() -> None:
    async def scene() -> list[str]:
        answers = [fails(FailureReason.RATE_LIMITED, 9.0), takes(0.0)]

        async def first_refuses(request: CompletionRequest) -> str:
            return await answers[min(len(provider.asked) - 1, 1)](request)

        provider = Provider("a", first_refuses)
        router = ModelRouter({"answer": [provider]})
        came = [await outcome(router, timeout_ms=300)]
        await asyncio.sleep(61.0)
        for _ in range(40):
            came += [await outcome(router), await outcome(router, attempt=1)]
        return came

    came = run_virtual(scene())
    assert came[0] == "rate_limited"
    assert came[1::2] == ["a"] * 40
    assert came[2::2].count("a") == 2
