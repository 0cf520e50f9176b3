"""Who waits for a provider at its limit: nobody is lost, first attempts go before further ones, and no herd comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, Message, ProviderError
from emulators.state import TokenBucket
from providers.model_router import ModelRouter
from providers.waiting_line import FIRST_GAP_S, LEAST_GAP_S, MOST_GAP_S, Rank, WaitingLine
from simulation.virtual_loop import run_virtual

URGENT, HEDGE, DEFERRABLE = (False, False), (False, True), (True, False)


class Limited:
    """Refuses above its limit, as vendors do; answers after ``takes_s``. ``asked``: what was let in, ``refused``: how often
    it said no."""

    name = "limited"

    def __init__(self, per_s: float, burst: int, takes_s: float = 0.4, retry_after_s: float | None = None) -> None:
        self._limit, self._takes_s, self._retry_after_s = (
            (per_s, burst),
            takes_s,
            retry_after_s,
        )
        self._bucket: TokenBucket | None = None
        self.asked: list[str] = []
        self.refused = 0

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        now_s = asyncio.get_running_loop().time()
        self._bucket = self._bucket or TokenBucket(*self._limit, now_s)
        wait_s = self._bucket.take(now_s)
        if wait_s is not None:
            self.refused += 1
            raise ProviderError(FailureReason.RATE_LIMITED, self.name, retry_after_s=self._retry_after_s or wait_s)
        self.asked.append(request.label)
        await asyncio.sleep(self._takes_s)
        return CompletionResult("fine", self.name, "m")

    async def close(self) -> None:
        """Nothing is held."""


def request(label: str = "", **changes: Any) -> CompletionRequest:
    about: dict[str, Any] = {"purpose": "answer", "model": "answer", "messages": (Message("user", "hello"),)}
    return CompletionRequest(**(about | {"label": label, "timeout_ms": 6000} | changes))


async def outcome(router: ModelRouter, asked: CompletionRequest) -> str:
    try:
        return (await router.complete(asked)).provider
    except ProviderError as error:
        return error.reason.value


def test_over_the_limit_everybody_waits_and_nobody_is_lost() -> None:
    async def scene() -> tuple[list[str], Limited]:
        limited = Limited(per_s=50.0, burst=10)
        router = ModelRouter({"answer": [limited]})
        return list(await asyncio.gather(*(outcome(router, request()) for _ in range(120)))), limited

    came, limited = run_virtual(scene())
    assert came == ["limited"] * 120
    assert limited.refused < 120 + 30  # each of the herd once; from then on the line finds the rate


def test_a_limit_that_is_nearly_reached_all_the_time_costs_few_refusals() -> None:
    async def scene() -> tuple[list[str], Limited]:
        limited = Limited(per_s=50.0, burst=5)
        router = ModelRouter({"answer": [limited]})
        asked = []
        for _ in range(1000):
            asked.append(asyncio.create_task(outcome(router, request())))
            await asyncio.sleep(1 / 48)
        return [await one for one in asked], limited

    came, limited = run_virtual(scene())
    assert set(came) == {"limited"}
    assert limited.refused < 50


def test_first_attempts_go_before_further_ones_and_what_may_wait_goes_last() -> None:
    async def scene() -> list[str]:
        line, order = WaitingLine(), list[str]()
        line.close(asyncio.get_running_loop().time() + 1.0)

        async def wait(name: str, kind: tuple[bool, bool], came: int) -> None:
            assert await line.turn(Rank(*kind, came), asyncio.get_running_loop().time() + 9.0)
            order.append(name)

        waiting = (("later", DEFERRABLE), ("hedge", HEDGE), ("first", URGENT), ("hedge 2", HEDGE), ("second", URGENT))
        await asyncio.gather(*(wait(name, kind, came) for came, (name, kind) in enumerate(waiting)))
        return order

    assert run_virtual(scene()) == ["first", "second", "hedge", "hedge 2", "later"]


def test_a_hedge_takes_no_place_that_a_first_attempt_waits_for() -> None:
    async def scene() -> list[str]:
        limited = Limited(per_s=2.0, burst=1)
        router = ModelRouter({"answer": [limited]})
        asked = [request("one"), request("two"), request("hedge", attempt=1, extra=True), request("three")]
        tasks = []
        for each in asked:
            tasks.append(asyncio.create_task(outcome(router, each)))
            await asyncio.sleep(0.01)
        came = [await task for task in tasks]
        assert came == ["limited", "limited", "capped", "limited"]
        return limited.asked

    assert run_virtual(scene()) == ["one", "two", "three"]


def test_who_was_refused_keeps_the_place_that_it_came_for() -> None:
    async def scene() -> list[str]:
        limited = Limited(per_s=1.0, burst=1, retry_after_s=0.3)
        router = ModelRouter({"answer": [limited]})
        await asyncio.gather(*(outcome(router, request(str(number))) for number in range(3)))
        return limited.asked

    assert run_virtual(scene()) == ["0", "1", "2"]


def test_a_line_that_opens_too_late_sends_away_at_once_those_who_cannot_wait() -> None:
    async def scene() -> tuple[list[bool], float]:
        loop = asyncio.get_running_loop()
        line, began_s = WaitingLine(), loop.time()
        line.close(began_s + 1.0)
        patient = asyncio.create_task(line.turn(Rank(*URGENT, 0), began_s + 60.0))
        hasty = asyncio.create_task(line.turn(Rank(*URGENT, 1), began_s + 4.0))
        await asyncio.sleep(0)
        line.close(began_s + 30.0)
        sent_away, at_s = await hasty, loop.time() - began_s
        return [sent_away, await patient], at_s

    assert run_virtual(scene()) == ([False, True], 0.0)


def test_an_account_that_is_used_up_is_not_waited_for_until_the_deadline() -> None:
    async def scene() -> tuple[list[str], float]:
        used_up = Limited(per_s=0.001, burst=1, retry_after_s=1.0)
        router = ModelRouter({"answer": [used_up]})
        await router.complete(request("the last"))
        began_s = asyncio.get_running_loop().time()
        came = await asyncio.gather(*(outcome(router, request(timeout_ms=20_000)) for _ in range(9)))
        return list(came), asyncio.get_running_loop().time() - began_s

    came, took_s = run_virtual(scene())
    assert came == ["rate_limited"] * 9
    assert took_s == pytest.approx(2.0, abs=0.2)


def test_who_gives_up_leaves_the_line() -> None:
    async def scene() -> list[bool]:
        loop = asyncio.get_running_loop()
        line, began_s = WaitingLine(), loop.time()
        line.close(began_s + 1.0)
        gone = asyncio.create_task(line.turn(Rank(*URGENT, 0), began_s + 9.0))
        await asyncio.sleep(0)
        gone.cancel()
        late = asyncio.create_task(line.turn(Rank(*URGENT, 1), began_s + 0.5))
        await asyncio.gather(gone, return_exceptions=True)
        return [gone.cancelled(), await late, line.free(began_s + 1.0)]

    assert run_virtual(scene()) == [True, False, True]


def gap_after(*steps: Callable[[WaitingLine, float], None]) -> float:
    line = WaitingLine()
    for at_s, step in enumerate(steps, start=1):
        step(line, float(at_s))
    return line.gap_s


def refuse(line: WaitingLine, at_s: float) -> None:
    line.slow_down(at_s, at_s)


def refuse_what_was_on_the_way(line: WaitingLine, at_s: float) -> None:
    line.slow_down(0.5, at_s)


def test_refusals_double_the_gap_once_each_time_that_it_was_tried() -> None:
    assert gap_after(refuse) == FIRST_GAP_S
    assert gap_after(refuse, refuse_what_was_on_the_way, refuse_what_was_on_the_way) == FIRST_GAP_S
    assert gap_after(refuse, refuse) == 2 * FIRST_GAP_S
    assert gap_after(*[refuse] * 12) == MOST_GAP_S


def test_a_gap_shrinks_with_everyone_let_through_until_there_is_none() -> None:
    async def scene() -> list[float]:
        line, gaps = WaitingLine(), list[float]()
        line.slow_down(1.0, asyncio.get_running_loop().time())
        while line.gap_s:
            gaps.append(line.gap_s)
            assert await line.turn(Rank(*URGENT, len(gaps)), asyncio.get_running_loop().time() + 9.0)
        return gaps

    gaps = run_virtual(scene())
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] >= LEAST_GAP_S
    assert len(gaps) < 100
