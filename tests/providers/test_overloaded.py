"""A provider that says that it is overloaded is at its limit, and not broken: whatever status it says it with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, Message, ProviderError
from providers.circuit_breaker import FEWEST
from providers.model_router import ModelRouter
from providers.openai_compatible import OpenAICompatible, OpenAISettings
from simulation.virtual_loop import run_virtual
from tests.emulators.harness import KEY, quick_config, running
from tests.support import unhurried

BACK_IN_S = 1.0


class Overloaded:
    """Fails so many calls, then answers."""

    name = "a"

    def __init__(self, calls: int, retry_after_s: float | None) -> None:
        self._left, self._retry_after_s = calls, retry_after_s
        self.asked = 0

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        self.asked += 1
        refuses, self._left = self._left > 0, self._left - 1
        await asyncio.sleep(0.01)  # so that those that come together are refused together
        if refuses:
            raise ProviderError(FailureReason.UNAVAILABLE, self.name, retry_after_s=self._retry_after_s)
        return CompletionResult("fine", self.name, "m")

    async def close(self) -> None:
        """Nothing is held."""


def request(attempt: int = 0) -> CompletionRequest:
    return CompletionRequest("answer", "answer", (Message("user", "hello"),), attempt=attempt, extra=attempt > 0)


async def outcomes(provider: Overloaded, attempts: Sequence[int]) -> list[str]:
    router = ModelRouter({"answer": [provider]})

    async def one(attempt: int) -> str:
        try:
            return (await router.complete(request(attempt))).provider
        except ProviderError as error:
            return error.reason.value

    return [await one(attempt) for attempt in attempts]


def test_whoever_says_when_to_come_back_is_asked_for_nothing_extra() -> None:
    provider = Overloaded(1, BACK_IN_S)
    assert run_virtual(outcomes(provider, (0, 1))) == ["a", "capped"]
    assert provider.asked == 2


def test_it_is_waited_for_and_no_call_is_lost() -> None:
    async def scene() -> list[str]:
        router = ModelRouter({"answer": [Overloaded(2 * FEWEST, BACK_IN_S)]})
        came = await asyncio.gather(*(router.complete(request()) for _ in range(2 * FEWEST)))
        return [result.provider for result in came]

    assert run_virtual(scene()) == ["a"] * 2 * FEWEST


def test_whoever_fails_and_says_no_more_is_broken() -> None:
    came = run_virtual(outcomes(Overloaded(FEWEST, None), [0] * (FEWEST + 1)))
    assert came == ["unavailable"] * FEWEST + ["circuit_open"]


@pytest.mark.parametrize(("status", "reason"), [(529, FailureReason.RATE_LIMITED), (503, FailureReason.UNAVAILABLE)])
def test_what_a_status_means(status: int, reason: FailureReason) -> None:
    async def scene() -> ProviderError:
        config = quick_config(faults=[{"fault": "server_error", "status": status, "retry_after_s": 2}])
        async with running(config) as server:
            model = OpenAICompatible(OpenAISettings(api_key=KEY, model="emulated", url=f"{server.url}/v1"))
            with pytest.raises(ProviderError) as failed:
                await model.complete(request())
            await model.close()
            return failed.value

    failure = unhurried(scene())
    assert (failure.reason, failure.retry_after_s) == (reason, 2.0)
