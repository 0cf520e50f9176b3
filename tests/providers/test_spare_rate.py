"""Whether a provider that tells its limit has calls to spare."""

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
from providers.spare_rate import WATCHED_S, SpareRate
from simulation.virtual_loop import run_virtual

USUAL_S, TOLD_PER_S = 0.1, 40.0


def watched(per_s: int, limit_per_s: float | None, seconds: int = 20) -> SpareRate:
    spare = SpareRate()
    for second in range(seconds + 1):
        for _ in range(per_s):
            spare.first(float(second))
    if limit_per_s is not None:
        spare.tell(half_left(limit_per_s), float(seconds))
    return spare


def half_left(per_s: float) -> Left:
    """Of a bucket that holds a minute's."""
    limit = round(60 * per_s)
    return Left(limit, limit - limit // 2, 30.0)


def told(per_s: float) -> Allowance:
    return Allowance(half_left(per_s))


def test_where_no_limit_is_told_nothing_is_held_back() -> None:
    assert watched(90, None).allows(20.0)


def test_what_first_calls_leave_of_a_limit_is_to_spare() -> None:
    assert watched(45, 90.0).allows(20.0)
    assert not watched(70, 90.0).allows(20.0), "it may as well be 90: turns come by chance, and bring ten calls each"
    assert not watched(90, 90.0).allows(20.0)


def test_who_has_just_begun_holds_back_until_it_has_seen_enough() -> None:
    begun = watched(9, 90.0, seconds=0)
    assert not begun.allows(1.0)
    assert begun.allows(4.0)
    assert not watched(45, 90.0, seconds=3).allows(3.0)


def test_a_beginning_with_calls_to_spare_is_in_doubt_until_it_was_watched_for_longer() -> None:
    begun = watched(30, 90.0, seconds=5)
    assert begun.allows(5.0)
    assert begun.in_doubt(5.0), "its turns may not have asked for all that they will"
    assert not watched(30, 90.0, seconds=20).in_doubt(20.0)
    assert not watched(30, None, seconds=5).in_doubt(5.0)


def test_what_came_long_ago_counts_no_more() -> None:
    busy = watched(90, 90.0, seconds=60)
    assert not busy.allows(60.0 + min(WATCHED_S) + 0.1), "a lull, for all that one knows"
    assert busy.allows(60.0 + max(WATCHED_S) + 0.1)


def test_a_lull_at_the_limit_is_no_room() -> None:
    lulled = watched(90, 90.0, seconds=60)
    for second in range(61, 72):
        lulled.first(float(second))
    assert not lulled.allows(71.0)
    assert watched(45, 90.0, seconds=60).allows(60.0)


class TenASecond:
    """A provider that tells its limit with each answer."""

    name = "a"

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        return CompletionResult("fine", self.name, "m", allowance=told(10.0))

    async def close(self) -> None:
        """Nothing is held."""


async def extra_call_after(first_calls_per_s: int) -> CompletionResult:
    def request(attempt: int) -> CompletionRequest:
        said = (Message("user", "hello"),)
        return CompletionRequest(purpose="answer", model="answer", messages=said, attempt=attempt, extra=attempt > 0)

    router = ModelRouter({"answer": [TenASecond()]})
    for _ in range(12 * first_calls_per_s):
        await router.complete(request(attempt=0))
        await asyncio.sleep(1 / first_calls_per_s)
    return await router.complete(request(attempt=1))


def test_a_router_makes_no_extra_call_where_first_ones_take_all_that_a_provider_says_it_allows() -> None:
    assert run_virtual(extra_call_after(first_calls_per_s=2)).provider == "a"
    with pytest.raises(ProviderError) as failure:
        run_virtual(extra_call_after(first_calls_per_s=10))
    assert failure.value.reason is FailureReason.CAPPED


class Usual:
    """Takes ``USUAL_S``; tells its limit."""

    name = "a"

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        await asyncio.sleep(USUAL_S)
        return CompletionResult("fine", self.name, "m", allowance=told(TOLD_PER_S))

    async def close(self) -> None:
        """Nothing is held."""


async def further_attempt_takes_s(after_s: float, timeout_ms: int = 6000, *, late: bool = True) -> float:
    """From asking for it, once first calls were made for so long. ``late``: else it is one that starts with its ask."""

    def request(attempt: int) -> CompletionRequest:
        return CompletionRequest(
            purpose="answer",
            model="answer",
            messages=(Message("user", "hello"),),
            attempt=attempt,
            extra=attempt > 0 and late,
            timeout_ms=timeout_ms,
        )

    loop, router = asyncio.get_running_loop(), ModelRouter({"answer": [Usual()]})
    for _ in range(round(after_s / USUAL_S)):
        await router.complete(request(0))
    began_s = loop.time()
    await router.complete(request(1))
    return loop.time() - began_s


@pytest.mark.parametrize("late", [True, False])
def test_in_doubt_a_further_attempt_waits_until_its_ask_has_stalled(late: bool) -> None:
    took_s = run_virtual(further_attempt_takes_s(4.0, late=late))
    assert took_s == pytest.approx(3 * USUAL_S + USUAL_S)


def test_without_doubt_it_starts_at_once() -> None:
    assert run_virtual(further_attempt_takes_s(15.0)) == pytest.approx(USUAL_S)


def test_one_that_would_start_when_its_time_is_up_is_capped() -> None:
    with pytest.raises(ProviderError) as failure:
        run_virtual(further_attempt_takes_s(4.0, timeout_ms=300))
    assert failure.value.reason is FailureReason.CAPPED
