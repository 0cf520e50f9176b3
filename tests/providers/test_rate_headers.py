"""What a provider says is left of its limits: read from headers, kept for first calls, told by the emulator through the SDK."""

from __future__ import annotations

import asyncio

import pytest

from agent_core.ports import (
    Allowance,
    CompletionRequest,
    CompletionResult,
    FailureReason,
    Left,
    Message,
    ProviderError,
)
from providers.model_router import ModelRouter
from providers.openai_compatible import OpenAICompatible, OpenAISettings
from providers.rate_headers import allowance, duration_s
from simulation.virtual_loop import run_virtual
from tests.emulators.harness import KEY, quick_config, running
from tests.support import unhurried


def headers(counted: str, limit: str, remaining: str, reset: str) -> dict[str, str]:
    return {
        f"x-ratelimit-{what}-{counted}": value
        for what, value in (("limit", limit), ("remaining", remaining), ("reset", reset))
    }


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("12ms", 0.012),
        ("7.66s", 7.66),
        ("1h2m3s", 3723.0),
        ("2m59.56s", 179.56),
        ("3", 3.0),
    ],
)
def test_a_reset_is_read_in_every_form_that_vendors_send(told: str, seconds: float) -> None:
    assert duration_s(told) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "told",
    ["", "-", "soon", "1s ago", "-1s", "1m-3s", "2026-11-22T00:00:00Z", "nan", "inf", "1e9", "٣s", "9" * 400 + "h"],
)
def test_a_reset_that_is_none_is_not_guessed_at(told: str) -> None:
    assert duration_s(told) is None


def test_the_scarcer_of_requests_and_tokens_counts() -> None:
    both = headers("requests", "60", "59", "1s") | headers("tokens", "150000", "1500", "6m0s")
    told = allowance(both)
    assert told == Allowance(Left(60, 59, 1.0), Left(150_000, 1500, 360.0))
    assert told.scarcer() == told.tokens
    assert told.tokens is not None
    assert told.tokens.share == 0.01


@pytest.mark.parametrize(
    "told",
    [
        {},
        headers("requests", "0", "0", "1s"),
        headers("requests", "sixty", "59", "1s"),
        headers("requests", "60", "-1", "1s"),
        headers("tokens", "60", "59", "tomorrow"),
        headers("tokens", "-", "-", "-"),
        headers("tokens", "-60", "59", "1s"),
        headers("tokens", "60", "59", "-6ms"),
        headers("tokens", "9" * 5000, "9" * 5000, "1s"),
    ],
)
def test_what_cannot_be_read_says_nothing(told: dict[str, str]) -> None:
    assert allowance(told) is None


class Telling:
    """Answers at once, and says of its limits what ``tells`` has next; at its end the last stays."""

    name = "telling"

    def __init__(self, *tells: Allowance | None) -> None:
        self._tells = list(tells)

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        left = self._tells.pop(0) if len(self._tells) > 1 else self._tells[0]
        return CompletionResult("fine", self.name, "m", allowance=left)

    async def close(self) -> None:
        """Nothing is held."""


def request(attempt: int = 0) -> CompletionRequest:
    return CompletionRequest(purpose="answer", model="answer", messages=(Message("user", "hello"),), attempt=attempt)


async def outcome(router: ModelRouter, attempt: int) -> str:
    try:
        return (await router.complete(request(attempt))).provider
    except ProviderError as error:
        return error.reason.value


def test_the_last_of_a_limit_is_left_to_first_calls_until_all_of_it_is_back() -> None:
    async def scene() -> list[str]:
        router = ModelRouter({"answer": [Telling(Allowance(Left(100, 9, 5.0)), None)]})
        came = [await outcome(router, attempt) for attempt in (0, 1, 0)]
        await asyncio.sleep(5.0)
        return [*came, await outcome(router, 1)]

    assert run_virtual(scene()) == ["telling", "capped", "telling", "telling"]


def test_an_answer_that_tells_of_more_lets_extra_calls_begin_again() -> None:
    async def scene() -> list[str]:
        router = ModelRouter({"answer": [Telling(Allowance(Left(100, 9, 60.0)), Allowance(Left(100, 10, 60.0)))]})
        came = [await outcome(router, 0)]
        await asyncio.sleep(15.0)  # it has seen that few calls come
        return [*came, *[await outcome(router, attempt) for attempt in (1, 0, 1)]]

    assert run_virtual(scene()) == ["telling", "capped", "telling", "telling"]


def test_the_emulator_tells_it_and_the_sdk_hears_it() -> None:
    async def scene() -> tuple[list[Allowance | None], FailureReason]:
        async with running(quick_config(rate_limit={"requests_per_s": 0.01, "burst": 4})) as server:
            settings = OpenAISettings(api_key=KEY, model="emulated", url=f"{server.url}/v1")
            model = OpenAICompatible(settings)
            told = [(await model.complete(request())).allowance for _ in range(4)]
            with pytest.raises(ProviderError) as refused:
                await model.complete(request())
            await model.close()
        return told, refused.value.reason

    told, reason = unhurried(scene())
    left = [one.requests if one else None for one in told]
    assert [one.share if one else None for one in left] == [0.75, 0.5, 0.25, 0.0]
    assert all(one and 90 * n < one.resets_in_s <= 100 * n for n, one in enumerate(left, start=1))
    assert reason is FailureReason.RATE_LIMITED


def test_a_provider_without_limits_tells_nothing() -> None:
    async def scene() -> Allowance | None:
        async with running(quick_config()) as server:
            model = OpenAICompatible(OpenAISettings(api_key=KEY, model="emulated", url=f"{server.url}/v1"))
            told = (await model.complete(request())).allowance
            await model.close()
        return told

    assert unhurried(scene()) is None
