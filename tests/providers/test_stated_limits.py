"""A limit that no header tells, stated by whoever runs the process; and limits that count tokens."""

from __future__ import annotations

import asyncio

import pytest

from agent_core.metering import estimated_prompt_tokens
from agent_core.ports import Allowance, CompletionRequest, CompletionResult, FailureReason, Left, Message, ProviderError
from providers.model_router import ModelRouter
from providers.spare_rate import SpareRate
from providers.stated_limits import StatedLimits
from simulation.virtual_loop import run_virtual

STATED_PER_S = 10.0
SECONDS = 12  # of first calls before an extra one is asked for


class Silent:
    """Answers at once, and tells of its limits what it is given."""

    name = "a"

    def __init__(self, tells: Allowance | None = None) -> None:
        self._tells = tells

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        return CompletionResult("fine", self.name, "m", allowance=self._tells)

    async def close(self) -> None:
        """Nothing is held."""


def request(attempt: int = 0, max_tokens: int = 90) -> CompletionRequest:
    said = (Message("user", "how long until my card"),)
    return CompletionRequest("answer", "answer", said, attempt=attempt, extra=attempt > 0, max_tokens=max_tokens)


TAKES_TOKENS = estimated_prompt_tokens(request().messages) + request().max_tokens


async def outcome(router: ModelRouter, first_calls_per_s: int) -> str:
    """Of an extra call behind so many first ones."""
    for _ in range(SECONDS * first_calls_per_s):
        await router.complete(request())
        await asyncio.sleep(1 / first_calls_per_s)
    try:
        return (await router.complete(request(attempt=1))).provider
    except ProviderError as error:
        return error.reason.value


def after(first_calls_per_s: int, stated: StatedLimits, tells: Allowance | None = None) -> str:
    router = ModelRouter({"answer": [Silent(tells)]}, stated={"a": stated})
    return run_virtual(outcome(router, first_calls_per_s))


CAPPED = FailureReason.CAPPED.value
REQUESTS = StatedLimits(requests_per_minute=STATED_PER_S * 60)
TOKENS = StatedLimits(tokens_per_minute=STATED_PER_S * TAKES_TOKENS * 60)


@pytest.mark.parametrize("stated", [REQUESTS, TOKENS])
def test_extra_calls_are_made_only_where_first_ones_leave_something_of_a_stated_limit(stated: StatedLimits) -> None:
    assert after(2, stated) == "a"
    assert after(10, stated) == CAPPED
    assert after(10, StatedLimits()) == "a", "nobody knows of a limit"


def test_before_the_first_call_a_stated_limit_is_known() -> None:
    assert not SpareRate(STATED_PER_S).allows(0.0)
    assert SpareRate().allows(0.0)


@pytest.mark.parametrize("told_per_s", [STATED_PER_S, 1000.0])
def test_of_what_is_stated_and_what_is_told_the_lower_counts(told_per_s: float) -> None:
    told = Left(round(told_per_s * 60), round(told_per_s * 30), 30.0)
    others = StatedLimits(requests_per_minute=(1000.0 + STATED_PER_S - told_per_s) * 60)
    assert after(10, others, Allowance(requests=told)) == CAPPED
    assert after(2, others, Allowance(requests=told)) == "a"


def test_a_limit_of_tokens_that_is_told_is_kept_to() -> None:
    a_minute = round(STATED_PER_S * TAKES_TOKENS * 60)
    told = Allowance(requests=Left(10**6, 10**6, 0.0), tokens=Left(a_minute, a_minute // 2, 30.0))
    assert after(2, StatedLimits(), told) == "a"
    assert after(10, StatedLimits(), told) == CAPPED


def test_a_few_large_calls_leave_less_of_a_limit_than_as_many_tokens_in_small_ones() -> None:
    small, large = SpareRate(100.0), SpareRate(100.0)
    for second in range(60):
        for _ in range(10):
            small.first(float(second), 4.0)
        if second % 10 == 0:
            large.first(float(second), 400.0)
    assert small.allows(60.0)
    assert not large.allows(60.0), "it may as well be that more of them come"


class Away:
    """Fails."""

    name = "away"

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        raise ProviderError(FailureReason.UNAVAILABLE, self.name)

    async def close(self) -> None:
        """Nothing is held."""


def test_first_calls_that_another_provider_failed_count_where_they_are_made() -> None:
    router = ModelRouter({"answer": [Away(), Silent()]}, stated={"a": REQUESTS})
    assert run_virtual(outcome(router, 10)) == CAPPED


class First(Silent):
    """Asked first in its route."""

    name = "first"


def test_at_a_provider_that_takes_no_first_calls_all_of_its_limit_is_to_spare() -> None:
    router = ModelRouter({"answer": [First(), Silent()]}, stated={"a": REQUESTS})
    assert run_virtual(outcome(router, 10)) == "a"
